"""The race moves, the plan moves: what is unsent gets its new moment, what was sent stays sent."""

from datetime import date, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from django.db.models import F
from people import (
    DUE,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    entrant,
    entrants,
    fate,
    load,
    names,
    queue,
    the_step,
    tick_at,
)

from campaigns import campaign, ledger, revision
from campaigns.ledger import Result
from campaigns.models import Attempt, Delivery, Entrant, Event, Outbox, Step, Wave
from campaigns.models.words import Channel, Reason

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = 30 * DAY
"""How far the race moves; the clocks of London do not change on the way, so moments move by as much."""


def move(event: Event, by: timedelta, *, approve: bool = True, at: datetime = DUE) -> int:
    """Moves the race at `at`, and returns how many steps ask for approval again."""
    with time_machine.travel(at, tick=False):
        asked = campaign.move_race(event, Event.objects.get(id=event.id).date + by)
    if approve:
        campaign.approve(event.campaign, "ann@example.org", [])
    return asked


def bump_plan(event: Event) -> None:
    """What a change of a wave, a start or the plan does to the event."""
    with transaction.atomic():
        Event.objects.filter(id=event.id).update(plan_version=F("plan_version") + 1)
        revision.bump(event.id)


def settle(claim: ledger.Claim, outcome: str, at=DUE, channel: Channel = Channel.EMAIL) -> None:
    """One outcome for everything in a claim."""
    results = [
        Result(row.delivery, row.claim, group[0].delivery, outcome, latest_at=row.latest_at)
        for group in claim.groups
        for row in group
    ]
    ledger.settle(channel, results, at)


def test_what_is_unsent_moves_and_what_was_sent_stays(db):
    event = an_event()
    loaded = a_campaign(event)
    sent, unsent = entrants(event, 2)
    tick_at(DUE)
    settle(claim_at(DUE, the_step(loaded), limit=1), "accepted")
    before = Delivery.objects.values().get(entrant=sent)
    move(event, LATER)
    tick_at(DUE + HOUR)
    assert Delivery.objects.values().get(entrant=sent) == before
    assert Delivery.objects.get(entrant=unsent).due_at == DUE + LATER
    assert Outbox.objects.get().due_at == DUE + LATER
    assert not claim_at(DUE + LATER - HOUR, the_step(loaded)).groups
    tick_at(DUE + LATER)
    assert names(claim_at(DUE + LATER, the_step(loaded))) == [[unsent.first_name]]


def test_a_moved_race_asks_for_approval_and_sends_nothing_before(db):
    event = an_event()
    loaded = a_campaign(event, a_step(), a_step("second", when="40 days before, 10:00"), catch_up=True)
    entrants(event, 1)
    tick_at(DUE)
    assert move(event, LATER, approve=False) == 3
    for at in (DUE, DUE + LATER, DUE + LATER + 8 * DAY):
        assert tick_at(at).channels == []
        assert not claim_at(at, the_step(loaded)).groups
    assert Delivery.objects.count() == 1
    assert campaign.approve(loaded, "ann@example.org", []) == 3
    assert tick_at(DUE + LATER).channels == [Channel.EMAIL]


def test_moving_the_race_to_the_same_day_changes_nothing(db):
    event = an_event()
    a_campaign(event)
    before = Event.objects.values().get()
    assert move(event, timedelta(), approve=False) == 0
    assert Event.objects.values().get() == before


def test_who_is_out_of_the_audience_on_the_new_day_is_skipped(db):
    event = an_event()
    loaded = a_campaign(event, a_step(audience="adults"))
    adult = entrant(event)
    barely = entrant(event, born=date(2009, 9, 10), guardian=True)
    tick_at(DUE)
    assert Delivery.objects.filter(state="due").count() == 2
    move(event, -14 * DAY)
    tick_at(DUE)
    assert fate(barely) == ("skipped", "not_in_audience")
    assert Outbox.objects.get().delivery.entrant == adult
    assert names(claim_at(DUE - 14 * DAY, the_step(loaded))) == [[adult.first_name]]


