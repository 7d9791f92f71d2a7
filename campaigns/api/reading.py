"""What programs may read of an event: how its steps stand, and the ledger page by page. No name, no address."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from campaigns import clock, ledger
from campaigns.ledger.moments import Field
from campaigns.models import Delivery, Event, Step
from campaigns.models.words import StepKind


def status(event: Event) -> dict[str, Any]:
    """The campaign and its steps, with the counts that are kept ready."""
    campaign = getattr(event, "campaign", None)
    steps = Step.objects.filter(campaign__event=event).select_related("tally").order_by("position")
    field, now = Field.of(event), clock.now()
    return {
        "event": event.slug,
        "date": event.date,
        "campaign": campaign.state if campaign else "none",
        "incident_hold": event.incident_hold,
        "cancelled": event.cancelled_at is not None,
        "entrants": event.entrants.count(),
        "steps": [_step(step, field, now) for step in steps],
    }


def _step(step: Step, field: Field, now: Any) -> dict[str, Any]:
    tally = getattr(step, "tally", None)
    counts: dict[str, int] = {}
    for of_channel in tally.counts.values() if tally else ():
        for state, number in of_channel.items():
            counts[state] = counts.get(state, 0) + number
    pressed = step.approved_at if step.kind == StepKind.ALERT else None
    return {
        "name": step.name,
        "channel": step.channel,
        "state": step.state,
        "due_at": field.moments(step, now).first if step.when else pressed,
        "counts": counts,
        "counted_at": tally.counted_at if tally else None,
    }


COLUMNS = (
    "step", "external_id", "source", "channel", "state", "reason", "attempts", "message_id", "due_at", "sent_at",
)  # fmt: skip

LOOKED_AT = 10_000
"""Rows that one answer looks through for a state: no index knows states, and of a million few may have this one."""

# In the order of deliveries_one_a_step_and_entrant, which finds the first row after the last page and goes on from it.
# The queue is asked for rows of that state alone, and who they are for only of those shown.
_PAGE = f"""
WITH looked AS MATERIALIZED (
    SELECT d.* FROM deliveries d
    WHERE d.step_id = ANY(%(steps)s) AND (d.step_id, d.entrant_id) > (%(step)s, %(entrant)s)
    ORDER BY d.step_id, d.entrant_id LIMIT %(looked)s
), edge AS (
    SELECT (SELECT count(*) FROM looked) AS number,
        (SELECT token FROM looked ORDER BY step_id DESC, entrant_id DESC LIMIT 1) AS token
), fitting AS MATERIALIZED (
    SELECT d.*, {ledger.SHOWN_STATE} AS shown FROM (
        SELECT * FROM looked WHERE %(state)s IN ('', state) OR (%(state)s = 'claimed' AND state = 'due')
    ) d LEFT JOIN outbox o ON o.delivery_id = d.id
    WHERE %(state)s = '' OR ({ledger.SHOWN_STATE}) = %(state)s
    ORDER BY d.step_id, d.entrant_id LIMIT %(limit)s
)
SELECT edge.number, edge.token, s.name, e.registration_id, e.source, d.channel, d.shown, d.reason, d.attempts,
    d.message_id, d.due_at, d.sent_at, d.token
FROM edge LEFT JOIN (fitting d JOIN steps s ON s.id = d.step_id JOIN entrants e ON e.id = d.entrant_id) ON TRUE
ORDER BY d.step_id, d.entrant_id"""


def deliveries(
    event: Event, *, after: UUID | None, limit: int, step: str, state: str
) -> dict[str, Any] | None:
    """At most `limit` rows of the ledger after the row of that token; None when the event has no such row.

    With a `state` a page may be short, or empty, and have a next: it ends after `LOOKED_AT` rows.
    """
    steps = Step.objects.filter(campaign__event=event)
    wanted = list((steps.filter(name=step) if step else steps).values_list("id", flat=True))
    place = (0, 0)
    if after is not None:
        # Served by deliveries_one_token.
        known = (
            Delivery.objects.filter(token=after, step__in=steps).values_list("step_id", "entrant_id").first()
        )
        if known is None:
            return None
        place = known
    looked = LOOKED_AT if state else limit + 1
    params: dict[str, Any] = {"steps": wanted, "step": place[0], "entrant": place[1], "state": state}
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, {**params, "limit": limit + 1, "looked": looked})
        rows = cursor.fetchall()
    (number, edge, *_), found = rows[0], [row[2:] for row in rows if row[-1] is not None]
    shown = found[:limit]
    following = shown[-1][-1] if len(found) > limit else edge if state and number == looked else ""
    return {
        "deliveries": [dict(zip(COLUMNS, row, strict=False)) for row in shown],
        "next": str(following),
    }
