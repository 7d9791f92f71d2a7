"""Who wants to hear less is heard at once, for the whole address, and only as far as they said."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from reigate import (
    EMAIL_SPONSOR,
    EMAIL_TIPS,
    EVERYTHING,
    SMS_SERVICE,
    SMS_SPONSOR,
    SMS_TIPS,
    dump,
    granted,
    make_entrant,
    make_event,
    make_organiser,
    revision_of,
)

from campaigns import optout
from campaigns.models import ConsentEvent, Entrant, Suppression
from campaigns.models.words import Channel, Scope, SuppressionReason

pytestmark = pytest.mark.django_db

Press = Callable[[Entrant], bool]
PRESSES = [optout.stop_tips_by_email, optout.stop_tips_by_text, optout.stop_all_texts]


def suppressions() -> set[tuple[str, str, str]]:
    return set(Suppression.objects.values_list("channel", "scope", "reason"))


@pytest.mark.parametrize(
    ("press", "row", "left"),
    [
        (
            optout.stop_tips_by_email,
            ("email", "tips_and_sponsor", "unsubscribed"),
            {SMS_SERVICE, SMS_TIPS, SMS_SPONSOR},
        ),
        (
            optout.stop_tips_by_text,
            ("sms", "tips_and_sponsor", "unsubscribed"),
            {EMAIL_TIPS, EMAIL_SPONSOR, SMS_SERVICE},
        ),
        (optout.stop_all_texts, ("sms", "all", "unsubscribed"), {EMAIL_TIPS, EMAIL_SPONSOR}),
    ],
)
def test_a_stop_closes_its_channel_as_far_as_it_says(
    press: Press, row: tuple[str, str, str], left: set[tuple[str, str]]
) -> None:
    entrant = make_entrant(make_event())
    assert press(entrant)
    assert suppressions() == {row}
    assert granted(entrant) == left
    assert entrant.consents.exclude(granted=True).filter(withdrawn_at=None).count() == 0


@pytest.mark.parametrize("press", PRESSES)
def test_a_stop_is_told_in_the_consent_story_and_raises_the_revision(press: Press) -> None:
    event = make_event()
    entrant = make_entrant(event)
    before, told = revision_of(event), ConsentEvent.objects.count()
    press(entrant)
    assert revision_of(event) == before + 1
    story = ConsentEvent.objects.order_by("id")[told:]
    assert {(row.channel, row.purpose) for row in story} == set(EVERYTHING) - granted(entrant)
    assert not any(row.granted for row in story)


@pytest.mark.parametrize("press", PRESSES)
def test_a_second_press_changes_nothing_at_all(press: Press) -> None:
    entrant = make_entrant(make_event())
    press(entrant)
    before = dump()
    assert not press(entrant)
    assert dump() == before


def test_a_stop_counts_for_the_family_and_for_every_event_of_the_organiser() -> None:
    this_year, last_year = make_event(), make_event("run-reigate-2026")
    parent, child = make_entrant(this_year), make_entrant(this_year, mobile="+447700900456")
    earlier = make_entrant(last_year, email="ZOE@Example.com")
    revisions = revision_of(this_year), revision_of(last_year)
    optout.stop_tips_by_email(parent)
    assert not {EMAIL_TIPS, EMAIL_SPONSOR} & (granted(parent) | granted(child) | granted(earlier))
    assert (revision_of(this_year), revision_of(last_year)) == (revisions[0] + 1, revisions[1] + 1)


def test_a_stop_leaves_other_addresses_and_other_organisers_alone() -> None:
    event = make_event()
    elsewhere = make_event("dorking-10", make_organiser("dorking", "Dorking Runners"))
    stranger, same_person = make_entrant(event, email="ana@example.com"), make_entrant(elsewhere)
    revision = revision_of(elsewhere)
    optout.stop_tips_by_email(make_entrant(event))
    assert granted(stranger) == granted(same_person) == set(EVERYTHING)
    assert revision_of(elsewhere) == revision
    assert Suppression.objects.get().organiser == event.organiser


def test_a_stop_without_any_consent_still_closes_the_address() -> None:
    entrant = make_entrant(make_event(), yes=())
    assert optout.stop_tips_by_email(entrant)
    assert suppressions() == {("email", "tips_and_sponsor", "unsubscribed")}
    assert not ConsentEvent.objects.exists()


def test_an_entrant_without_an_address_withdraws_only_their_own_consents() -> None:
    event = make_event()
    entrant, other = make_entrant(event, email=""), make_entrant(event, email="")
    assert optout.stop_tips_by_email(entrant)
    assert not optout.stop_tips_by_email(entrant)
    assert not Suppression.objects.exists()
    assert EMAIL_TIPS not in granted(entrant)
    assert EMAIL_TIPS in granted(other)


def test_stop_every_text_after_stop_tips_closes_the_rest() -> None:
    entrant = make_entrant(make_event())
    optout.stop_tips_by_text(entrant)
    assert optout.stop_all_texts(entrant)
    assert suppressions() == {
        ("sms", "tips_and_sponsor", "unsubscribed"),
        ("sms", "all", "unsubscribed"),
    }
    assert granted(entrant) == {EMAIL_TIPS, EMAIL_SPONSOR}


def test_the_suppression_and_the_consents_are_locked_before_the_event() -> None:
    entrant = make_entrant(make_event())
    with CaptureQueriesContext(
        connection,
    ) as captured:
        optout.stop_tips_by_email(entrant)
    writes = [
        table
        for query in captured
        for table in ("suppressions", "consents", "consent_events", "events")
        if query["sql"].startswith((f'INSERT INTO "{table}"', f'UPDATE "{table}"', f"UPDATE {table} "))
    ]
    assert writes == ["suppressions", "consents", "consent_events", "events"]


def test_undo_gives_back_what_the_press_took_and_nothing_else() -> None:
    event = make_event()
    entrant = make_entrant(event, yes=(EMAIL_TIPS, SMS_SERVICE))
    sister = make_entrant(event, yes=(EMAIL_SPONSOR,))
    optout.stop_tips_by_email(entrant)
    revision = revision_of(event)
    assert optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="Send me tips again")
    assert granted(entrant) == {EMAIL_TIPS, SMS_SERVICE}
    assert granted(sister) == {EMAIL_SPONSOR}
    assert not Suppression.objects.exists()
    assert entrant.consents.get(channel="email").withdrawn_at is None
    assert ConsentEvent.objects.filter(wording="Send me tips again", granted=True).count() == 2
    assert revision_of(event) == revision + 1


def test_undo_does_not_bring_back_a_consent_that_was_withdrawn_before_the_press() -> None:
    entrant = make_entrant(make_event())
    entrant.consents.filter(channel="email", purpose="sponsor").update(
        granted=False, withdrawn_at=entrant.created_at
    )
    optout.stop_tips_by_email(entrant)
    optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="again")
    assert EMAIL_SPONSOR not in granted(entrant)
    assert EMAIL_TIPS in granted(entrant)


def test_undo_brings_back_what_a_later_press_took_under_the_same_stop() -> None:
    event = make_event()
    entrant = make_entrant(event)
    optout.stop_tips_by_email(entrant)
    late_brother = make_entrant(event)
    assert optout.stop_tips_by_email(late_brother)
    optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="again")
    assert EMAIL_TIPS in granted(entrant) & granted(late_brother)


def test_undoing_every_text_leaves_the_stop_of_tips_before_it() -> None:
    entrant = make_entrant(make_event())
    optout.stop_tips_by_text(entrant)
    optout.stop_all_texts(entrant)
    optout.undo(entrant, optout.ALL_TEXTS, wording="again")
    assert suppressions() == {("sms", "tips_and_sponsor", "unsubscribed")}
    assert granted(entrant) == {EMAIL_TIPS, EMAIL_SPONSOR, SMS_SERVICE}


def test_undo_without_a_stop_changes_nothing() -> None:
    entrant = make_entrant(make_event())
    before = dump()
    assert not optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="again")
    assert dump() == before


@pytest.mark.parametrize("reason", [r for r in SuppressionReason if r != SuppressionReason.UNSUBSCRIBED])
def test_undo_takes_back_nothing_but_a_press(reason: SuppressionReason) -> None:
    event = make_event()
    entrant = make_entrant(event)
    optout.suppress(event.organiser, Channel.EMAIL, entrant.email, Scope.TIPS_AND_SPONSOR, reason)
    before = dump()
    assert not optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="again")
    assert dump() == before


def test_suppressing_by_hand_leaves_consents_alone_and_lifting_gives_all_back() -> None:
    event = make_event()
    entrant = make_entrant(event)
    hand = (event.organiser, Channel.EMAIL, "Zoe@EXAMPLE.com")
    assert optout.suppress(*hand, Scope.ALL, SuppressionReason.BY_HAND)
    assert not optout.suppress(*hand, Scope.ALL, SuppressionReason.BY_HAND)
    assert not optout.standing(entrant, Channel.EMAIL).service
    assert granted(entrant) == set(EVERYTHING)
    assert optout.lift(*hand) == 1
    assert optout.lift(*hand) == 0
    assert optout.standing(entrant, Channel.EMAIL).tips


def test_lifting_one_scope_leaves_the_others() -> None:
    event = make_event()
    for scope in Scope:
        optout.suppress(event.organiser, Channel.SMS, "+447700900123", scope, SuppressionReason.BY_HAND)
    assert optout.lift(event.organiser, Channel.SMS, "+447700900123", Scope.ALL) == 1
    assert {row[1] for row in suppressions()} == {"tips_and_sponsor", "all_but_alerts"}


def test_lifting_by_hand_does_not_give_back_what_the_person_withdrew() -> None:
    event = make_event()
    entrant = make_entrant(event)
    optout.stop_tips_by_email(entrant)
    optout.lift(event.organiser, Channel.EMAIL, entrant.email)
    assert not optout.standing(entrant, Channel.EMAIL).tips


def test_a_bad_address_is_closed_without_touching_the_event() -> None:
    event = make_event()
    entrant = make_entrant(event)
    revision = revision_of(event)
    bad = (event.organiser_id, Channel.EMAIL, bytes(entrant.email_hash or b""), Scope.ALL)
    assert optout.suppress_hash(*bad, SuppressionReason.HARD_BOUNCE)
    assert not optout.suppress_hash(*bad, SuppressionReason.COMPLAINT)
    assert suppressions() == {("email", "all", "hard_bounce")}
    assert revision_of(event) == revision


@pytest.mark.parametrize(
    ("scope", "tips", "service", "alerts"),
    [
        (Scope.TIPS_AND_SPONSOR, False, True, True),
        (Scope.ALL_BUT_ALERTS, False, False, True),
        (Scope.ALL, False, False, False),
    ],
)
@pytest.mark.parametrize("channel", Channel)
def test_standing_tells_what_each_scope_leaves(
    channel: Channel, scope: Scope, tips: bool, service: bool, alerts: bool
) -> None:
    event = make_event()
    entrant = make_entrant(event)
    address = entrant.email if channel == Channel.EMAIL else entrant.mobile
    open_ = optout.standing(entrant, channel)
    assert (open_.tips, open_.sponsor, open_.service, open_.alerts) == (True, True, True, True)
    optout.suppress(event.organiser, channel, address, scope, SuppressionReason.BY_HAND)
    closed = optout.standing(entrant, channel)
    assert (closed.tips, closed.sponsor, closed.service, closed.alerts) == (tips, tips, service, alerts)


def test_tips_by_text_need_the_yes_to_texts_as_well() -> None:
    standing = optout.standing(make_entrant(make_event(), yes=(SMS_TIPS,)), Channel.SMS)
    assert not standing.tips
    assert not standing.service
    assert standing.alerts


def at_once(*acts: Callable[[], bool]) -> list[bool]:
    """Runs the acts on as many connections of their own; an error in one of them is raised here."""

    def on_own_connection(act: Callable[[], bool]) -> bool:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(on_own_connection, acts))


@pytest.mark.django_db(transaction=True)
def test_many_presses_at_once_are_one_stop() -> None:
    event = make_event()
    family = [make_entrant(event) for _ in range(6)]
    revision = revision_of(event)
    pressed = at_once(*(lambda entrant=entrant: optout.stop_tips_by_email(entrant) for entrant in family))
    assert sorted(pressed) == [False] * 5 + [True]
    assert ConsentEvent.objects.filter(granted=False).count() == 2 * len(family)
    assert revision_of(event) == revision + 1


def before_the_commit_of(first: Callable[[], bool], second: Callable[[], bool]) -> bool:
    """Runs `second` on a connection of its own while the transaction of `first` is still open."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert first()
            waiting = pool.submit(at_once, second)
            sleep(0.3)
        return waiting.result()[0]


