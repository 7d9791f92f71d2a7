"""Sweeping: leases that ran out, steps that have nothing left to send, races that will not be run."""

import logging
from datetime import datetime

from django.db import connection, transaction

from campaigns.ledger import gate
from campaigns.ledger.settling import ASK_FOR_DOUBTS, DOUBT_RESTS

logger = logging.getLogger(__name__)

SILENCE = "10 minutes"
"""How long after a lease the machine that held it has to come back with its journal."""


def sweep(now: datetime) -> int:
    """Turns every delivery whose lease ran out long ago into a doubt, and returns how many there were.

    A drain that died is replayed from its journal by its own machine, within a second. Whose machine is lost as well,
    nobody knows how far it came: its block is never simply due again. Emails rest and are sent
    once more under the same Message-ID; texts wait for evidence. No time window. Served by outbox_leased, whose order
    it asks for: for the order of its key Postgres would walk through the whole queue, at every tick.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        gate.by_index()
        cursor.execute(
            f"""
            WITH expired AS MATERIALIZED (
                SELECT o.delivery_id, o.claim, o.lease_until FROM outbox o
                WHERE o.lease_until < clock_timestamp() - INTERVAL '{SILENCE}'
                ORDER BY o.lease_until LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED
            ), doubted AS (
                UPDATE deliveries d SET claim = expired.claim,
                    state = CASE WHEN d.state = 'uncertain' AND d.channel = 'email' THEN 'unknown' ELSE 'uncertain' END,
                    settled_at = CASE WHEN d.state = 'uncertain' AND d.channel = 'email' THEN %(now)s::timestamptz END
                FROM expired WHERE d.id = expired.delivery_id AND d.state IN ('due', 'uncertain')
                RETURNING d.id, d.state, d.channel, d.claim, d.carrier_id, '' AS body_hash, expired.lease_until
            ), resting AS (
                UPDATE outbox o SET lease_until = NULL, holder = '', claim = o.claim + 1, due_at = %(look_at)s
                FROM doubted WHERE o.delivery_id = doubted.id
                    AND doubted.state = 'uncertain' AND doubted.channel = 'email'
            ), ended AS (
                DELETE FROM outbox o USING doubted WHERE o.delivery_id = doubted.id
                    AND NOT (doubted.state = 'uncertain' AND doubted.channel = 'email')
            ), noted AS (
                INSERT INTO attempts (delivery_id, number, channel, outcome, code, detail, provider_ref, at)
                SELECT id, claim, channel, 'doubtful', '', 'Its machine was lost.', '', %(now)s
                FROM doubted WHERE carrier_id IS NULL ORDER BY id ON CONFLICT (delivery_id, number) DO NOTHING
            ), asked AS (
                {ASK_FOR_DOUBTS.replace("carrier_id IS NULL", "carrier_id IS NULL AND channel = 'sms'")}
            )
            SELECT count(*) FROM doubted""",
            {"look_at": now + DOUBT_RESTS, "now": now},
        )
        swept: int = cursor.fetchone()[0]
    if swept:
        logger.warning("a machine was lost with messages in hand", extra={"deliveries_in_doubt": swept})
    return swept


def finish_steps() -> None:
    """Marks sending steps done whose opening is complete and whose queue is empty (outbox_by_step).

    An opening for entrants who came since makes a step sending again.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE steps s SET state = 'done'
            WHERE s.state = 'sending' AND s.opening_cursor IS NULL AND s.opened_revision IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.step_id = s.id)"""
        )


def cancel(event_id: int, now: datetime) -> int:
    """Skips all that is still to come of a cancelled race and nobody holds; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH waiting AS MATERIALIZED (
                SELECT d.id FROM deliveries d JOIN steps s ON s.id = d.step_id
                JOIN campaigns c ON c.id = s.campaign_id JOIN outbox o ON o.delivery_id = d.id
                WHERE c.event_id = %(event)s AND s.kind <> 'alert' AND d.state = 'due' AND o.lease_until IS NULL
                ORDER BY d.id FOR NO KEY UPDATE OF o
            ), gone AS (
                DELETE FROM outbox o USING waiting WHERE o.delivery_id = waiting.id RETURNING o.delivery_id
            )
            UPDATE deliveries d SET state = 'skipped', reason = 'cancelled', settled_at = %(now)s
            FROM gone WHERE d.id = gone.delivery_id""",
            {"event": event_id, "now": now},
        )
        return int(cursor.rowcount)
