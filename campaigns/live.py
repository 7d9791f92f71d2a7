"""How a send goes at this moment, from the tallies and the head of the queue: cheap enough to ask every two seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns import tallies
from campaigns.ledger import gate
from campaigns.models import Circuit, Event, Step, Tally
from campaigns.models.words import Channel, StepKind
from campaigns.watch import heartbeat

LEFT = ("due", "claimed")
REACHED = ("sent", "delivered")
DOUBTFUL = ("uncertain", "unknown")
NOT_REACHED = ("bounced", "failed")
GONE = (*REACHED, *NOT_REACHED, *DOUBTFUL)

LATE = 60.0
"""Seconds after which what could leave and has not is late."""

LATE_ON_THE_MOVE = 300.0
"""The same on a channel by which messages leave: five thousand texts at ten a second take their time by design."""

STANDS_STILL = 15.0
"""Seconds within which the first message leaves and the clock ticks, also on a busy machine; else all is not well."""


@dataclass(frozen=True)
class Waiting:
    """The first message of a step that waits. `since`: from when on it could leave, which is later than its moment
    where the step was approved, or the campaign started or let go on, only after that."""

    due_at: datetime
    since: datetime

    @property
    def catches_up(self) -> bool:
        """Whether its moment had passed by more than a minute before it could leave."""
        return (self.since - self.due_at).total_seconds() > LATE


@dataclass(frozen=True)
class Line:
    """One step that was opened. `waits`: the first of its messages that could leave and has not, if there is one;
    `late_s`: for how many seconds."""

    step: Step
    counts: dict[str, int]
    carried: dict[str, int]
    by_channel: dict[str, dict[str, int]]
    reasons: dict[str, int]
    refusals: list[list[Any]]
    rate: float
    waits: Waiting | None
    late_s: float
    counted_at: datetime

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def of(self, *states: str) -> int:
        """How many are in one of these states."""
        return sum(self.counts.get(state, 0) for state in states)

    def messages(self, *states: str) -> int:
        """The same in messages: a family on one address shares one."""
        return self.of(*states) - sum(self.carried.get(state, 0) for state in states)

    @property
    def left(self) -> int:
        return self.of(*LEFT)

    @property
    def waiting(self) -> int:
        """Of those left, who is to get it as its approval counted them; the others are left out one by one later."""
        return self._expected(self.step.approved_recipients, self.of(*GONE))

    @property
    def to_leave(self) -> int:
        """The messages that these come to."""
        counted = (self.step.approved_emails, self.step.approved_texts)
        known = [number for number in counted if number is not None]
        return self._expected(sum(known) if known else None, self.messages(*GONE))

    @property
    def meant(self) -> int:
        """Who has got it, is to get it or was to: all but those left out."""
        return self.of(*GONE, "held") + self.waiting

    @property
    def reached(self) -> int:
        return self.of(*REACHED)

    @property
    def not_reached(self) -> int:
        return self.of(*NOT_REACHED)

    @property
    def doubtful(self) -> int:
        return self.of(*DOUBTFUL)

    @property
    def left_somebody(self) -> bool:
        """Whether it is known why somebody did not get it."""
        return bool(self.reasons or self.refusals)

    @property
    def moves(self) -> bool:
        """Whether some of its messages are in hand, or left in the last minute."""
        return bool(self.rate or self.of("claimed"))

    @property
    def share(self) -> int:
        """Per cent of its messages that wait no more; 100 only when none waits."""
        return 100 * (self.total - self.left) // self.total if self.total else 0

    @property
    def meant_share(self) -> int:
        """The same of those who are to get it."""
        return 100 * (self.meant - self.waiting) // self.meant if self.meant else 100

    @property
    def seconds_left(self) -> float | None:
        """Until the last one leaves at the rate of the last minute; None while nothing moves."""
        return self.waiting / self.rate if self.rate else None

    def _expected(self, counted: int | None, gone: int) -> int:
        """What is still to come of what was counted; all that is left where nobody has, or more have gone since."""
        return self.left if counted is None or counted <= gone else min(self.left, counted - gone)


def lines(event: Event, steps: Sequence[Step], now: datetime) -> list[Line]:
    """Those of the event's steps that were opened, in their order."""
    counted, waiting = tallies.of(steps), _waiting(event, now)
    return [_line(step, counted[step.id], waiting.get(step.id), now) for step in steps if step.id in counted]


def late(found: Sequence[Line]) -> list[Line]:
    """Those of an event's lines whose first could have left long ago; one may wait for another of its channel."""
    moving = {line.step.channel for line in found if line.rate}
    return [
        line for line in found if line.late_s >= (LATE_ON_THE_MOVE if line.step.channel in moving else LATE)
    ]


def standing(found: Sequence[Line]) -> dict[Channel, list[Line]]:
    """By channel, planned lines whose first could have left while nothing planned of that channel moves at all."""
    planned = [line for line in found if line.step.kind != StepKind.ALERT]
    moving = {line.step.channel for line in planned if line.moves}
    still = [line for line in planned if line.step.channel not in moving and line.left]
    by_channel = {
        channel: [line for line in still if line.step.channel == channel and line.late_s >= STANDS_STILL]
        for channel in Channel
    }
    return {channel: of for channel, of in by_channel.items() if of}


def clock_stands_still() -> bool:
    """Whether the clock has not ticked for so long that nothing new becomes due, or has never."""
    age = heartbeat.ages().get(heartbeat.TICK)
    return age is None or age > STANDS_STILL


def stopped_providers() -> dict[Channel, tuple[str, datetime]]:
    """Why and since when a provider is taken for stopped, by channel."""
    opened = Circuit.objects.filter(opened_at__isnull=False)
    return {Channel(one.channel): (one.reason, one.opened_at) for one in opened if one.opened_at}


def _line(step: Step, tally: Tally, waits: Waiting | None, now: datetime) -> Line:
    return Line(
        step=step,
        counts=tallies.states(tally),
        carried=tallies.carried(tally),
        by_channel=tally.counts,
        reasons=tallies.reasons(tally),
        refusals=tally.refusals,
        rate=tallies.rate(tally, now),
        waits=waits,
        late_s=max(0.0, (now - waits.since).total_seconds()) if waits else 0.0,
        counted_at=tally.counted_at,
    )


def _waiting(event: Event, now: datetime) -> dict[int, Waiting]:
    """What waits of each step that may send: one look into outbox_waiting a step and channel."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.id, min(w.due_at), {gate.could_leave("min(w.due_at)")}
            FROM {gate.STEPS} CROSS JOIN unnest(%(channels)s::text[]) AS ch (channel)
            CROSS JOIN LATERAL (
                SELECT o.due_at FROM outbox o
                WHERE o.channel = ch.channel AND o.step_id = s.id AND o.lease_until IS NULL
                ORDER BY o.due_at LIMIT 1
            ) w
            WHERE ev.id = %(event)s AND {gate.MAY_SEND} AND w.due_at <= %(now)s GROUP BY s.id, c.id""",
            {"event": event.id, "now": now, "channels": list(Channel.values)},
        )
        return {step: Waiting(due_at, since) for step, due_at, since in cursor.fetchall()}
