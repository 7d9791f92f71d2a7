"""How a send goes at this moment, from the tallies and the head of the queue: cheap enough to ask every two seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns import tallies
from campaigns.ledger import gate
from campaigns.models import Circuit, Event, Step, Tally
from campaigns.models.words import Channel

LEFT = ("due", "claimed")
REACHED = ("sent", "delivered")
DOUBTFUL = ("uncertain", "unknown")
NOT_REACHED = ("bounced", "failed")


@dataclass(frozen=True)
class Line:
    """One step that was opened. `late_s`: how long the first of its waiting messages is past its moment."""

    step: Step
    counts: dict[str, int]
    by_channel: dict[str, dict[str, int]]
    reasons: dict[str, int]
    refusals: list[list[Any]]
    rate: float
    late_s: float
    counted_at: datetime

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def of(self, *states: str) -> int:
        """How many are in one of these states."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def left(self) -> int:
        return self.of(*LEFT)

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
    def share(self) -> int:
        """Per cent of its messages that wait no more; 100 only when none waits."""
        return 100 * (self.total - self.left) // self.total if self.total else 0

    @property
    def seconds_left(self) -> float | None:
        """Until the last one leaves at the rate of the last minute; None while nothing moves."""
        return self.left / self.rate if self.rate else None


def lines(event: Event, steps: Sequence[Step], now: datetime) -> list[Line]:
    """Those of the event's steps that were opened, in their order."""
    counted, oldest = tallies.of(steps), _oldest(event, now)
    return [_line(step, counted[step.id], oldest.get(step.id), now) for step in steps if step.id in counted]


def stopped_providers() -> dict[Channel, tuple[str, datetime]]:
    """Why and since when a provider is taken for stopped, by channel."""
    opened = Circuit.objects.filter(opened_at__isnull=False)
    return {Channel(one.channel): (one.reason, one.opened_at) for one in opened if one.opened_at}


def _line(step: Step, tally: Tally, oldest: datetime | None, now: datetime) -> Line:
    return Line(
        step=step,
        counts=tallies.states(tally),
        by_channel=tally.counts,
        reasons=tallies.reasons(tally),
        refusals=tally.refusals,
        rate=tallies.rate(tally, now),
        late_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        counted_at=tally.counted_at,
    )


def _oldest(event: Event, now: datetime) -> dict[int, datetime]:
    """The first moment that waits of each step that may send: one look into outbox_waiting a step and channel."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.id, min(w.due_at) FROM {gate.STEPS} CROSS JOIN unnest(%(channels)s::text[]) AS ch (channel)
            CROSS JOIN LATERAL (
                SELECT o.due_at FROM outbox o
                WHERE o.channel = ch.channel AND o.step_id = s.id AND o.lease_until IS NULL
                ORDER BY o.due_at LIMIT 1
            ) w
            WHERE ev.id = %(event)s AND {gate.MAY_SEND} AND w.due_at <= %(now)s GROUP BY s.id""",
            {"event": event.id, "now": now, "channels": list(Channel.values)},
        )
        return dict(cursor.fetchall())
