"""After a restore: what may have gone out since the backup is held until evidence or a person tells what became of it.

A delivery held for this has the reason `restored`; nothing but the functions here gives it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from campaigns import revision
from campaigns.models import Restoration


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One delivery that may have gone out: whose it is, and by what evidence would know it."""

    delivery: int
    event: str
    step: int
    step_name: str
    entrant: int
    channel: str
    family: bytes | None
    """Who has the same gets one message together; None where each entrant has their own."""


def open_restoration() -> Restoration | None:
    """The restore that is not reconciled yet."""
    return Restoration.objects.filter(closed_at=None).order_by("-restored_at").first()


def hold_back(backup_at: datetime, now: datetime) -> int:
    """Takes everything out of the queue and holds it; returns how many. Doubts among it are doubts no more.

    What was due at the backup may have gone out since. What became due since is not here yet: while the restoration
    is open, an opening holds whatever was due before `now`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        Restoration.objects.filter(closed_at=None).update(closed_at=now)
        cursor.execute("SELECT COALESCE(max(id), 0) FROM entrants")
        Restoration.objects.create(backup_at=backup_at, restored_at=now, last_entrant=cursor.fetchone()[0])
        cursor.execute(
            """
            UPDATE deliveries d SET state = 'due' FROM outbox o WHERE o.delivery_id = d.id AND d.state = 'uncertain'"""
        )
        cursor.execute(
            """
            WITH gone AS (DELETE FROM outbox RETURNING delivery_id)
            UPDATE deliveries d SET state = 'held', reason = 'restored', settled_at = %s, held_revision = ev.revision
            FROM gone, steps s JOIN campaigns c ON c.id = s.campaign_id JOIN events ev ON ev.id = c.event_id
            WHERE d.id = gone.delivery_id AND s.id = d.step_id""",
            [now],
        )
        return int(cursor.rowcount)


def held_back(channel: str = "", event: str = "", step: str = "") -> list[HeldBack]:
    """What is held so, in the order of steps and entrants. Served by deliveries_held."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.id, ev.slug, s.id, s.name, d.entrant_id, d.channel,
                CASE WHEN s.per = 'address' THEN CASE d.channel WHEN 'sms' THEN e.mobile_hash ELSE e.email_hash END END
            FROM deliveries d JOIN steps s ON s.id = d.step_id JOIN campaigns c ON c.id = s.campaign_id
            JOIN events ev ON ev.id = c.event_id JOIN entrants e ON e.id = d.entrant_id
            WHERE d.held_revision IS NOT NULL AND d.state = 'held' AND d.reason = 'restored'
                AND (%(channel)s = '' OR d.channel = %(channel)s)
                AND (%(event)s = '' OR ev.slug = %(event)s) AND (%(step)s = '' OR s.name = %(step)s)
            ORDER BY ev.slug, s.position, s.id, d.entrant_id""",
            {"channel": channel, "event": event, "step": step},
        )
        return [
            HeldBack(delivery, of, step_id, name, entrant, by, bytes(family) if family else None)
            for delivery, of, step_id, name, entrant, by, family in cursor.fetchall()
        ]


def went_out(deliveries: Sequence[int], now: datetime, refs: Sequence[str] | None = None) -> int:
    """Notes that these were sent before the restore: by evidence, or because a person says so. Returns how many.

    `refs` are the providers' own ids where they are known, in the order of the deliveries.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE deliveries SET state = 'due', reason = '', held_revision = NULL
            WHERE id = ANY(%s) AND state = 'held' AND reason = 'restored' RETURNING id""",
            [list(deliveries)],
        )
        mine = {row[0] for row in cursor.fetchall()}
        known = dict(zip(deliveries, refs or [""] * len(deliveries), strict=True))
        ids = sorted(mine)
        cursor.execute(
            """
            INSERT INTO attempts (delivery_id, number, channel, outcome, code, detail, provider_ref, at)
            SELECT d.id, d.claim + 1, d.channel, 'accepted', '', 'Known after a restore.', t.ref, %(now)s
            FROM unnest(%(ids)s::bigint[], %(refs)s::text[]) AS t (id, ref) JOIN deliveries d ON d.id = t.id
            ORDER BY d.id ON CONFLICT (delivery_id, number) DO NOTHING""",
            {"ids": ids, "refs": [known[delivery] for delivery in ids], "now": now},
        )
        cursor.execute(
            """
            UPDATE deliveries d SET state = 'sent', sent_at = LEAST(d.due_at, %(now)s), settled_at = %(now)s,
                attempts = d.attempts + 1, claim = d.claim + 1,
                version_id = COALESCE(d.version_id,
                    CASE WHEN d.channel = s.channel THEN s.version_id ELSE s.fallback_version_id END)
            FROM steps s WHERE d.id = ANY(%(ids)s) AND s.id = d.step_id""",
            {"ids": ids, "now": now},
        )
    return len(mine)


def let_go(deliveries: Sequence[int]) -> int:
    """Gives back what did not go out before the restore; the tick puts it into the queue, or it is too late by now."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE deliveries d SET reason = '' FROM steps s JOIN campaigns c ON c.id = s.campaign_id
            WHERE d.id = ANY(%s) AND d.state = 'held' AND d.reason = 'restored' AND s.id = d.step_id
            RETURNING c.event_id""",
            [list(deliveries)],
        )
        events = [row[0] for row in cursor.fetchall()]
        for event in sorted(set(events)):
            revision.bump(event)
    return len(events)


def close_restoration(now: datetime) -> None:
    """From now on openings hold nothing back."""
    Restoration.objects.filter(closed_at=None).update(closed_at=now)