def test_who_comes_back_into_the_audience_is_asked_again(db):
    event = an_event()
    loaded = a_campaign(event, a_step(audience="adults"))
    barely = entrant(event, born=date(2009, 9, 10), guardian=True)
    tick_at(DUE)
    move(event, -14 * DAY)
    tick_at(DUE - 15 * DAY)
    assert fate(barely) == ("skipped", "not_in_audience")
    move(event, LATER)
    tick_at(DUE - 15 * DAY)
    assert fate(barely) == ("due", "")
    assert len(claim_at(DUE - 14 * DAY + LATER, the_step(loaded)).groups) == 1


def test_a_race_moved_into_the_past_of_its_steps_leaves_them_too_late(db):
    event = an_event()
    loaded = a_campaign(event)
    waiting = entrant(event)
    tick_at(DUE)
    move(event, -10 * DAY)
    tick_at(DUE)
    assert not claim_at(DUE, the_step(loaded)).groups
    assert fate(waiting) == ("skipped", "too_late")


def test_moved_there_and_back_everyone_gets_the_step_once(db):
    event = an_event()
    loaded = a_campaign(event)
    sent, *unsent = entrants(event, 3)
    tick_at(DUE)
    settle(claim_at(DUE, the_step(loaded), limit=1), "accepted")
    move(event, LATER)
    tick_at(DUE)
    move(event, -LATER)
    tick_at(DUE + HOUR)
    claim = claim_at(DUE + HOUR, the_step(loaded))
    assert names(claim) == [[person.first_name] for person in unsent]
    assert fate(sent) == ("sent", "")
    assert Delivery.objects.count() == 3


def test_a_new_start_of_a_wave_moves_what_hangs_on_it(db):
    event = an_event()
    wave = Wave.objects.create(race=event.races.get(slug="half"), name="A", start="09:15")
    loaded = a_campaign(event, a_step(when="start - 120 min", purpose="service"))
    person, other = entrant(event, wave=wave), entrant(event)
    at = DUE.replace(month=9, day=19, hour=6, minute=15)
    tick_at(at)
    Wave.objects.update(start="10:00")
    bump_plan(event)
    assert ledger.next_step(Channel.EMAIL, at) is None
    assert not claim_at(at, the_step(loaded)).groups
    tick_at(at)
    assert Outbox.objects.get(delivery__entrant=person).due_at == at + timedelta(minutes=45)
    assert names(claim_at(at, the_step(loaded))) == [[other.first_name]]
    assert names(claim_at(at + timedelta(minutes=45), the_step(loaded))) == [[person.first_name]]


def test_re_dating_goes_on_in_chunks_and_nothing_is_claimed_before_its_end(db):
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 5)
    tick_at(DUE)
    move(event, LATER)
    step = the_step(loaded)
    assert [ledger.redate_chunk(step.id, DUE, chunk=2) for _ in range(2)] == [False, False]
    assert ledger.next_step(Channel.EMAIL, DUE + 2 * LATER) is None
    assert ledger.redate_chunk(step.id, DUE, chunk=2)
    assert set(Outbox.objects.values_list("due_at", flat=True)) == {DUE + LATER}
    assert list(ledger.steps_to_redate()) == []


def test_a_second_move_during_a_re_dating_begins_it_again(db):
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 4)
    tick_at(DUE)
    move(event, LATER)
    assert not ledger.redate_chunk(the_step(loaded).id, DUE, chunk=3)
    move(event, DAY)
    tick_at(DUE)
    assert set(Outbox.objects.values_list("due_at", flat=True)) == {DUE + LATER + DAY}


# Rows that a drain holds during the move


