"""Claiming: the last moment to ask. Whom it lets through, whom it passes over, and what it leaves alone."""

import threading
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from people import (
    AT,
    DUE,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    elsewhere,
    entrant,
    entrants,
    fate,
    moment,
    names,
    queue,
    the_step,
    tick_at,
)

from campaigns import campaign, ledger, revision
from campaigns.ledger import gate
from campaigns.models import Consent, Delivery, Entrant, Event, Guardian, Outbox, Step, Suppression
from campaigns.models.words import Channel

commits = pytest.mark.django_db(transaction=True)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEXT = {"channel": "sms", "template": "hydration"}
RACE_MORNING = {"channel": "sms", "template": "race-morning", "purpose": "service"}


def queue_rows() -> list[dict]:
    """The whole queue and ledger, to see that nothing was touched."""
    return [*Outbox.objects.order_by("pk").values(), *Delivery.objects.order_by("pk").values()]


# Families on one address


def a_family(event: Event, count: int = 3, **fields) -> list[Entrant]:
    words = {"email": "family@example.org", "mobile": "+447700900001", **fields}
    return entrants(event, count, **words)


@pytest.mark.parametrize(("channel", "words"), [("email", {}), ("sms", TEXT)])
def test_a_family_on_one_address_is_claimed_together(db, channel, words):
    event = an_event()
    step = the_step(a_campaign(event, a_step(**words)))
    family = a_family(event)
    single = entrant(event)
    queue(step, [*family, single])
    claim = claim_at(DUE, step, Channel(channel))
    assert names(claim) == [[person.first_name for person in family], [single.first_name]]
    assert {row.carrier for row in claim.groups[0]} == {claim.groups[0][0].delivery}
    assert Outbox.objects.filter(lease_until=None).count() == 0


def test_a_family_is_never_split_by_the_size_of_a_block(db):
    event = an_event()
    step = the_step(a_campaign(event))
    queue(step, entrants(event, 1) + a_family(event, 5) + entrants(event, 1))
    assert [len(group) for group in claim_at(DUE, step, limit=2).groups] == [1, 5]
    assert [len(group) for group in claim_at(DUE, step, limit=2).groups] == [1]


def test_a_family_gets_one_message_each_where_the_step_goes_to_entrants(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step(more='per = "entrant"')))
    queue(step, a_family(event))
    assert [len(group) for group in claim_at(DUE, step).groups] == [1, 1, 1]


def test_only_those_of_a_family_who_said_yes_are_greeted(db):
    event = an_event()
    step = the_step(a_campaign(event))
    family = a_family(event)
    Consent.objects.filter(entrant=family[0], purpose="tips").update(granted=False)
    queue(step, family)
    assert names(claim_at(DUE, step)) == [[family[1].first_name, family[2].first_name]]
    assert fate(family[0]) == ("skipped", "no_consent")


def test_a_suppressed_address_closes_it_for_the_whole_family(db):
    event = an_event()
    step = the_step(a_campaign(event))
    family = a_family(event)
    Suppression.objects.create(
        organiser=event.organiser,
        channel="email",
        address_hash=family[0].email_hash,
        scope="tips_and_sponsor",
        reason="unsubscribed",
        at=AT,
    )
    queue(step, family)
    assert not claim_at(DUE, step).groups
    assert {fate(person) for person in family} == {("skipped", "suppressed")}


def test_families_of_two_events_are_not_mixed(db):
    event, other = an_event(), an_event()
    step, others = the_step(a_campaign(event)), the_step(a_campaign(other))
    here, there = a_family(event, 2), a_family(other, 2)
    queue(step, here)
    queue(others, there)
    assert names(claim_at(DUE, step)) == [[person.first_name for person in here]]
    assert Outbox.objects.filter(step=others, lease_until=None).count() == 2


def test_entrants_without_an_address_are_no_family(db):
    event = an_event()
    step = the_step(a_campaign(event))
    people = entrants(event, 2, email="")
    queue(step, people)
    assert not claim_at(DUE, step).groups
    assert {fate(person) for person in people} == {("skipped", "no_address")}


