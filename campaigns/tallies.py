"""Counts of each step kept ready, so that pages need not count a million rows. Changes no delivery.

A count is always exact, and as old as it says. What moves is counted every two seconds, but never for more than a
twentieth of the time; what stands still ever more seldom, as long as nothing is found changed.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns import clock
from campaigns.models import Step, Tally
from campaigns.models.words import DeliveryState

EVERY = 2.0
"""Seconds between two counts of a step that moves."""

SELDOM = 600.0
"""Seconds after which even a step that has stood still for long is counted again."""

SHARE = 20
"""A count may take one part in so many of the time: one that takes a tenth of a second rests for two."""

TRAIL = timedelta(minutes=1)
"""How far back a step's rate looks."""

HANDED_OVER = ("sent", "delivered", "bounced")
"""States of what a provider took."""

NOT_REACHED = ("failed", "bounced")
MOST_REFUSALS = 5

Counts = dict[str, dict[str, int]]


def is_due(now: datetime) -> bool:
    """Whether a step has to be counted."""
    return bool(_due(now, most=1))


def tally(now: datetime, piece: float = 0.2) -> bool:
    """Counts steps, the longest uncounted first, for about `piece` seconds; whether it left some."""
    end = time.monotonic() + piece
    due = _due(now, most=100)
    steps = Step.objects.in_bulk(due)
    for step_id in due:
        count(steps[step_id], now)
        if time.monotonic() > end:
            return True
    return False


def count(step: Step, now: datetime) -> Tally:
    """Counts one step and keeps the result."""
    begun = time.monotonic()
    fresh = _counted(step, now)
    fresh.refusals = _refusals(step) if set(states(fresh)) & set(NOT_REACHED) else []
    rest = max(EVERY, SHARE * (time.monotonic() - begun))
    before = Tally.objects.filter(step=step).first()
    same = before is not None and _told(before) == _told(fresh)
    fresh.rest_s = rest
    fresh.calm_s = min(SELDOM, before.calm_s * 2) if same and before else rest
    fresh.look_at = now + timedelta(seconds=max(rest, fresh.calm_s))
    fresh.trail = _trail(before, fresh, now)
    Tally.objects.bulk_create([fresh], update_conflicts=True, unique_fields=["step"], update_fields=_KEPT)
    return fresh


def of(steps: Iterable[Step]) -> dict[int, Tally]:
    """The tally of each step that was ever opened; one that nobody counted yet is counted now and not kept."""
    opened = [step for step in steps if step.opened_revision is not None or step.opening_cursor is not None]
    kept = Tally.objects.in_bulk([step.id for step in opened])
    now = clock.now()
    return {step.id: kept.get(step.id) or _counted(step, now) for step in opened}


def of_sent(steps: Iterable[Step]) -> dict[int, Tally]:
    """The tally of each step that was ever opened, be it before its race moved and closed it again."""
    asked = list(steps)
    closed = Tally.objects.in_bulk([step.id for step in asked if step.opened_revision is None])
    return closed | of(step for step in asked if step.opened_revision is not None)


def states(tally: Tally) -> dict[str, int]:
    """Deliveries by shown state, over all channels."""
    return _summed(tally.counts)


def left_here(tally: Tally) -> int:
    """How many messages a provider took or may have taken."""
    found = states(tally)
    return sum(found.get(word, 0) for word in (*HANDED_OVER, DeliveryState.UNCERTAIN, DeliveryState.UNKNOWN))


def carried(tally: Tally) -> dict[str, int]:
    """Of `states`, those who share the message of another on their address."""
    return _summed(tally.carried)


def reasons(tally: Tally) -> dict[str, int]:
    """Deliveries by reason, over all channels."""
    return _summed(tally.reasons)


def rate(tally: Tally, now: datetime) -> float:
    """Messages a second that left in the last minute; 0 once nothing was counted for longer than that."""
    if now - tally.counted_at > TRAIL or len(tally.trail) < 2:
        return 0.0
    (begun, first), (ended, last) = tally.trail[0], tally.trail[-1]
    return max(0.0, (last - first) / (ended - begun)) if ended > begun else 0.0


