"""Releasing: what was held for a person goes back into the queue once what it waited for is there.

One look for all causes: whoever names a guardian, brings a bib or ends a hold changes people and raises the
event's revision, and need not know the ledger.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection, transaction

from campaigns.audience import MINOR_SQL
from campaigns.ledger import gate

CHUNK = 5_000

_TO_ASK = "d.held_revision < ev.revision AND d.state = 'held'"


def steps_to_free() -> Iterator[int]:
    """The ids of steps that may send, with held rows that were last looked at before the event's last change.

    One probe of deliveries_held a step: rows that still wait are not looked at again until something changes.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.id FROM {gate.STEPS}
            WHERE {gate.GATE} AND EXISTS (SELECT 1 FROM deliveries d WHERE d.step_id = s.id AND {_TO_ASK})
            ORDER BY s.id"""
        )
        yield from (step_id for (step_id,) in cursor.fetchall())


def free_chunk(step_id: int, now: datetime, *, chunk: int = CHUNK) -> bool:
    """Asks the next `chunk` held rows of a step what they wait for; True when none is left to ask.

    A row is due again unless its entrant is still on hold, or is a child whose guardian is still not known; a
    missing value is looked for again by whoever renders the message. Past its latest time it is too late. A row
    that an older plan dated keeps that plan's number: the claim then has it dated anew before it is sent.
    """
    with transaction.atomic():
        gate.lock(gate.QUEUE, step_id)
        gate.by_index()
        with connection.cursor() as cursor:
            cursor.execute(_STATEMENT, {"step": step_id, "chunk": chunk, "now": now})
            asked, freed = cursor.fetchone()
            if freed:
                cursor.execute(
                    "UPDATE steps SET state = 'sending' WHERE id = %s AND state = 'done'", [step_id]
                )
    return int(asked) < chunk


# The channel is the step's own again: a guardian may have the mobile number that the entry lacked. Claim numbers
# go on from the last attempt, for each try has a number of its own.
_STATEMENT = f"""
WITH held AS MATERIALIZED (
    SELECT d.id FROM {gate.STEPS} JOIN deliveries d ON d.step_id = s.id
    WHERE s.id = %(step)s AND {gate.GATE} AND {_TO_ASK}
    LIMIT %(chunk)s FOR NO KEY UPDATE OF d SKIP LOCKED
), judged AS MATERIALIZED (
    SELECT d.id, s.channel, ev.revision,
        CASE WHEN e.status = 'held' OR d.reason = 'restored' THEN 'waits'
             WHEN d.reason = 'minor' AND e.status <> 'withdrawn' AND {MINOR_SQL} AND g.entrant_id IS NULL
                 THEN 'waits'
             WHEN d.plan_version = ev.plan_version AND d.latest_at <= %(now)s THEN 'too_late'
             ELSE 'due' END AS verdict
    FROM held JOIN deliveries d ON d.id = held.id
    JOIN {gate.STEPS} ON s.id = d.step_id {gate.PEOPLE}
), waiting AS (
    UPDATE deliveries d SET held_revision = j.revision FROM judged j WHERE d.id = j.id AND j.verdict = 'waits'
), late AS (
    UPDATE deliveries d SET state = 'skipped', reason = 'too_late', held_revision = NULL, settled_at = %(now)s
    FROM judged j WHERE d.id = j.id AND j.verdict = 'too_late'
), freed AS (
    UPDATE deliveries d SET state = 'due', reason = '', channel = j.channel, held_revision = NULL, settled_at = NULL
    FROM judged j WHERE d.id = j.id AND j.verdict = 'due'
    RETURNING d.id, d.channel, d.step_id, d.due_at
), queued AS (
    INSERT INTO outbox (delivery_id, channel, step_id, due_at, claim, holder)
    SELECT id, channel, step_id, due_at,
        COALESCE((SELECT max(a.number) FROM attempts a WHERE a.delivery_id = freed.id), 0), ''
    FROM freed
)
SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM freed)"""