def test_rows_that_come_back_from_a_drain_after_the_move_are_dated_anew(db):
    event = an_event()
    loaded = a_campaign(event)
    people = entrants(event, 2)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded))
    move(event, LATER)
    tick_at(DUE)
    assert Step.objects.get().dated_version == Event.objects.get().plan_version
    ledger.release(claim.fences)
    step = the_step(loaded)
    again = claim_at(DUE, step)
    assert (again.groups, again.passed_over) == ([], 2)
    assert ledger.next_step(Channel.EMAIL, DUE) is None
    tick_at(DUE)
    assert set(Outbox.objects.values_list("due_at", flat=True)) == {DUE + LATER}
    assert len(claim_at(DUE + LATER, step).groups) == len(people)


def test_what_a_drain_hands_over_during_the_move_is_sent_once(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded))
    move(event, LATER)
    tick_at(DUE)
    settle(claim, "accepted")
    for at in (DUE, DUE + LATER):
        tick_at(at)
        assert not claim_at(at, the_step(loaded)).groups
    assert fate(person) == ("sent", "")


def test_a_doubt_from_before_the_move_is_settled_and_does_not_stop_the_step(db):
    """A row in doubt is not dated anew; were it for ever stale, the claim would pass over it again and again."""
    event = an_event()
    loaded = a_campaign(event, a_step(latest="90 days"))
    entrants(event, 1)
    tick_at(DUE)
    settle(claim_at(DUE, the_step(loaded)), "doubtful")
    move(event, LATER)
    tick_at(DUE)
    step = the_step(loaded)
    again = claim_at(DUE + LATER, step)
    assert again.passed_over == 0
    assert len(again.groups) == 1
    assert the_step(loaded).dated_version == Event.objects.get().plan_version


def test_a_doubt_whose_latest_time_passed_during_the_move_ends_as_unknown(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    settle(claim_at(DUE, the_step(loaded)), "doubtful")
    move(event, LATER)
    tick_at(DUE)
    claim_at(DUE + LATER, the_step(loaded))
    assert fate(person)[0] == "unknown"
    assert not Outbox.objects.exists()


# What re-dating must not do


@pytest.mark.parametrize(
    ("status", "shown"), [("withdrawn", ("skipped", "withdrawn")), ("held", ("held", ""))]
)
def test_a_move_leaves_it_to_the_claim_who_is_confirmed(db, status, shown):
    """Somebody held for a day while the race moves is not left out for good, and a withdrawal is called that."""
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    Entrant.objects.update(status=status)
    move(event, LATER)
    tick_at(DUE)
    claim_at(DUE + LATER, the_step(loaded))
    assert fate(person) == shown


def test_somebody_held_only_while_the_race_moves_gets_the_step(db):
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 1)
    tick_at(DUE)
    Entrant.objects.update(status="held")
    move(event, LATER)
    tick_at(DUE)
    Entrant.objects.update(status="confirmed")
    assert len(claim_at(DUE + LATER, the_step(loaded)).groups) == 1


@pytest.mark.parametrize("kind", ["alert", "catch_up"])
def test_a_change_of_the_plan_gives_no_more_time_to_what_has_no_moment_of_its_own(db, kind):
    event = an_event()
    loaded = a_campaign(event, catch_up=True)
    step = an_alert(loaded) if kind == "alert" else the_step(loaded, "catch-up")
    [row] = queue(step, entrants(event, 1), latest_at=DUE + 3 * HOUR)
    bump_plan(event)
    tick_at(DUE + 2 * HOUR)
    row.refresh_from_db()
    assert (row.due_at, row.latest_at) == (DUE, DUE + 3 * HOUR)
    assert not claim_at(DUE + 3 * HOUR, step).groups
    row.refresh_from_db()
    assert (row.state, row.reason) == ("skipped", "too_late")


def test_an_alert_goes_on_after_a_change_of_the_plan(db):
    event = an_event()
    step = an_alert(a_campaign(event))
    queue(step, entrants(event, 1), latest_at=DUE + 3 * HOUR)
    bump_plan(event)
    assert tick_at(DUE + HOUR).channels == [Channel.EMAIL]
    assert len(claim_at(DUE + HOUR, step).groups) == 1