_KEPT = [
    "counts",
    "reasons",
    "carried",
    "refusals",
    "trail",
    "opened_revision",
    "counted_at",
    "rest_s",
    "calm_s",
    "look_at",
]


def _due(now: datetime, *, most: int) -> list[int]:
    """Steps in movement that have rested, and others whose time to be looked at has come.

    In movement is what has rows in a process's hands (by outbox_leased) or is being opened.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH leased AS MATERIALIZED (SELECT DISTINCT step_id FROM outbox WHERE lease_until IS NOT NULL)
            SELECT s.id FROM steps s LEFT JOIN tallies t ON t.step_id = s.id
            WHERE (s.opened_revision IS NOT NULL OR s.opening_cursor IS NOT NULL)
                AND (t.step_id IS NULL OR t.look_at <= %(now)s OR (
                    t.counted_at + make_interval(secs => t.rest_s) <= %(now)s
                    AND (s.opening_cursor IS NOT NULL OR t.opened_revision IS DISTINCT FROM s.opened_revision
                        OR s.id IN (SELECT step_id FROM leased))))
            ORDER BY t.counted_at NULLS FIRST LIMIT %(most)s""",
            {"now": now, "most": most},
        )
        return [row[0] for row in cursor.fetchall()]


def _counted(step: Step, now: datetime) -> Tally:
    """By deliveries_one_a_step_and_entrant; the few in hand by outbox_leased, in the same snapshot."""
    counts: Counts = {}
    reasons: Counts = {}
    carried: Counts = {}
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, {"step": step.id})
        for channel, state, reason, number, with_another in cursor.fetchall():
            _add(counts, channel, state, number)
            if with_another:
                _add(carried, channel, state, with_another)
            if reason:
                _add(reasons, channel, reason, number)
    return Tally(
        step=step,
        counts={channel: {word: n for word, n in of.items() if n} for channel, of in counts.items()},
        reasons=reasons,
        carried=carried,
        opened_revision=step.opened_revision,
        counted_at=now,
        rest_s=EVERY,
        calm_s=EVERY,
        look_at=now,
    )


_STATEMENT = """
WITH hand AS MATERIALIZED (
    SELECT delivery_id FROM outbox WHERE lease_until IS NOT NULL AND step_id = %(step)s
)
SELECT channel, state, reason, count(*), count(carrier_id) FROM deliveries WHERE step_id = %(step)s GROUP BY 1, 2, 3
UNION ALL
SELECT d.channel, w.state, '', w.sign * count(*), 0
FROM hand JOIN deliveries d ON d.id = hand.delivery_id
    CROSS JOIN (VALUES ('due', -1), ('claimed', 1)) w (state, sign)
WHERE d.state = 'due' GROUP BY 1, 2, w.sign"""
"""As `ledger.SHOWN_STATE` counts, without joining each row to the queue: what is in hand is taken from what is due."""


def _refusals(step: Step) -> list[list[Any]]:
    """What providers said most often of those not taken: each one's last attempt, by attempts_one_a_claim."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.code, a.detail, count(*) FROM deliveries d
            CROSS JOIN LATERAL (
                SELECT code, detail FROM attempts WHERE delivery_id = d.id ORDER BY number DESC LIMIT 1
            ) a
            WHERE d.step_id = %s AND d.state = ANY(%s) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %s""",
            [step.id, list(NOT_REACHED), MOST_REFUSALS],
        )
        return [list(row) for row in cursor.fetchall()]


def _add(counted: Counts, channel: str, word: str, number: int) -> None:
    of_channel = counted.setdefault(channel, {})
    of_channel[word] = of_channel.get(word, 0) + number


def _trail(before: Tally | None, fresh: Tally, now: datetime) -> list[Any]:
    at = now.timestamp()
    kept = [mark for mark in before.trail if at - mark[0] <= TRAIL.total_seconds()] if before else []
    left = states(fresh)
    return [*kept, [at, sum(left.get(state, 0) for state in HANDED_OVER)]]


def _told(tally: Tally) -> tuple[Any, ...]:
    return tally.counts, tally.reasons, tally.carried


def _summed(counted: Counts) -> dict[str, int]:
    found: dict[str, int] = {}
    for of_channel in counted.values():
        for word, number in of_channel.items():
            found[word] = found.get(word, 0) + number
    return found