@commits
def test_two_claims_at_once_take_different_people_and_never_half_a_family():
    event = an_event()
    step = the_step(a_campaign(event))
    for number in range(15):
        queue(step, a_family(event, 2, email=f"family{number}@example.org"))
    queue(step, entrants(event, 10))
    start = threading.Barrier(3)

    def take() -> list[list[int]]:
        start.wait(5)
        taken: list[list[int]] = []
        while groups := claim_at(DUE, step, limit=3).groups:
            taken += [[row.entrant for row in group] for group in groups]
        return taken

    messages = [group for taker in [elsewhere(take) for _ in range(3)] for group in taker.result(20)]
    people = [person for group in messages for person in group]
    assert len(people) == len(set(people)) == 40
    assert sorted(len(group) for group in messages) == [1] * 10 + [2] * 15


@commits
def test_rows_that_another_holds_are_passed_by():
    event = an_event()
    step = the_step(a_campaign(event))
    first, second = entrants(event, 2)
    queue(step, [first, second])
    with transaction.atomic():
        Outbox.objects.select_for_update().get(delivery__entrant=first)
        assert elsewhere(lambda: names(claim_at(DUE, step))).result(5) == [[second.first_name]]
    assert Outbox.objects.get(delivery__entrant=first).lease_until is None


# The block


def test_a_block_takes_the_longest_due_first_and_no_more_than_its_limit(db):
    event = an_event()
    step = the_step(a_campaign(event))
    late, early, never = entrants(event, 3)
    queue(step, [late])
    queue(step, [early], DUE - HOUR)
    queue(step, [never], DUE + HOUR)
    assert names(claim_at(DUE, step, limit=1)) == [[early.first_name]]
    assert names(claim_at(DUE, step, limit=9)) == [[late.first_name]]
    assert names(claim_at(DUE, step, limit=9)) == []


def test_what_is_claimed_bears_its_fence_and_its_holder(db):
    event = an_event()
    step = the_step(a_campaign(event))
    queue(step, entrants(event, 1))
    claim = claim_at(DUE, step)
    row = Outbox.objects.get()
    assert claim.fences == [(row.delivery_id, 1)]
    assert row.holder == "test"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {ledger.SHOWN_STATE}, o.lease_until > clock_timestamp() FROM deliveries d "
            "LEFT JOIN outbox o ON o.delivery_id = d.id"
        )
        assert cursor.fetchone() == ("claimed", True)
    ledger.release(claim.fences)
    assert claim_at(DUE, step).fences == [(row.delivery_id, 2)]


def test_a_claim_behind_a_mark_takes_up_where_the_last_one_ended(db):
    step = the_step(a_campaign(event := an_event()))
    queue(step, entrants(event, 5))
    first = claim_at(DUE, step, limit=2)
    ledger.release(first.fences)
    second = claim_at(DUE, step, limit=2, behind=first.mark)
    third = claim_at(DUE, step, limit=2, behind=second.mark)
    taken = [delivery for claim in (first, second, third) for delivery, _ in claim.fences]
    assert len(taken) == 5
    assert taken == sorted(set(taken))
    assert third.mark is None, "nothing lies behind it"
    assert [delivery for delivery, _ in claim_at(DUE, step).fences] == taken[:2]


def test_a_family_does_not_move_the_mark_past_others(db):
    step = the_step(a_campaign(event := an_event(), a_step(per="address")))
    parent, other, child = entrants(event, 3)
    same = {"email": parent.email, "email_hash": parent.email_hash}
    Entrant.objects.filter(id=child.id).update(**same)
    queue(step, [parent, other, child])
    first = claim_at(DUE, step, limit=1)
    assert len(first.fences) == 2
    assert [row.entrant for [row] in claim_at(DUE, step, limit=1, behind=first.mark).groups] == [other.id]


def test_only_what_lies_behind_its_mark_gives_a_step_its_turn(db):
    step = the_step(a_campaign(event := an_event()))
    queue(step, entrants(event, 2))
    claim = claim_at(DUE, step, limit=2)
    ledger.release(claim.fences)
    assert claim.mark is not None
    assert ledger.next_step(Channel.EMAIL, DUE) == step.id
    assert ledger.next_step(Channel.EMAIL, DUE, behind={step.id: claim.mark}) is None
    queue(step, entrants(event, 1))
    assert ledger.next_step(Channel.EMAIL, DUE, behind={step.id: claim.mark}) == step.id


def test_alerts_come_first_then_the_step_that_waits_longest(db):
    event = an_event()
    loaded = a_campaign(event, a_step(), a_step("second"))
    person = entrant(event)
    alert = an_alert(loaded)
    first, second = the_step(loaded), the_step(loaded, "second")
    queue(first, [person])
    queue(second, [person], DUE - HOUR)
    queue(alert, [person])
    turns = []
    while (step_id := ledger.next_step(Channel.EMAIL, DUE)) is not None:
        turns.append(step_id)
        Outbox.objects.filter(step=step_id).delete()
    assert turns == [alert.id, second.id, first.id]


