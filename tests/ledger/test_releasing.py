"""Held deliveries: what they wait for, that they are sent once it is there, and that nothing else frees them."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
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
    names,
    queue,
    the_step,
    tick_at,
)

from campaigns import campaign, ledger, revision
from campaigns.ledger import Result
from campaigns.models import Attempt, Delivery, Entrant, Event, Guardian, Outbox, Suppression
from campaigns.models.words import Channel, Reason

commits = pytest.mark.django_db(transaction=True)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def change(event: Event, act=lambda: None) -> None:
    """Something about the event's people changes, as commands and imports do it."""
    with transaction.atomic():
        act()
        revision.bump(event.id)


def held_child(event: Event, loaded, **facts) -> Entrant:
    """A child whose one delivery the claim has held."""
    child = entrant(event, race="kids", **facts)
    tick_at(DUE)
    claim_at(DUE, the_step(loaded))
    assert fate(child) == ("held", "minor")
    return child


def guard(*children: Entrant) -> None:
    for child in children:
        Guardian.objects.create(entrant=child, source="asked", at=AT)


def lacks_a_value(loaded, at=DUE) -> ledger.Claim:
    """What a drain does with a claim whose messages cannot be rendered."""
    claim = claim_at(at, the_step(loaded))
    ledger.hold(claim.fences, Reason.MISSING_VALUE, at, revision=claim.revision)
    return claim


# What is waited for is there


def test_a_child_is_written_to_once_its_guardian_is_known(db):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    change(event, lambda: guard(child))
    assert tick_at(DUE + HOUR).channels == [Channel.EMAIL]
    assert fate(child) == ("due", "")
    assert names(claim_at(DUE + HOUR, the_step(loaded))) == [[child.first_name]]


def test_the_children_of_one_guardian_share_a_message(db):
    event = an_event()
    loaded = a_campaign(event)
    children = entrants(event, 3, race="kids", email="parent@example.org")
    tick_at(DUE)
    assert not claim_at(DUE, the_step(loaded)).groups
    change(event, lambda: guard(*children))
    tick_at(DUE + HOUR)
    assert [len(group) for group in claim_at(DUE + HOUR, the_step(loaded)).groups] == [3]


def test_who_turns_out_to_be_of_age_waits_for_nobody(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event, born=DUE.date().replace(year=2012))
    tick_at(DUE)
    claim_at(DUE, the_step(loaded))
    assert fate(person) == ("held", "minor")
    change(event, lambda: Entrant.objects.update(birth_date=DUE.date().replace(year=1992)))
    tick_at(DUE + HOUR)
    assert names(claim_at(DUE + HOUR, the_step(loaded))) == [[person.first_name]]


def test_a_missing_value_is_looked_for_again_after_a_change(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    lacks_a_value(loaded)
    change(event, lambda: Entrant.objects.update(bib="476"))
    tick_at(DUE + HOUR)
    claim = claim_at(DUE + HOUR, the_step(loaded))
    assert [group[0].bib for group in claim.groups] == ["476"]
    assert names(claim) == [[person.first_name]]


def test_a_bib_that_comes_between_claim_and_rendering_is_not_lost(db):
    """The message was rendered from what the claim read: a change after the claim counts, though it came before
    the row was held."""
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 1)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded))
    change(event, lambda: Entrant.objects.update(bib="476"))
    tick_at(DUE)
    ledger.hold(claim.fences, Reason.MISSING_VALUE, DUE, revision=claim.revision)
    tick_at(DUE + timedelta(seconds=1))
    assert len(claim_at(DUE + HOUR, the_step(loaded)).groups) == 1


