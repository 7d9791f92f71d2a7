"""What became of each step, after it went out: for the report, and for whoever takes it into a spreadsheet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns import live
from campaigns.ledger.moments import Field
from campaigns.live import Line
from campaigns.models import Event, Step
from campaigns.models.words import DeliveryState, Reason, StepKind, SuppressionReason

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""

STOPPED = (SuppressionReason.UNSUBSCRIBED, SuppressionReason.STOP, SuppressionReason.COMPLAINT)


@dataclass(frozen=True)
class Result:
    """One step that was opened. `stopped`: addresses that asked for no more after this as the last thing they got."""

    line: Line
    at: datetime | None
    counts: dict[str, int]
    stopped: int

    @property
    def step(self) -> Step:
        return self.line.step

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def of(self, *states: str) -> int:
        """How many are in one of these states."""
        return sum(self.counts.get(state, 0) for state in states)

    def messages(self, *states: str) -> int:
        """The same in messages: a family on one address shares one. Of what time has removed, each counts as one."""
        return self.of(*states) - sum(self.line.carried.get(state, 0) for state in states)


def results(event: Event, now: datetime) -> list[Result]:
    """Every step that was opened, in the order of the plan; what time has removed is in the counts."""
    steps = list(Step.objects.filter(campaign__event=event).order_by("position"))
    field, stopped = Field.of(event), _stopped(event)
    return [
        Result(line, _moment(line.step, field, now), _with_totals(line), stopped.get(line.step.pk, 0))
        for line in live.lines(event, steps, now)
    ]


def table(found: Iterable[Result]) -> Iterator[list[Any]]:
    """Headings, then a row a step: counts of every state and reason."""
    states = [state.value for state in DeliveryState]
    reasons = [reason.value for reason in Reason if reason.value]
    yield [
        "step",
        "channel",
        "due_at",
        "entrants",
        *states,
        "stopped_after",
        *(f"reason_{one}" for one in reasons),
    ]
    for one in found:
        yield [
            one.step.name,
            one.step.channel,
            one.at.isoformat() if one.at else "",
            one.total,
            *(one.counts.get(state, 0) for state in states),
            one.stopped,
            *(one.line.reasons.get(reason, 0) for reason in reasons),
        ]


def plain_cell(value: object) -> object:
    """A value that no spreadsheet runs: a text that begins like a formula has an apostrophe in front."""
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value


def _moment(step: Step, field: Field, now: datetime) -> datetime | None:
    if step.kind == StepKind.PLANNED:
        return field.moments(step, now).first
    return step.approved_at if step.kind == StepKind.ALERT else None


def _with_totals(line: Line) -> dict[str, int]:
    """The counts with those of deliveries that time has removed (`privacy.retention`)."""
    gone: dict[str, int] = line.step.totals
    return {
        state: number
        for state in DeliveryState.values
        if (number := line.counts.get(state, 0) + gone.get(state, 0))
    }


def _stopped(event: Event) -> dict[int, int]:
    """Addresses that stopped since the event began, under the last step that each had got by then.

    By suppressions_one_a_scope, entrants_by_email or entrants_by_mobile, and deliveries_by_entrant.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH gone AS MATERIALIZED (
                SELECT channel, address_hash, min(at) AS at FROM suppressions
                WHERE organiser_id = %(organiser)s AND reason = ANY(%(reasons)s) AND at >= %(since)s GROUP BY 1, 2
            ), people AS (
                SELECT gone.*, e.id FROM gone JOIN entrants e ON e.event_id = %(event)s
                    AND e.email_hash = gone.address_hash WHERE gone.channel = 'email'
                UNION ALL
                SELECT gone.*, e.id FROM gone JOIN entrants e ON e.event_id = %(event)s
                    AND e.mobile_hash = gone.address_hash WHERE gone.channel = 'sms'
            ), last AS (
                SELECT people.channel, people.address_hash, newest.step_id, newest.sent_at,
                    row_number() OVER (PARTITION BY people.channel, people.address_hash
                        ORDER BY newest.sent_at DESC) AS place
                FROM people CROSS JOIN LATERAL (
                    SELECT d.step_id, d.sent_at FROM deliveries d
                    WHERE d.entrant_id = people.id AND d.channel = people.channel AND d.sent_at <= people.at
                    ORDER BY d.sent_at DESC LIMIT 1
                ) newest
            )
            SELECT step_id, count(*) FROM last WHERE place = 1 GROUP BY step_id""",
            {
                "organiser": event.organiser_id,
                "event": event.id,
                "since": event.created_at,
                "reasons": [str(reason) for reason in STOPPED],
            },
        )
        return dict(cursor.fetchall())