def test_events_take_turns_and_none_waits_for_all_of_another(db):
    first, second, third = (the_step(a_campaign(an_event())) for _ in range(3))
    for number, step in enumerate((first, second, third)):
        queue(step, entrants(step.campaign.event, 2), DUE - number * HOUR)
    alert = an_alert(first.campaign)
    assert ledger.next_step(Channel.EMAIL, DUE) == third.id
    turns, last = [], None
    for _ in range(6):
        last = ledger.next_step(Channel.EMAIL, DUE, after=last or third.id)
        turns.append(last)
    assert turns == [first.id, second.id, third.id] * 2
    queue(alert, entrants(first.campaign.event, 1))
    assert ledger.next_step(Channel.EMAIL, DUE, after=first.id) == alert.id


def test_within_an_event_the_longest_due_step_comes_first_whatever_was_served_last(db):
    event = an_event()
    loaded = a_campaign(event, a_step(), a_step("second"))
    first, second = the_step(loaded), the_step(loaded, "second")
    person = entrant(event)
    queue(first, [person])
    queue(second, [person], DUE - HOUR)
    for last in (first.id, second.id):
        assert ledger.next_step(Channel.EMAIL, DUE, after=last) == second.id


def test_the_queue_of_another_channel_is_not_looked_at(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step(**TEXT)))
    queue(step, entrants(event, 1))
    assert ledger.next_step(Channel.EMAIL, DUE) is None
    assert not claim_at(DUE, step, Channel.EMAIL).groups
    assert ledger.next_step(Channel.SMS, DUE) == step.id


# Quiet hours


@pytest.mark.parametrize(
    ("zone", "at", "opens"),
    [
        ("Europe/London", "2027-08-03 20:30", "2027-08-04 08:00"),
        ("Europe/London", "2027-08-04 07:59", "2027-08-04 08:00"),
        ("America/New_York", "2027-08-04 02:00", "2027-08-04 13:00"),
    ],
)
def test_a_text_waits_for_the_end_of_quiet_hours(db, zone, at, opens):
    event = an_event(zone=zone)
    step = the_step(a_campaign(event, a_step(**TEXT), quiet_hours="20:00-09:00"))
    person = entrant(event)
    queue(step, [person], moment(at))
    assert not claim_at(moment(at), step, Channel.SMS).groups
    assert fate(person) == ("due", "")
    assert ledger.next_step(Channel.SMS, moment(opens) - timedelta(seconds=1)) is None
    assert names(claim_at(moment(opens), step, Channel.SMS)) == [[person.first_name]]


def test_a_text_that_would_wait_past_its_latest_time_is_too_late(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step(**TEXT), quiet_hours="20:00-09:00"))
    person = entrant(event)
    at = moment("2027-08-03 20:30")
    queue(step, [person], at, latest_at=moment("2027-08-04 08:00"))
    assert not claim_at(at, step, Channel.SMS).groups
    assert fate(person) == ("skipped", "too_late")


def test_quiet_hours_bind_neither_emails_nor_alerts_nor_exempt_texts(db):
    event = an_event()
    steps = [a_step(), a_step("morning", when="race day, 06:00", more="quiet_exempt = true", **RACE_MORNING)]
    loaded = a_campaign(event, *steps, quiet_hours="20:00-09:00")
    at = moment("2027-08-03 21:30")
    for channel, step in [
        (Channel.EMAIL, the_step(loaded)),
        (Channel.SMS, the_step(loaded, "morning")),
        (Channel.SMS, an_alert(loaded, "sms")),
    ]:
        queue(step, entrants(event, 1), at)
        assert len(claim_at(at, step, channel).groups) == 1


def test_quiet_hours_do_not_hide_that_there_is_no_consent(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step(**TEXT), quiet_hours="20:00-09:00"))
    person = entrant(event, consents=())
    at = moment("2027-08-03 21:30")
    queue(step, [person], at)
    claim_at(at, step, Channel.SMS)
    assert fate(person) == ("skipped", "no_consent")


# Texts that cannot be texts


