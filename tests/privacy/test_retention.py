"""What time removes: contact data 90 days after the race, who got what after two years, opt-outs never."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, date, datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from people import DUE, RACE_DAY, a_campaign, a_step, an_event, claim_at, entrant, entrants, queue, the_step

from campaigns import ledger, optout, privacy
from campaigns.models import (
    Attempt,
    ConsentEvent,
    Delivery,
    Entrant,
    Event,
    InboundText,
    Receipt,
    Suppression,
)
from campaigns.models.words import Channel
from campaigns.privacy import erasing, retention

pytestmark = pytest.mark.django_db


def after(days: int) -> datetime:
    """Noon in UTC, so many days after the race."""
    return datetime(RACE_DAY.year, RACE_DAY.month, RACE_DAY.day, 12, tzinfo=UTC) + timedelta(days=days)


def retain_all(now: datetime) -> None:
    while privacy.retain(now).more:
        pass


def sent(event: Event, count: int = 3) -> list[Entrant]:
    step = the_step(a_campaign(event, a_step()))
    people = entrants(event, count)
    queue(step, people)
    results = [
        ledger.Result(c.delivery, c.claim, c.carrier, "accepted", version=step.version_id)
        for group in claim_at(DUE, step).groups
        for c in group
    ]
    ledger.settle(Channel.EMAIL, results, DUE)
    return people


def test_contact_data_stays_for_ninety_days_and_then_goes() -> None:
    person = entrant(an_event())
    retain_all(after(90))
    person.refresh_from_db()
    assert person.email
    retain_all(after(91))
    person.refresh_from_db()
    assert (person.email, person.first_name, person.mobile, person.birth_date) == ("", "", "", None)
    assert not Suppression.objects.exists()


def test_the_terms_are_the_events_own() -> None:
    short, usual = entrant(an_event(contact_days=10)), entrant(an_event())
    retain_all(after(11))
    short.refresh_from_db()
    usual.refresh_from_db()
    assert short.email == ""
    assert usual.email


def test_an_event_with_more_people_than_a_piece_is_emptied_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "PIECE", 2)
    event = an_event()
    entrants(event, 5)
    assert privacy.retain(after(91)).more
    assert event.entrants.exclude(email="").count() == 3
    retain_all(after(91))
    assert not event.entrants.exclude(email="").exists()


def test_a_list_that_comes_late_is_emptied_as_well() -> None:
    event = an_event()
    entrant(event)
    retain_all(after(91))
    late = entrant(event)
    retain_all(after(92))
    late.refresh_from_db()
    assert late.email == ""


def test_who_got_what_stays_for_two_years_and_then_totals_alone() -> None:
    event = an_event()
    sent(event)
    retain_all(after(91))
    retain_all(after(720))
    assert Delivery.objects.count() == 3
    retain_all(datetime(2029, 9, 20, 12, tzinfo=UTC))
    assert not Delivery.objects.exists()
    assert not Attempt.objects.exists()
    assert not Entrant.objects.exists()
    assert not ConsentEvent.objects.exists()
    assert the_step(event.campaign).totals == {"sent": 3}


def test_totals_add_up_over_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 2)
    event = an_event()
    sent(event, 5)
    retain_all(datetime(2029, 9, 20, 12, tzinfo=UTC))
    assert the_step(event.campaign).totals == {"sent": 5}


def test_a_family_that_shared_a_message_is_removed_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 1)
    event = an_event()
    step = the_step(a_campaign(event, a_step(more='per = "address"')))
    people = [entrant(event, email="home@example.org") for _ in range(3)]
    queue(step, people)
    results = [
        ledger.Result(c.delivery, c.claim, c.carrier, "accepted", version=step.version_id)
        for group in claim_at(DUE, step).groups
        for c in group
    ]
    ledger.settle(Channel.EMAIL, results, DUE)
    retain_all(datetime(2029, 9, 20, 12, tzinfo=UTC))
    assert not Delivery.objects.exists()


def a_text(person: Entrant | None, at: datetime, sid: str = "SM1") -> InboundText:
    return InboundText.objects.create(
        sid=sid, entrant=person, kind="text", number="+447700900123", number_hash=b"x" * 32, body="My knee hurts",
        received_at=at,
    )  # fmt: skip


def test_what_people_texted_goes_with_their_contact_data_and_a_strangers_after_ninety_days() -> None:
    person = entrant(an_event())
    own, strange = a_text(person, after(1)), a_text(None, after(1), "SM2")
    retain_all(after(90))
    for text in (own, strange):
        text.refresh_from_db()
        assert text.body
    retain_all(after(92))
    for text in (own, strange):
        text.refresh_from_db()
        assert (text.body, text.number) == ("", "")


def test_receipts_and_texts_go_with_the_facts() -> None:
    event = an_event()
    [person] = sent(event, 1)
    a_text(person, after(1))
    row = Delivery.objects.get()
    Receipt.objects.create(
        provider="twilio", delivery=row.id, attempt=1, ref="SM1", status="delivered", standing="delivered", raw={},
        received_at=after(1),
    )  # fmt: skip
    retain_all(datetime(2029, 9, 20, 12, tzinfo=UTC))
    assert not Receipt.objects.exists()
    assert not InboundText.objects.exists()
    assert not Delivery.objects.exists()


def test_an_opt_out_stays_for_ever() -> None:
    person = entrant(an_event())
    optout.stop_tips_by_email(person)
    retain_all(datetime(2040, 1, 1, tzinfo=UTC))
    assert Suppression.objects.count() == 1


def test_a_race_to_come_is_left_alone() -> None:
    person = entrant(an_event(date(2031, 9, 19)))
    retain_all(after(400))
    person.refresh_from_db()
    assert person.email


def test_a_piece_takes_no_more_memory_than_its_ids_do() -> None:
    """The clock's worker empties it between ticks; what it once needed for a piece, it keeps for ever."""
    event = an_event(contact_days=90)
    entrants(event, retention.PIECE)
    ids = list(Entrant.objects.values_list("id", flat=True))
    tracemalloc.start()
    try:
        erasing.empty(ids)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
    assert Entrant.objects.filter(erased_at=None).count() == 0


def test_sessions_that_are_over_and_old_failed_sign_ins_go_and_others_stay() -> None:
    now = after(0)
    for key, hours in (("over", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(hours=hours))
    for name, hours in (("long ago", 25), ("today", 1)):
        tried = AccessAttempt.objects.create(username=name, failures_since_start=1)
        AccessAttempt.objects.filter(pk=tried.pk).update(attempt_time=now - timedelta(hours=hours))
    privacy.retain(now)
    assert [session.session_key for session in Session.objects.all()] == ["open"]
    assert [tried.username for tried in AccessAttempt.objects.all()] == ["today"]