def test_an_entrant_whose_hold_has_ended_gets_the_step(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    change(event, lambda: Entrant.objects.update(status="held"))
    assert not claim_at(DUE, the_step(loaded)).groups
    assert fate(person) == ("held", "")
    change(event, lambda: Entrant.objects.update(status="confirmed"))
    tick_at(DUE + HOUR)
    assert names(claim_at(DUE + HOUR, the_step(loaded))) == [[person.first_name]]


def test_an_alert_that_was_held_goes_out_as_well(db):
    event = an_event()
    alert = an_alert(a_campaign(event))
    child = entrant(event, race="kids")
    queue(alert, [child])
    claim_at(DUE, alert)
    change(event, lambda: guard(child))
    tick_at(DUE + HOUR)
    assert names(claim_at(DUE + HOUR, alert)) == [[child.first_name]]


def test_a_step_that_was_done_is_sending_again(db):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    tick_at(DUE)
    assert the_step(loaded).state == "done"
    change(event, lambda: guard(child))
    ledger.free_chunk(the_step(loaded).id, DUE)
    assert the_step(loaded).state == "sending"


def test_a_text_held_after_it_fell_back_to_email_is_a_text_again(db):
    """The guardian has the mobile number that the child's entry lacked."""
    event = an_event()
    words = {"channel": "sms", "template": "hydration", "purpose": "service"}
    loaded = a_campaign(event, a_step(**words, more='fallback = "email"'))
    person = entrant(event, mobile="")
    tick_at(DUE)
    step = the_step(loaded)
    claim_at(DUE, step, Channel.SMS)
    ledger.hold(claim_at(DUE, step).fences, Reason.MISSING_VALUE, DUE)
    number = {"mobile": "+447700900123", "mobile_hash": b"x" * 32, "mobile_ok": True}
    change(event, lambda: Entrant.objects.update(**number))
    tick_at(DUE + HOUR)
    assert not claim_at(DUE + HOUR, step).groups
    assert names(claim_at(DUE + HOUR, step, Channel.SMS)) == [[person.first_name]]


def test_rows_are_freed_in_chunks(db):
    event = an_event()
    loaded = a_campaign(event)
    children = entrants(event, 5, race="kids")
    tick_at(DUE)
    claim_at(DUE, the_step(loaded))
    change(event, lambda: guard(*children[:4]))
    step = the_step(loaded)
    assert [ledger.free_chunk(step.id, DUE, chunk=2) for _ in range(3)] == [False, False, True]
    assert Delivery.objects.filter(state="due").count() == Outbox.objects.count() == 4
    assert fate(children[4]) == ("held", "minor")
    assert list(ledger.steps_to_free()) == []


# What must not free them


def test_without_a_change_nothing_is_looked_at_again(db):
    event = an_event()
    loaded = a_campaign(event)
    child, person = entrant(event, race="kids"), entrant(event)
    tick_at(DUE)
    lacks_a_value(loaded)
    before = Delivery.objects.order_by("id").values()
    with CaptureQueriesContext(connection) as queries:
        for _ in range(2):
            tick_at(DUE + HOUR)
    assert list(Delivery.objects.order_by("id").values()) == list(before)
    assert not [query for query in queries if "judged" in query["sql"]]
    assert {fate(child), fate(person)} == {("held", "minor"), ("held", "missing_value")}


@pytest.mark.parametrize("status", ["confirmed", "held"])
def test_a_change_of_something_else_leaves_a_child_held(db, status):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    change(event, lambda: Entrant.objects.update(status=status))
    tick_at(DUE + HOUR)
    assert fate(child) == ("held", "minor")
    assert not Outbox.objects.exists()
    assert list(ledger.steps_to_free()) == []


def test_a_guardian_does_not_end_a_hold_by_hand(db):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    Entrant.objects.update(status="held")
    change(event, lambda: guard(child))
    tick_at(DUE + HOUR)
    assert fate(child) == ("held", "minor")


def test_the_end_of_a_hold_does_not_stand_for_a_guardian(db):
    event = an_event()
    loaded = a_campaign(event)
    child = entrant(event, race="kids", status="held")
    queue(the_step(loaded), [child])
    claim_at(DUE, the_step(loaded))
    change(event, lambda: Entrant.objects.update(status="confirmed"))
    tick_at(DUE + HOUR)
    assert not claim_at(DUE + HOUR, the_step(loaded)).groups
    assert fate(child) == ("held", "minor")


def test_who_has_withdrawn_while_held_gets_nothing(db):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    change(event, lambda: Entrant.objects.update(status="withdrawn"))
    tick_at(DUE + HOUR)
    assert not claim_at(DUE + HOUR, the_step(loaded)).groups
    assert fate(child) == ("skipped", "withdrawn")


def test_the_guardians_own_stop_counts(db):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    Suppression.objects.create(
        organiser=event.organiser,
        channel="email",
        address_hash=child.email_hash,
        scope="tips_and_sponsor",
        reason="unsubscribed",
        at=AT,
    )
    change(event, lambda: guard(child))
    tick_at(DUE + HOUR)
    assert not claim_at(DUE + HOUR, the_step(loaded)).groups
    assert fate(child) == ("skipped", "suppressed")


def test_past_its_latest_time_what_was_held_is_too_late(db):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    change(event, lambda: guard(child))
    tick_at(DUE + DAY)
    assert fate(child) == ("skipped", "too_late")
    assert Delivery.objects.get().settled_at == DUE + DAY
    assert not Outbox.objects.exists()


def test_a_change_in_another_event_frees_nobody(db):
    event, other = an_event(), an_event()
    loaded = a_campaign(event)
    held_child(event, loaded)
    a_campaign(other)
    change(other)
    assert list(ledger.steps_to_free()) == []


@pytest.mark.parametrize("cancelled", [False, True])
def test_nothing_is_freed_while_nothing_may_be_sent_and_nothing_is_lost_by_it(db, cancelled):
    event = an_event()
    loaded = a_campaign(event)
    child = held_child(event, loaded)
    if cancelled:
        campaign.cancel_event(event)
    else:
        campaign.pause(loaded)
    change(event, lambda: guard(child))
    tick_at(DUE)
    assert list(ledger.steps_to_free()) == []
    ledger.free_chunk(the_step(loaded).id, DUE)
    assert fate(child) == ("held", "minor")
    if not cancelled:
        campaign.resume(loaded)
        tick_at(DUE + HOUR)
        assert fate(child) == ("due", "")


def test_a_doubt_is_never_freed_to_be_sent_as_if_nothing_had_happened(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded))
    row = claim.groups[0][0]
    ledger.settle(Channel.EMAIL, [Result(row.delivery, row.claim, row.delivery, "doubtful")], DUE)
    lacks_a_value(loaded, DUE + HOUR)
    change(event)
    tick_at(DUE + 2 * HOUR)
    assert fate(person)[0] == "unknown"
    assert not Outbox.objects.exists()