@pytest.mark.django_db(transaction=True)
def test_a_press_during_an_undo_is_not_lost() -> None:
    entrant = make_entrant(make_event())
    optout.stop_tips_by_email(entrant)
    assert before_the_commit_of(
        lambda: optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="again"),
        lambda: optout.stop_tips_by_email(entrant),
    )
    assert Suppression.objects.exists()
    assert not {EMAIL_TIPS, EMAIL_SPONSOR} & granted(entrant)


@pytest.mark.django_db(transaction=True)
def test_two_stops_at_once_withdraw_a_consent_once() -> None:
    entrant = make_entrant(make_event())
    before_the_commit_of(lambda: optout.stop_all_texts(entrant), lambda: optout.stop_tips_by_text(entrant))
    assert ConsentEvent.objects.filter(channel="sms", purpose="tips", granted=False).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_press_between_anothers_press_and_its_undo_counts(monkeypatch) -> None:
    """The other's is there when ours is to be made, and gone when we look for it."""
    entrant = make_entrant(make_event())
    create, others = QuerySet.create, []

    def meets_another(rows: QuerySet, **values) -> Suppression:
        if others or rows.model is not Suppression:
            return create(rows, **values)
        others.append(Suppression(**values))
        at_once(others[0].save)
        try:
            return create(rows, **values)
        finally:
            at_once(lambda: bool(Suppression.objects.all().delete()))

    monkeypatch.setattr(QuerySet, "create", meets_another)
    assert optout.stop_tips_by_email(entrant)
    assert others
    assert suppressions() == {("email", "tips_and_sponsor", "unsubscribed")}
    assert not {EMAIL_TIPS, EMAIL_SPONSOR} & granted(entrant)