def test_a_text_falls_back_to_email_where_there_is_no_usable_mobile(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step(**TEXT, more='fallback = "email"')))
    people = [entrant(event, mobile=""), entrant(event, mobile_ok=False)]
    mobile, nothing = entrant(event), entrant(event, mobile="", email="")
    queue(step, [*people, mobile, nothing])
    assert names(claim_at(DUE, step, Channel.SMS)) == [[mobile.first_name]]
    assert fate(nothing) == ("skipped", "no_address")
    assert ledger.next_step(Channel.EMAIL, DUE) == step.id
    claim = claim_at(DUE, step, Channel.EMAIL)
    assert [group[0].address for group in claim.groups] == [person.email for person in people]
    assert Delivery.objects.count() == 4


def test_a_fallback_needs_the_consent_of_its_own_channel(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step(**TEXT, more='fallback = "email"')))
    person = entrant(event, mobile="", consents=[("sms", "service"), ("sms", "tips")])
    queue(step, [person])
    claim_at(DUE, step, Channel.SMS)
    assert not claim_at(DUE, step, Channel.EMAIL).groups
    assert fate(person) == ("skipped", "no_consent")


@pytest.mark.parametrize(
    ("facts", "reason"), [({"mobile": ""}, "no_address"), ({"mobile_ok": False}, "not_mobile")]
)
def test_without_a_fallback_the_row_says_why_there_is_no_text(db, facts, reason):
    event = an_event()
    step = the_step(a_campaign(event, a_step(**TEXT)))
    person = entrant(event, **facts)
    queue(step, [person])
    assert not claim_at(DUE, step, Channel.SMS).groups
    assert fate(person) == ("skipped", reason)


# People


@pytest.mark.parametrize(("race", "born"), [("kids", None), ("10k", date(2012, 5, 5))])
def test_a_child_is_written_to_through_its_guardian_only(db, race, born):
    event = an_event()
    step = the_step(a_campaign(event))
    held, guarded = entrant(event, race=race, born=born), entrant(event, race=race, born=born, guardian=True)
    queue(step, [held, guarded])
    assert names(claim_at(DUE, step)) == [[guarded.first_name]]
    assert fate(held) == ("held", "minor")
    assert not Outbox.objects.filter(delivery__entrant=held).exists()


def test_a_child_held_before_is_written_to_once_its_guardian_is_known_and_the_plan_is_dated_anew(db):
    event = an_event()
    loaded = a_campaign(event)
    child = entrant(event, race="kids")
    tick_at(DUE)
    claim_at(DUE, the_step(loaded))
    Guardian.objects.create(entrant=child, source="asked", at=AT)
    with transaction.atomic():
        Event.objects.update(plan_version=F("plan_version") + 1)
        revision.bump(event.id)
    tick_at(DUE + HOUR)
    assert names(claim_at(DUE + HOUR, the_step(loaded))) == [[child.first_name]]


@pytest.mark.parametrize(
    ("status", "gets_it"), [("dns", False), ("dnf", True), ("finished", True), ("", True)]
)
def test_who_did_not_start_gets_nothing_from_race_day_on(db, status, gets_it):
    event = an_event()
    step = the_step(a_campaign(event))
    before, after = entrants(event, 2, race_status=status)
    eve = moment("2027-09-18 22:59")  # a minute before race day begins in London
    queue(step, [before], eve)
    queue(step, [after], eve + timedelta(minutes=1))
    claimed = [*names(claim_at(eve, step)), *names(claim_at(eve + timedelta(minutes=1), step))]
    assert claimed == [[before.first_name]] + ([[after.first_name]] if gets_it else [])
    assert fate(after)[0] == ("due" if gets_it else "skipped")


def test_who_left_the_audience_since_the_opening_gets_nothing(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step(audience="10k and not club")))
    left, joined = entrant(event), entrant(event, race="10k", club="Reigate Priory")
    queue(step, [left, joined])
    assert not claim_at(DUE, step).groups
    assert {fate(person) for person in (left, joined)} == {("skipped", "not_in_audience")}


def test_after_its_latest_time_nothing_is_claimed(db):
    event = an_event()
    step = the_step(a_campaign(event))
    person = entrant(event)
    queue(step, [person], latest_at=DUE + HOUR)
    assert not claim_at(DUE + HOUR, step).groups
    assert fate(person) == ("skipped", "too_late")
    assert not Outbox.objects.exists()


# What stops a whole campaign or step


def pause(loaded):
    campaign.pause(loaded)
    return lambda: campaign.resume(loaded)


def stop(loaded):
    campaign.stop(loaded)


def incident_hold(loaded):
    campaign.hold(loaded.event, on=True)
    return lambda: campaign.hold(loaded.event, on=False)