# Together with a move of the race


def test_a_row_held_under_an_older_plan_is_dated_anew_before_it_is_sent(db):
    """A drain holds it after the race moved: the re-dating has passed it by, and nobody else would date it."""
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded))
    campaign.move_race(event, event.date + 7 * DAY)
    campaign.approve(loaded, "ann@example.org", [])
    tick_at(DUE)
    ledger.hold(claim.fences, Reason.MISSING_VALUE, DUE, revision=claim.revision)
    step = the_step(loaded)
    for hours in (1, 2):
        tick_at(DUE + hours * HOUR)
        assert not claim_at(DUE + hours * HOUR, step).groups
    assert Outbox.objects.get().due_at == DUE + 7 * DAY
    assert names(claim_at(DUE + 7 * DAY, step)) == [[person.first_name]]


def test_a_row_held_under_an_older_plan_is_not_too_late_by_its_old_time(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded))
    campaign.move_race(event, event.date + 7 * DAY)
    campaign.approve(loaded, "ann@example.org", [])
    tick_at(DUE)
    ledger.hold(claim.fences, Reason.MISSING_VALUE, DUE, revision=claim.revision)
    tick_at(DUE + 2 * DAY)
    assert fate(person) == ("due", "")


def test_a_held_row_that_a_move_has_dated_anew_is_not_asked_again(db):
    event = an_event()
    loaded = a_campaign(event)
    held_child(event, loaded)
    with transaction.atomic():
        Event.objects.update(plan_version=F("plan_version") + 1)
        revision.bump(event.id)
    tick_at(DUE)
    assert Delivery.objects.values_list("state", "held_revision").get() == ("due", None)


# Numbers, and two at once


def test_every_try_has_a_number_of_its_own(db):
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 1)
    tick_at(DUE)
    step = the_step(loaded)
    [[row]] = claim_at(DUE, step).groups
    again = Result(row.delivery, row.claim, row.delivery, "transient", latest_at=row.latest_at)
    ledger.settle(Channel.EMAIL, [again], DUE)
    lacks_a_value(loaded, DUE + HOUR)
    change(event)
    tick_at(DUE + HOUR)
    [[row]] = claim_at(DUE + HOUR, step).groups
    ledger.settle(Channel.EMAIL, [Result(row.delivery, row.claim, row.delivery, "accepted")], DUE + HOUR)
    assert list(Attempt.objects.order_by("number").values_list("number", "outcome")) == [
        (1, "transient"),
        (2, "accepted"),
    ]


@commits
def test_two_that_free_at_once_put_each_row_into_the_queue_once():
    event = an_event()
    loaded = a_campaign(event)
    children = entrants(event, 20, race="kids")
    tick_at(DUE)
    claim_at(DUE, the_step(loaded))
    change(event, lambda: guard(*children))
    step = the_step(loaded)
    for done in [elsewhere(lambda: ledger.free_chunk(step.id, DUE)) for _ in range(3)]:
        assert done.result(10)
    assert Outbox.objects.count() == Delivery.objects.filter(state="due").count() == 20