@pytest.mark.django_db(transaction=True)
def test_presses_and_undos_at_once_never_end_half_done() -> None:
    entrant = make_entrant(make_event())

    def press() -> bool:
        return optout.stop_tips_by_email(entrant)

    def undo() -> bool:
        return optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="again")

    for _ in range(15):
        at_once(press, undo, press, undo)
        stopped = Suppression.objects.exists()
        assert ({EMAIL_TIPS, EMAIL_SPONSOR} <= granted(entrant)) is not stopped


def test_stop_and_start_by_reply_open_a_number_that_was_taken_for_bad() -> None:
    event = make_event()
    entrant = make_entrant(event)
    bad = (event.organiser_id, Channel.SMS, bytes(entrant.mobile_hash or b""), Scope.ALL)
    optout.suppress_hash(*bad, SuppressionReason.BAD_NUMBER)
    assert optout.stop_by_reply(event.organiser_id, entrant.mobile)
    assert suppressions() == {("sms", "all", "stop")}
    assert optout.start_by_reply(event.organiser_id, entrant.mobile, "START")
    assert not suppressions()
    assert granted(entrant) == set(EVERYTHING)


@pytest.mark.parametrize(
    "reason", [SuppressionReason.BY_HAND, SuppressionReason.COMPLAINT, SuppressionReason.ERASED]
)
def test_start_by_reply_lifts_nothing_that_somebody_else_closed(reason: SuppressionReason) -> None:
    event = make_event()
    entrant = make_entrant(event)
    closed = (event.organiser_id, Channel.SMS, bytes(entrant.mobile_hash or b""), Scope.ALL)
    optout.suppress_hash(*closed, reason)
    optout.stop_by_reply(event.organiser_id, entrant.mobile)
    assert not optout.start_by_reply(event.organiser_id, entrant.mobile, "START")
    assert suppressions() == {("sms", "all", reason)}
