"""The tick: what is due now, in which order, at the hour that the clocks of the race show."""

import threading
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from people import (
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

import scheduler
from campaigns import campaign, ledger
from campaigns.models import Delivery, Outbox, Step
from campaigns.models.words import Channel

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "race_day", "first", "second"),
    [
        ("Europe/London", date(2027, 11, 14), "2027-09-28 09:00", "2027-11-04 10:00"),
        ("Europe/London", date(2027, 4, 18), "2027-03-02 10:00", "2027-04-08 09:00"),
        ("Pacific/Auckland", date(2027, 10, 31), "2027-09-13 22:00", "2027-10-20 21:00"),
        ("America/New_York", date(2027, 11, 28), "2027-10-12 14:00", "2027-11-18 15:00"),
    ],
)
def test_ten_o_clock_is_ten_o_clock_on_both_sides_of_a_clock_change(db, zone, race_day, first, second):
    event = an_event(race_day, zone)
    loaded = a_campaign(event, a_step(), a_step("near", when="10 days before, 10:00"))
    person = entrant(event)
    offsets = set()
    for name, at in [("tip", moment(first)), ("near", moment(second))]:
        local = at.astimezone(ZoneInfo(zone))
        assert (local.hour, local.minute) == (10, 0)
        offsets.add(local.utcoffset())
        assert tick_at(at - SECOND).channels == []
        assert not Delivery.objects.filter(step__name=name).exists()
        assert tick_at(at).channels == [Channel.EMAIL]
        claim = claim_at(at, the_step(loaded, name))
        assert names(claim) == [[person.first_name]]
        ledger.settle(Channel.EMAIL, [ledger.Result(*claim.fences[0], claim.fences[0][0], "accepted")], at)
    assert len(offsets) == 2, "the clocks do not change between the two steps"


def test_a_tick_with_nothing_to_do_finds_nothing(db):
    assert tick_at(DUE) == scheduler.Due([], more=False)


def test_a_tick_run_twice_is_run_once(db):
    a_campaign(event := an_event())
    entrants(event, 3)
    tick_at(DUE)
    before = [*Delivery.objects.values(), *Outbox.objects.values(), *Step.objects.values()]
    tick_at(DUE)
    assert [*Delivery.objects.values(), *Outbox.objects.values(), *Step.objects.values()] == before


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_open_and_sweep_once():
    event = an_event()
    loaded = a_campaign(event, a_step(), a_step("earlier", when="48 days before, 10:00", latest="3 days"))
    people = entrants(event, 40)
    earlier = the_step(loaded, "earlier")
    queue(earlier, people, DUE - DAY, latest_at=DUE + DAY)
    claim_at(DUE, earlier)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox SET lease_until = clock_timestamp() - interval '11 minutes'")
    start = threading.Barrier(2)

    def tick() -> None:
        start.wait(5)
        scheduler.tick()

    with time_machine.travel(DUE, tick=False):
        for running in [elsewhere(tick), elsewhere(tick)]:
            running.result(20)
    assert Delivery.objects.filter(step__name="tip", state="due").count() == 40
    assert Delivery.objects.filter(step=earlier, state="uncertain").count() == 40


def test_a_worker_that_was_away_for_a_day_does_not_send_yesterdays_news(db):
    event = an_event()
    loaded = a_campaign(event, a_step("tomorrow", when="1 day before, 10:00", latest="6 h"))
    person = entrant(event)
    race_day = moment("2027-09-19 09:00")
    assert tick_at(race_day).channels == []
    assert not claim_at(race_day, the_step(loaded, "tomorrow")).groups
    assert fate(person) == ("skipped", "too_late")


def test_the_steps_whose_moment_came_first_are_opened_first(db):
    event = an_event()
    steps = [a_step("second", when="46 days before, 10:00"), a_step("first", latest="9 days")]
    loaded = a_campaign(event, *steps)
    assert ledger.openings(DUE + 2 * DAY).due == [
        the_step(loaded, "first").id,
        the_step(loaded, "second").id,
    ]


