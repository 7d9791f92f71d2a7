"""Counts kept ready: exact, soon where something moves, seldom where nothing does."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from people import DUE, a_campaign, a_step, an_event, claim_at, entrants, queue, the_step, tick_at

from campaigns import ledger, live, report, tallies
from campaigns.models import Delivery, Outbox, Step, Tally
from campaigns.models.words import Channel

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def opened(people: int = 4) -> Step:
    """A step whose moment has come, open for so many."""
    event = an_event()
    entrants(event, people)
    campaign = a_campaign(event, a_step(purpose="service"))
    while tick_at(DUE).more:
        pass
    return the_step(campaign)


def settle(step: Step, at: datetime, limit: int = 500) -> None:
    rows = [row for group in claim_at(at, step, limit=limit).groups for row in group]
    results = [ledger.Result(row.delivery, row.claim, row.carrier, "accepted") for row in rows]
    ledger.settle(Channel.EMAIL, results, at)


def test_a_count_says_what_the_status_says() -> None:
    step = opened()
    settle(step, DUE, limit=1)
    claim_at(DUE, step, limit=1)
    Delivery.objects.filter(id=Outbox.objects.filter(lease_until=None).earliest("delivery").pk).update(
        state="skipped", reason="no_consent"
    )
    counted = tallies.count(step, DUE)
    said = report.status(step.campaign.event)["steps"][0]
    assert tallies.states(counted) == said["counts"] == {"sent": 1, "claimed": 1, "skipped": 1, "due": 1}
    assert tallies.reasons(counted) == said["reasons"] == {"no_consent": 1}


def test_a_family_that_shares_a_message_is_counted_as_people_and_as_one_message() -> None:
    event = an_event()
    entrants(event, 3, email="family@example.com")
    entrants(event, 1)
    campaign = a_campaign(event, a_step(purpose="service", more='per = "address"'))
    tick_at(DUE)
    step = the_step(campaign)
    settle(step, DUE)
    tallies.count(step, DUE)
    [line] = live.lines(event, [step], DUE)
    assert (line.reached, line.messages("sent"), line.carried) == (4, 2, {"sent": 2})


def test_a_step_is_counted_once_it_is_open_and_not_before() -> None:
    event = an_event()
    entrants(event, 1)
    campaign = a_campaign(event)
    assert not tallies.is_due(DUE)
    tick_at(DUE)
    assert tallies.is_due(DUE)
    assert not tallies.tally(DUE)
    assert Tally.objects.get().step == the_step(campaign)
    assert not tallies.is_due(DUE + SECOND)


def test_what_is_in_hand_is_counted_every_two_seconds() -> None:
    step = opened()
    for _ in range(4):
        tallies.count(step, DUE)
    assert Tally.objects.get().calm_s > 10
    claim_at(DUE, step)
    assert not tallies.is_due(DUE + SECOND)
    assert tallies.is_due(DUE + 3 * SECOND)


def test_what_stands_still_is_counted_ever_more_seldom_and_never_forgotten() -> None:
    step, now, waits = opened(), DUE, []
    for _ in range(12):
        kept = tallies.count(step, now)
        waits.append((kept.look_at - now).total_seconds())
        now = kept.look_at
    assert waits == sorted(waits)
    assert waits[1] < 10
    assert waits[-1] == tallies.SELDOM
    assert tallies.is_due(now)


def test_a_change_is_looked_at_closely_again() -> None:
    step = opened()
    for _ in range(9):
        tallies.count(step, DUE)
    settle(step, DUE)
    assert tallies.count(step, DUE + SECOND).calm_s < 10


def test_a_step_opened_again_for_who_entered_since_is_counted_at_once() -> None:
    step = opened()
    for _ in range(9):
        tallies.count(step, DUE)
    entrants(step.campaign.event, 1)
    tick_at(DUE + 3 * SECOND)
    assert tallies.is_due(DUE + 3 * SECOND)


def test_a_slow_count_rests_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    step, times = opened(), iter((0.0, 0.5))
    monkeypatch.setattr(tallies.time, "monotonic", lambda: next(times))
    assert tallies.count(step, DUE).rest_s == 10


def test_the_rate_is_that_of_the_last_minute() -> None:
    step = opened(people=31)
    tallies.count(step, DUE)
    settle(step, DUE, limit=30)
    counted = tallies.count(step, DUE + 10 * SECOND)
    assert tallies.rate(counted, DUE + 12 * SECOND) == 3.0
    assert tallies.rate(counted, DUE + 80 * SECOND) == 0.0
    assert len(tallies.count(step, DUE + 65 * SECOND).trail) == 2


def test_a_step_that_nobody_counted_yet_is_counted_for_who_asks() -> None:
    step = opened(people=2)
    assert tallies.states(tallies.of([step])[step.id]) == {"due": 2}
    assert not Tally.objects.exists()


def test_a_step_of_another_day_is_not_in_it() -> None:
    event = an_event()
    step = the_step(a_campaign(event))
    queue(step, entrants(event, 1))
    assert tallies.of([step]) == {}
