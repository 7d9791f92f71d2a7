"""What a move of the race is foreseen to do is what it does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from people import DUE, RACE_DAY, a_campaign, a_step, an_event, entrant, moment, queue, the_step
from reigate import dump

from campaigns import campaign, tallies
from campaigns.ledger.moments import Field
from campaigns.models import Delivery, Event, Step
from campaigns.moving import Fate, Moved, foresee_move

STEPS = (
    a_step(),
    a_step("shoes", template="shoes", when="40 days before, 10:00"),
    a_step("off", template="shoes", when="30 days before, 10:00", more="enabled = false"),
    a_step("morning", template="race-week", when="start - 60 min"),
)


@pytest.fixture
def event(db: None) -> Event:
    made = an_event()
    a_campaign(made, *STEPS)
    return made


def foreseen(event: Event, day: date, now: str = "2027-08-05 12:00") -> dict[str, Moved]:
    with time_machine.travel(moment(now), tick=False):
        return {one.step.name: one for one in foresee_move(event, day)}


def opened(event: Event, name: str, state: str = "delivered") -> Step:
    step = the_step(event.campaign, name)
    Step.objects.filter(id=step.id).update(state="done", first_opened_revision=1, opened_revision=1)
    rows = queue(step, [entrant(event)])
    Delivery.objects.filter(id__in=[row.id for row in rows]).update(state=state)
    return the_step(event.campaign, name)


def test_it_looks_and_changes_nothing(event: Event) -> None:
    before = dump()
    foreseen(event, RACE_DAY + timedelta(days=14))
    assert dump() == before


@pytest.mark.parametrize("days", [-7, 14, 43])
def test_each_new_moment_is_the_one_that_the_move_brings(event: Event, days: int) -> None:
    day = RACE_DAY + timedelta(days=days)
    seen = foreseen(event, day, "2027-06-01 12:00")
    with time_machine.travel(moment("2027-06-01 12:00"), tick=False):
        asked = campaign.move_race(event, day)
        event.refresh_from_db()
        field = Field.of(event)
        for name, one in seen.items():
            assert field.moments(the_step(event.campaign, name), DUE).first == one.at
    assert asked == sum(one.asks_again for one in seen.values()) == 3


def test_across_the_clocks_ten_stays_ten(event: Event) -> None:
    one = foreseen(event, date(2027, 12, 19))["tip"]
    assert one.was == moment("2027-08-03 09:00")
    assert one.at == moment("2027-11-02 10:00")


def test_what_was_sent_stays_where_it_was(event: Event) -> None:
    opened(event, "tip")
    one = foreseen(event, RACE_DAY - timedelta(days=7))["tip"]
    assert (one.fate, one.at, one.again) == (Fate.STAYS, DUE, False)
    one = foreseen(event, RACE_DAY + timedelta(days=14))["tip"]
    assert (one.fate, one.at, one.again) == (Fate.STAYS, DUE, True)


def test_what_was_opened_and_not_sent_moves(event: Event) -> None:
    opened(event, "tip", "due")
    assert foreseen(event, RACE_DAY + timedelta(days=14))["tip"].fate == Fate.MOVES


def test_what_would_be_late_is_told(event: Event) -> None:
    seen = foreseen(event, RACE_DAY - timedelta(days=5), "2027-08-05 12:00")
    assert {name: one.fate for name, one in seen.items()} == {
        "tip": Fate.TOO_LATE,
        "shoes": Fate.AT_ONCE,
        "off": Fate.OFF,
        "morning": Fate.MOVES,
    }


def test_a_tally_that_nobody_kept_is_counted(event: Event) -> None:
    step = opened(event, "tip")
    tallies.count(step, DUE)
    assert foreseen(event, RACE_DAY + timedelta(days=7))["tip"].fate == Fate.STAYS