def test_a_tick_knows_the_moment_that_comes_before_its_successor(db):
    """A step due at ten left up to a second later, at whatever part of a second the ticks come."""
    loaded = a_campaign(an_event(), a_step(), a_step("near", when="46 days before, 10:00"))
    assert tick_at(DUE - 2 * SECOND).next_moment is None
    assert tick_at(DUE - SECOND).next_moment == DUE
    assert tick_at(DUE - SECOND / 1000).next_moment == DUE
    assert tick_at(DUE).next_moment is None
    assert tick_at(DUE + DAY - SECOND / 2).next_moment == DUE + DAY
    campaign.pause(loaded)
    assert tick_at(DUE + DAY - SECOND / 2).next_moment is None


def test_a_tick_asks_no_more_when_many_events_wait_for_their_moment(db, django_assert_num_queries):
    a_campaign(an_event())
    with CaptureQueriesContext(connection) as for_one:
        tick_at(DUE - DAY)
    for _ in range(4):
        a_campaign(an_event())
    with django_assert_num_queries(len(for_one)):
        tick_at(DUE - DAY)


def test_a_tick_that_runs_out_of_time_says_that_there_is_more(db):
    event = an_event()
    a_campaign(event, a_step(), a_step("second"))
    entrants(event, 1)
    ticks = 0
    with time_machine.travel(DUE, tick=False):
        while (due := scheduler.tick(piece=-1)).more:
            ticks += 1
            assert ticks < 10
    assert ticks == 2
    assert due.channels == [Channel.EMAIL]
    assert Delivery.objects.count() == 2


def test_the_first_messages_are_woken_while_the_others_are_still_being_opened(db, monkeypatch):
    monkeypatch.setattr("campaigns.ledger.opening.FIRST_CHUNK", 2)
    event = an_event()
    a_campaign(event, a_step())
    entrants(event, 5)
    due = tick_at(DUE)
    assert (Outbox.objects.count(), due.channels, due.more) == (2, [Channel.EMAIL], True)
    assert not tick_at(DUE).more
    assert Outbox.objects.count() == 5


def test_a_tick_wakes_only_channels_with_something_to_send(db):
    event = an_event()
    loaded = a_campaign(event, a_step(channel="sms", template="hydration"))
    entrants(event, 1)
    assert tick_at(DUE).channels == [Channel.SMS]
    campaign.pause(loaded)
    assert tick_at(DUE).channels == []


def test_an_alert_is_neither_opened_nor_ended_by_the_tick(db):
    event = an_event()
    alert = an_alert(a_campaign(event))
    people = entrants(event, 2)
    queue(alert, people[:1])
    assert tick_at(DUE).channels == [Channel.EMAIL]
    assert Delivery.objects.filter(step=alert).count() == 1


def test_a_sent_step_becomes_done_and_a_late_entrant_does_not_bring_it_back_for_good(db):
    event = an_event()
    loaded = a_campaign(event, catch_up=True)
    entrants(event, 1)
    tick_at(DUE)
    step = the_step(loaded)
    claim = claim_at(DUE, step)
    ledger.settle(Channel.EMAIL, [ledger.Result(*claim.fences[0], claim.fences[0][0], "accepted")], DUE)
    tick_at(DUE)
    assert the_step(loaded).state == "done"
    entrant(event)
    tick_at(DUE + HOUR)
    assert the_step(loaded).state == "done"


def test_a_step_is_done_although_entrants_changed_after_its_latest_time(db):
    """It is not opened again then, and would be 'sending' for ever."""
    event = an_event()
    loaded = a_campaign(event)
    entrants(event, 1)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded))
    entrant(event)
    ledger.settle(Channel.EMAIL, [ledger.Result(*claim.fences[0], claim.fences[0][0], "accepted")], DUE)
    tick_at(DUE + 2 * DAY)
    assert the_step(loaded).state == "done"


def test_the_schedule_keeps_no_tick_waiting_in_the_broker():
    tick = scheduler.SCHEDULE["tick"]
    assert (tick["schedule"], tick["options"]) == (1.0, {"queue": "clock", "expires": 2})
    assert scheduler.PIECE <= 0.2
