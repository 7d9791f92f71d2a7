"""What happens by itself: the beat schedule, and the tick that finds out what is due now, in which order."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from campaigns import clock, ledger
from campaigns.models.words import Channel

EVERY = timedelta(seconds=1)
"""Between two ticks."""

SCHEDULE = {
    # A tick that waited for longer than its successor's turn is worthless; a day without workers must not leave
    # 86,400 of them in the queue.
    "tick": {"task": "tick", "schedule": EVERY.total_seconds(), "options": {"queue": "clock", "expires": 2}},
    "notify": {"task": "notify", "schedule": 60.0, "options": {"queue": "email", "expires": 50}},
    "retain": {"task": "retain", "schedule": 600.0, "options": {"queue": "clock", "expires": 300}},
}

PIECE = 0.2
"""Seconds of work after which a tick ends and queues the rest: an alert never waits longer behind it."""


@dataclass(frozen=True)
class Due:
    """What a tick found: the channels with messages to send, those with alerts, whether it left work, and the moment
    (UTC) at which a step becomes due before the next tick of the schedule."""

    channels: list[Channel]
    more: bool
    alerts: list[Channel] = field(default_factory=list)
    next_moment: datetime | None = None


def tick(piece: float = PIECE) -> Due:
    """One look at everything that time brings about. Safe to run twice at once, and to miss.

    Doubts first, then the new moments of a moved race, then what was held and need not wait any more, then
    openings in the order of their moments.
    """
    now = clock.now()
    end = time.monotonic() + piece
    ledger.replay_the_dead(settings.JOURNAL_FOLDER, now)
    ledger.sweep(now)
    finished = _work_through(ledger.steps_to_redate(), lambda step: ledger.redate_chunk(step, now), end)
    finished &= _work_through(ledger.steps_to_free(), lambda step: ledger.free_chunk(step, now), end)
    openings = ledger.openings(now)
    finished &= _open_steps(openings.due, now, end)
    ledger.finish_steps()
    return Due(_waiting(now), not finished, _waiting(now, alerts_only=True), _before_next_tick(openings, now))


def _before_next_tick(openings: ledger.Openings, now: datetime) -> datetime | None:
    """A message that is due at ten waits for no tick that happens to come at half a second past ten."""
    soonest = openings.next_moment
    return soonest if soonest is not None and soonest - now <= EVERY else None


def _waiting(now: datetime, *, alerts_only: bool = False) -> list[Channel]:
    return [
        channel for channel in Channel if ledger.next_step(channel, now, alerts_only=alerts_only) is not None
    ]


def _open_steps(due: Iterable[int], now: datetime, end: float) -> bool:
    """Opens what is due until it is finished, which is True, or the time is up.

    The first chunk of a step ends the tick as well: its messages leave while the next tick opens the others.
    """
    for step_id in due:
        opened = ledger.open_chunk(step_id, now)
        while opened is not None and not opened.complete:
            if opened.first or time.monotonic() > end:
                return False
            opened = ledger.open_chunk(step_id, now)
        if time.monotonic() > end:
            return False
    return True


def _work_through(steps: Iterable[int], one_chunk: Callable[[int], bool], end: float) -> bool:
    """Takes each step chunk by chunk until it is finished or the time is up; True when all are finished."""
    for step_id in steps:
        while not one_chunk(step_id):
            if time.monotonic() > end:
                return False
        if time.monotonic() > end:
            return False
    return True
