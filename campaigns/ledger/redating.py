"""Re-dating: when the race moved or the plan changed, every unsent row gets its new moment, in chunks."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from campaigns.ledger import gate, moments
from campaigns.ledger.moments import Field
from campaigns.models import Event, Step
from campaigns.models.words import StepKind

CHUNK = 5_000


def steps_to_redate() -> Iterator[int]:
    """The ids of steps with rows dated by an older plan version, whatever the state of their campaign."""
    yield from (
        Step.objects.filter(dated_version__isnull=False)
        .exclude(dated_version=0)
        .exclude(dated_version=F("campaign__event__plan_version"))
        .order_by("id")
        .values_list("id", flat=True)
    )


def redate_chunk(step_id: int, now: datetime, *, chunk: int = CHUNK) -> bool:
    """Brings the next `chunk` rows of a step to the event's plan version; True when none is left.

    Rows that a drain holds are left alone: they were claimed under the old plan and come back to the claim,
    which sees their old version, if they are not sent. What was sent stays sent.
    """
    with transaction.atomic():
        gate.lock(gate.OPENING, step_id)
        gate.lock(gate.QUEUE, step_id)
        gate.by_index()
        step = Step.objects.select_related("campaign__event").get(id=step_id)
        event = step.campaign.event
        cursor_at = step.dating_cursor if step.dating_version == event.plan_version else 0
        field = Field.of(event)
        params: dict[str, Any] = {
            "step": step.id,
            "event": event.id,
            "plan_version": event.plan_version,
            "cursor": cursor_at,
            "chunk": chunk,
            "channel": step.channel,
            "planned": step.kind == StepKind.PLANNED,
            "now": now,
            **field.moments(step, now).params(),
        }
        with connection.cursor() as cursor:
            cursor.execute(_statement(step, field, params), params)
            allowed, looked_at, last = cursor.fetchone()
        if allowed:
            _note_progress(step, event, last, complete=looked_at < chunk)
        return bool(allowed) and looked_at < chunk


def _note_progress(step: Step, event: Event, last: int | None, *, complete: bool) -> None:
    step.dating_version = event.plan_version
    step.dating_cursor = 0 if complete else last or 0
    if complete:
        step.dated_version = event.plan_version
    step.save(update_fields=["dating_version", "dating_cursor", "dated_version"])


def _statement(step: Step, field: Field, params: dict[str, Any]) -> str:
    """One chunk in entrant order, read by deliveries_one_a_step_and_entrant.

    A row that was skipped earlier is asked again only while its new moment lies ahead: a change on the day of
    sending must not bring back what a catch-up has covered. Who is confirmed is asked by the claim. What has no
    moment of its own (catch-up, alerts) keeps the one it has, and so does a doubt: it is sent once more within
    the time it was given, or not at all. Claim numbers go on from the last attempt:
    each try has a number of its own.
    """
    wanted = field.audience(step).where(params)
    return f"""
WITH guard AS (
    SELECT ev.id FROM events ev WHERE ev.id = %(event)s AND ev.plan_version = %(plan_version)s
), batch AS MATERIALIZED (
    SELECT d.id, d.entrant_id, d.state, d.reason, d.plan_version, d.due_at, d.latest_at
    FROM deliveries d JOIN guard ON TRUE
    WHERE d.step_id = %(step)s AND d.entrant_id > %(cursor)s ORDER BY d.entrant_id LIMIT %(chunk)s
), {moments.TABLE}, judged AS MATERIALIZED (
    SELECT d.id, d.state, {wanted} AS wanted,
        CASE WHEN %(planned)s THEN m.due_at ELSE d.due_at END AS due_at,
        CASE WHEN %(planned)s THEN m.latest_at ELSE d.latest_at END AS latest_at
    FROM batch d
    JOIN events ev ON ev.id = %(event)s {gate.PEOPLE}
    JOIN moments m ON m.race_id = e.race_id AND m.wave_id IS NOT DISTINCT FROM e.wave_id
    LEFT JOIN outbox o ON o.delivery_id = d.id
    WHERE d.state IN ('due', 'held', 'skipped', 'uncertain') AND d.plan_version <> %(plan_version)s
        AND o.lease_until IS NULL AND NOT (d.state = 'held' AND d.reason = 'restored')
), moved AS (
    UPDATE deliveries d SET state = 'due', reason = '', due_at = j.due_at, latest_at = j.latest_at,
        channel = %(channel)s, plan_version = %(plan_version)s, settled_at = NULL, held_revision = NULL
    FROM judged j WHERE d.id = j.id AND j.wanted
        AND (j.state IN ('due', 'held') OR (j.state = 'skipped' AND j.due_at > %(now)s))
    RETURNING d.id, d.channel, d.due_at
), queued AS (
    INSERT INTO outbox (delivery_id, channel, step_id, due_at, claim, holder)
    SELECT id, channel, %(step)s, due_at,
        COALESCE((SELECT max(a.number) FROM attempts a WHERE a.delivery_id = moved.id), 0), '' FROM moved
    ON CONFLICT (delivery_id) DO UPDATE SET due_at = excluded.due_at, channel = excluded.channel
), left_out AS (
    UPDATE deliveries d SET state = 'skipped', reason = 'not_in_audience', plan_version = %(plan_version)s,
        settled_at = %(now)s, held_revision = NULL
    FROM judged j WHERE d.id = j.id AND NOT j.wanted AND j.state IN ('due', 'held') RETURNING d.id
), unqueued AS (
    DELETE FROM outbox o USING left_out WHERE o.delivery_id = left_out.id
), kept AS (
    UPDATE deliveries d SET plan_version = %(plan_version)s
    FROM judged j WHERE d.id = j.id
        AND (j.state = 'uncertain' OR (j.state = 'skipped' AND NOT (j.wanted AND j.due_at > %(now)s)))
)
SELECT (SELECT count(*) FROM guard), (SELECT count(*) FROM batch), (SELECT max(entrant_id) FROM batch)"""
