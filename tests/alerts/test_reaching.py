"""Whom an alert reaches, counted beforehand: fresh near race day, and never by whoever looks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from armed import loaded
from people import RACE_DAY, an_event, entrants

from campaigns.alerts import reaching
from campaigns.models import AlertReach, Event
from campaigns.models.words import Channel

pytestmark = pytest.mark.django_db

NEAR = datetime.combine(RACE_DAY, time(6), tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def event(tmp_path) -> Event:
    made = an_event()
    loaded(made, tmp_path)
    entrants(made, 2)
    made.refresh_from_db()
    return made


def test_near_race_day_both_channels_are_counted_once(event: Event) -> None:
    assert reaching.is_due(NEAR)
    assert reaching.refresh(NEAR) == 2
    assert not reaching.is_due(NEAR + MINUTE)
    assert {one.channel: one.entrants for one in AlertReach.objects.all()} == {"email": 2, "sms": 2}


@pytest.mark.parametrize("away", [timedelta(days=-30), timedelta(days=30)])
def test_far_from_it_nothing_is_counted_by_itself(event: Event, away: timedelta) -> None:
    assert not reaching.is_due(NEAR + away)


def test_who_enters_is_counted_within_seconds(event: Event) -> None:
    reaching.refresh(NEAR)
    entrants(event, 1)
    assert reaching.refresh(NEAR + MINUTE) == 2
    event.refresh_from_db()
    assert reaching.known(event, NEAR + MINUTE)[Channel.EMAIL].entrants == 3


def test_a_slow_count_is_not_made_again_at_once(event: Event) -> None:
    reaching.refresh(NEAR)
    AlertReach.objects.update(took_s=2)
    entrants(event, 1)
    assert not reaching.is_due(NEAR + MINUTE)
    assert reaching.is_due(NEAR + 2 * MINUTE)


def test_who_looks_waits_for_no_count_that_the_clock_keeps_fresh(event: Event) -> None:
    reaching.refresh(NEAR)
    entrants(event, 1)
    event.refresh_from_db()
    assert reaching.known(event, NEAR + MINUTE)[Channel.EMAIL].entrants == 2


def test_where_no_clock_runs_who_looks_gets_the_truth(event: Event) -> None:
    reaching.refresh(NEAR)
    entrants(event, 1)
    event.refresh_from_db()
    with time_machine.travel(NEAR + 3 * MINUTE, tick=False):
        assert reaching.known(event, NEAR + 3 * MINUTE)[Channel.EMAIL].entrants == 3
