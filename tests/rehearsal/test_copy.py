"""A rehearsal leaves nothing behind, and nothing waits for it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, utils
from people import LEASE, a_campaign, a_step, an_event, elsewhere, entrant, entrants, queue, the_step
from reigate import dump

from campaigns import clock, ledger, rehearsal
from campaigns.models import AuditEntry, Delivery, Entrant, Outbox, Receipt, Step
from campaigns.models.words import Channel
from campaigns.rehearsal import running
from campaigns.rehearsal.copy import private_copy

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = datetime(2027, 6, 1, 9, tzinfo=UTC)


def test_the_database_is_the_same_row_for_row_after_a_rehearsal():
    event = an_event()
    entrants(event, 3)
    loaded = a_campaign(event, a_step(), catch_up=True)
    queue(the_step(loaded), [entrant(event)])
    before = dump()
    with clock.standing_at(BEFORE):
        found = rehearsal.rehearse(event, rehearsal.WhatIf(move_to=event.date + timedelta(days=7)))
    assert found.emails == 4
    assert dump() == before


def test_after_a_rehearsal_that_broke_the_connection_is_as_before(monkeypatch):
    event = an_event()
    a_campaign(event)
    before = dump()
    monkeypatch.setattr(running.Run, "go", lambda self, begun: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rehearsal.rehearse(event)
    assert dump() == before
    entrant(event)
    assert Entrant.objects.count() == 1


def test_what_is_not_copied_cannot_be_written_inside():
    event = an_event()
    a_campaign(event)
    with private_copy(event.id), pytest.raises(utils.InternalError, match="read-only"):
        AuditEntry.objects.create(at=BEFORE, who="ann@example.org", act="test")


def test_a_receipt_of_another_events_text_says_nothing_about_a_rehearsed_one():
    event, other = an_event(), an_event()
    text = a_step(channel="sms", template="hydration")
    entrants(event, 1)
    a_campaign(event, text)
    [live] = queue(the_step(a_campaign(other, text)), entrants(other, 1))
    for number in range(live.id - 2, live.id + 3):
        Receipt.objects.create(
            provider="twilio", delivery=number, attempt=1, ref="", status="failed", standing="not_delivered",
            raw={}, received_at=BEFORE,
        )  # fmt: skip
    with clock.standing_at(BEFORE):
        [person] = rehearsal.rehearse(event).people
    assert [line.state for line in person.lines] == ["sent"]


def test_two_rehearsals_one_after_the_other_find_the_same():
    event = an_event()
    entrants(event, 2)
    a_campaign(event)
    with clock.standing_at(BEFORE):
        assert rehearsal.rehearse(event) == rehearsal.rehearse(event)


def test_a_live_send_of_the_same_step_goes_on_during_a_rehearsal():
    event = an_event()
    people = entrants(event, 2)
    step = the_step(a_campaign(event))
    queue(step, people, due=BEFORE)

    def send() -> int:
        claim = ledger.claim(Channel.EMAIL, step.id, BEFORE, limit=10, lease=LEASE, holder="live")
        ledger.settle(
            Channel.EMAIL,
            [ledger.Result(row.delivery, row.claim, row.carrier, "accepted") for [row] in claim.groups],
            BEFORE,
        )
        ledger.bump_stop_signal()
        return Delivery.objects.filter(state="sent").count()

    with private_copy(event.id), clock.standing_at(BEFORE):
        copied = Step.objects.get()
        in_copy = ledger.claim(Channel.EMAIL, copied.id, BEFORE, limit=10, lease=LEASE, holder="rehearsal")
        ledger.bump_stop_signal()
        assert len(in_copy.groups) == 2
        assert elsewhere(send).result(timeout=10) == 2
        assert Delivery.objects.filter(state="sent").count() == 0


def test_what_a_live_drain_has_in_its_hands_is_rehearsed_as_sent_and_stays_in_its_hands():
    event = an_event()
    step = the_step(a_campaign(event))
    queue(step, entrants(event, 1), due=BEFORE)
    ledger.claim(Channel.EMAIL, step.id, BEFORE, limit=10, lease=LEASE, holder="live")
    with clock.standing_at(BEFORE):
        found = rehearsal.rehearse(event)
    assert found.emails == 1
    assert Outbox.objects.get().holder == "live"


def test_an_open_transaction_of_a_rehearsal_holds_no_lock_that_a_send_asks_for():
    """Inside one transaction too: the copy's steps have advisory locks of their own."""
    event = an_event()
    step = the_step(a_campaign(event))
    with private_copy(event.id):
        shifted = Step.objects.get().id
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            ledger.gate.lock(ledger.gate.QUEUE, shifted)

        def live() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [ledger.gate.QUEUE, step.id])
                return bool(cursor.fetchone()[0])

        free = elsewhere(live).result(timeout=10)
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
    assert free