def test_what_a_catch_up_has_covered_stays_covered_by_a_change_on_the_day(db):
    event = an_event()
    loaded = a_campaign(event, catch_up=True)
    entrants(event, 1)
    tick_at(DUE)
    late = entrant(event)
    tick_at(DUE + HOUR)
    bump_plan(event)
    tick_at(DUE + 2 * HOUR)
    assert dict(Delivery.objects.filter(entrant=late).values_list("step__name", "reason")) == {
        "tip": "covered",
        "catch-up": "",
    }
    assert late.first_name not in str(names(claim_at(DUE + 2 * HOUR, the_step(loaded))))


def test_what_a_catch_up_has_covered_is_sent_at_the_new_moment_of_a_moved_race(db):
    event = an_event()
    loaded = a_campaign(event, catch_up=True)
    tick_at(DUE)
    late = entrant(event)
    tick_at(DUE + HOUR)
    move(event, LATER)
    tick_at(DUE + 2 * HOUR)
    tick_at(DUE + LATER)
    assert names(claim_at(DUE + LATER, the_step(loaded))) == [[late.first_name]]
    assert Delivery.objects.filter(step__name="catch-up").count() == 1


def test_who_enters_after_a_move_that_leaves_a_step_in_the_past_is_late_for_it(db):
    event = an_event()
    a_campaign(event, catch_up=True)
    entrants(event, 1)
    tick_at(DUE)
    move(event, DAY, approve=False, at=DUE + 2 * DAY)
    late = entrant(event)
    campaign.approve(event.campaign, "ann@example.org", [])
    for days in (3, 4):
        tick_at(DUE + days * DAY)
    assert Delivery.objects.filter(entrant=late, step__name="catch-up").exists()


def test_held_for_a_missing_value_is_tried_again_when_the_plan_changes(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    ledger.hold(claim_at(DUE, the_step(loaded)).fences, Reason.MISSING_VALUE, DUE)
    assert fate(person) == ("held", "missing_value")
    load(event)
    tick_at(DUE + HOUR)
    assert len(claim_at(DUE + HOUR, the_step(loaded)).groups) == 1


def test_a_text_that_fell_back_to_email_goes_by_the_plan_again_when_the_plan_changes(db):
    """Without a fallback in the new plan there is no email to send: the row says so and nobody waits for it."""
    event = an_event()
    text = {"channel": "sms", "template": "hydration"}
    loaded = a_campaign(event, a_step(**text, more='fallback = "email"'))
    person = entrant(event, mobile_ok=False)
    tick_at(DUE)
    step = the_step(loaded)
    claim_at(DUE, step, Channel.SMS)
    assert Delivery.objects.get().channel == "email"
    load(event, a_step(**text))
    campaign.approve(loaded, "ann@example.org", [])
    tick_at(DUE)
    assert not claim_at(DUE, step, Channel.EMAIL).groups
    assert not claim_at(DUE, step, Channel.SMS).groups
    assert fate(person) == ("skipped", "not_mobile")


def test_tries_go_on_counting_when_a_row_comes_back_into_the_queue(db):
    """A number used twice would lose the second try's answer, and mix up the receipts of both."""
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 1)
    tick_at(DUE)
    settle(claim_at(DUE, the_step(loaded)), "transient")
    ledger.hold(claim_at(DUE + HOUR, the_step(loaded)).fences, Reason.MISSING_VALUE, DUE)
    load(event)
    tick_at(DUE + HOUR)
    settle(claim_at(DUE + HOUR, the_step(loaded)), "accepted")
    assert list(Attempt.objects.order_by("id").values_list("outcome", flat=True)) == ["transient", "accepted"]
    assert Delivery.objects.get().held_revision is None