def cancelled(loaded):
    Event.objects.update(cancelled_at=AT)


def step_paused(loaded):
    ledger.pause_step(the_step(loaded).id, "The provider refuses this message.")


def step_off(loaded):
    Step.objects.update(state="off")


def unapproved_edit(loaded):
    Step.objects.update(content_hash="edited")
    return lambda: Step.objects.update(approved_hash="edited")


def race_moved(loaded):
    Event.objects.update(date=F("date") + DAY)


@pytest.mark.parametrize(
    "stopped", [pause, stop, incident_hold, cancelled, step_paused, step_off, unapproved_edit, race_moved]
)
def test_what_is_stopped_stays_where_it_is(db, stopped):
    event = an_event()
    loaded = a_campaign(event)
    queue(the_step(loaded), entrants(event, 2) + entrants(event, 1, consents=()))
    before = queue_rows()
    undo = stopped(loaded)
    assert ledger.next_step(Channel.EMAIL, DUE) is None
    claim = claim_at(DUE, the_step(loaded))
    assert (claim.groups, claim.passed_over) == ([], 0)
    assert queue_rows() == before
    if undo:
        undo()
        assert ledger.next_step(Channel.EMAIL, DUE) == the_step(loaded).id
        assert len(claim_at(DUE, the_step(loaded)).groups) == 2


@pytest.mark.parametrize("stopped", [pause, stop, incident_hold, cancelled, race_moved])
def test_alerts_go_on_while_everything_planned_is_stopped(db, stopped):
    event = an_event()
    loaded = a_campaign(event)
    alert = an_alert(loaded)
    queue(alert, entrants(event, 1))
    stopped(loaded)
    assert ledger.next_step(Channel.EMAIL, DUE) == alert.id
    assert len(claim_at(DUE, alert).groups) == 1


@pytest.mark.parametrize("stopped", [pause, stop, incident_hold])
def test_every_stop_tells_the_drains(db, stopped):
    loaded = a_campaign(an_event())
    before = ledger.stop_epoch()
    stopped(loaded)
    assert ledger.stop_epoch() > before


def test_after_a_long_pause_nothing_stale_is_sent(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    queue(the_step(loaded), [person])
    campaign.pause(loaded)
    campaign.resume(loaded)
    assert not claim_at(DUE + 2 * DAY, the_step(loaded)).groups
    assert fate(person) == ("skipped", "too_late")


def test_a_cancelled_race_skips_all_that_is_to_come_and_keeps_what_a_drain_holds(db):
    event = an_event()
    loaded = a_campaign(event)
    held, waiting = entrants(event, 2)
    queue(the_step(loaded), [held, waiting])
    claim = claim_at(DUE, the_step(loaded), limit=1)
    assert campaign.cancel_event(event) == 1
    assert fate(waiting) == ("skipped", "cancelled")
    assert fate(held) == ("due", "")
    ledger.settle(Channel.EMAIL, [ledger.Result(*claim.fences[0], claim.fences[0][0], "accepted")], DUE)
    assert fate(held) == ("sent", "")


@commits
def test_a_plan_that_changes_while_its_claim_reads_it_claims_nothing():
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 1)
    tick_at(DUE)
    step = the_step(loaded)
    has_read, go_on = threading.Event(), threading.Event()

    def pause_before_the_claim(execute, sql, params, many, context):
        if "SKIP LOCKED" in sql:
            has_read.set()
            assert go_on.wait(10)
        return execute(sql, params, many, context)

    def claim_slowly():
        with connection.execute_wrapper(pause_before_the_claim):
            return claim_at(DUE, step)

    claiming = elsewhere(claim_slowly)
    assert has_read.wait(10)
    with transaction.atomic():
        Event.objects.update(plan_version=F("plan_version") + 1)
        revision.bump(event.id)
    go_on.set()
    claim = claiming.result(10)
    assert (claim.groups, claim.passed_over) == ([], 0)


@commits
def test_claims_of_one_step_take_turns():
    """Side by side, two of them would see half a family each."""
    event = an_event()
    step = the_step(a_campaign(event))
    queue(step, entrants(event, 1))
    with transaction.atomic():
        gate.lock(gate.QUEUE, step.id)
        claiming = elsewhere(lambda: claim_at(DUE, step))
        with pytest.raises(TimeoutError):
            claiming.result(0.5)
    assert len(claiming.result(10).groups) == 1
