"""How things stand: counts per step and state, what comes next, and the ledger row by row."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns import approval, clock, flags, ledger, sign_off
from campaigns.campaign import MOVABLE
from campaigns.ledger.moments import Field
from campaigns.models import Circuit, Event, Outbox, Step
from campaigns.models.words import StepKind, StepState


def status(event: Event) -> dict[str, Any]:
    """Everything `aidstation status` shows of an event; moments are in UTC."""
    now = clock.now()
    steps = list(Step.objects.filter(campaign__event=event).order_by("position"))
    counts, reasons = _counts(event)
    field = Field.of(event)
    shown = [
        _step(step, field, counts.get(step.id, {}), now) | {"reasons": reasons.get(step.id, {})}
        for step in steps
    ]
    campaign = getattr(event, "campaign", None)
    stopped = {circuit.channel: circuit.reason for circuit in Circuit.objects.filter(opened_at__isnull=False)}
    return {
        "event": event.slug,
        "date": event.date,
        "campaign": campaign.state if campaign else "none",
        "incident_hold": event.incident_hold,
        "cancelled": event.cancelled_at is not None,
        "entrants": event.entrants.count(),
        "steps": shown,
        "audiences_grown": approval.grown(event, steps),
        "unsigned": _unsigned(event, now),
        "flagged": len(flags.flagged(event)),
        "doubts": sum(
            step["counts"].get("uncertain", 0) + step["counts"].get("unknown", 0) for step in shown
        ),
        "lateness_s": _lateness(event, now),
        "sent_last_minute": _sent_since(event, now),
        "stopped_providers": stopped,
        "stopped_alerts": {
            channel: waiting for channel in stopped if (waiting := _alerts_waiting(event, channel))
        },
    }


def _unsigned(event: Event, now: datetime) -> dict[str, str]:
    """The approved steps that the claim leaves alone today for want of a medical sign-off, and why."""
    today = now.astimezone(event.zone).date()
    standing = Step.objects.filter(campaign__event=event, state__in=MOVABLE).exclude(kind=StepKind.ALERT)
    return {
        step.name: problem
        for step in standing.select_related("version__template__event", "fallback_version__template__event")
        for version in (step.version, step.fallback_version)
        if version and (problem := sign_off.problem(version, today))
    }


def _step(step: Step, field: Field, counts: dict[str, int], now: datetime) -> dict[str, Any]:
    pressed = step.approved_at if step.kind == StepKind.ALERT else None
    first = field.moments(step, now).first if step.when else pressed
    return {
        "name": step.name,
        "channel": step.channel,
        "state": step.state,
        "state_reason": step.state_reason,
        "when": step.when,
        "due_at": first,
        "counts": counts,
        "ahead": bool(first and first > now and step.state != StepState.OFF),
    }


def _alerts_waiting(event: Event, channel: str) -> int:
    """Messages of released alerts that a stopped provider has not taken yet."""
    return Outbox.objects.filter(
        channel=channel, step__kind=StepKind.ALERT, step__campaign__event=event
    ).count()


Counted = dict[int, dict[str, int]]
"""For each step, how many deliveries there are of each word."""


def _counts(event: Event) -> tuple[Counted, Counted]:
    """Deliveries per step and shown state, and per step and reason."""
    states: Counted = {}
    reasons: Counted = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT d.step_id, {ledger.SHOWN_STATE} AS shown, d.reason, count(*)
            FROM deliveries d LEFT JOIN outbox o ON o.delivery_id = d.id
            WHERE d.step_id IN (
                SELECT s.id FROM steps s JOIN campaigns c ON c.id = s.campaign_id WHERE c.event_id = %s)
            GROUP BY d.step_id, shown, d.reason ORDER BY d.step_id, shown, d.reason""",
            [event.id],
        )
        for step, state, reason, number in cursor.fetchall():
            _add(states, step, state, number)
            if reason:
                _add(reasons, step, reason, number)
    return states, reasons


def _add(counted: Counted, step: int, word: str, number: int) -> None:
    of_step = counted.setdefault(step, {})
    of_step[word] = of_step.get(word, 0) + number


def _lateness(event: Event, now: datetime) -> float:
    """Seconds that the longest waiting message is past its moment; 0 when none waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT min(o.due_at) FROM outbox o JOIN steps s ON s.id = o.step_id
            JOIN campaigns c ON c.id = s.campaign_id WHERE c.event_id = %s""",
            [event.id],
        )
        oldest = cursor.fetchone()[0]
    return max(0.0, (now - oldest).total_seconds()) if oldest else 0.0


def _sent_since(event: Event, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM deliveries d JOIN steps s ON s.id = d.step_id
            JOIN campaigns c ON c.id = s.campaign_id
            WHERE c.event_id = %s AND d.sent_at > %s::timestamptz - INTERVAL '1 minute'""",
            [event.id, now],
        )
        return int(cursor.fetchone()[0])


COLUMNS = (
    "step", "entrant", "channel", "state", "reason", "attempts", "message_id", "due_at", "sent_at", "carried_by",
)  # fmt: skip


def deliveries(event: Event, *, step: str = "", state: str = "") -> Iterator[dict[str, Any]]:
    """The ledger in the order of its steps and entrants, one dictionary a row, without names or addresses.

    `entrant` is the entry's number here; rows stream from the database.
    """
    wanted: dict[str, Any] = {"c.event_id": event.id, "s.name": step, f"({ledger.SHOWN_STATE})": state}
    asked = {column: value for column, value in wanted.items() if value}
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.name, d.entrant_id, d.channel, {ledger.SHOWN_STATE}, d.reason, d.attempts, d.message_id,
                d.due_at, d.sent_at, carrier.entrant_id
            FROM deliveries d JOIN steps s ON s.id = d.step_id JOIN campaigns c ON c.id = s.campaign_id
            LEFT JOIN outbox o ON o.delivery_id = d.id LEFT JOIN deliveries carrier ON carrier.id = d.carrier_id
            WHERE {" AND ".join(f"{column} = %s" for column in asked)} ORDER BY s.position, d.entrant_id""",
            list(asked.values()),
        )
        for row in cursor:
            yield dict(zip(COLUMNS, row, strict=True))
