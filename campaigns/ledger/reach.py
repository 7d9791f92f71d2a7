"""Whom an alert would reach if it were pressed now: the claim's own verdict over everyone, changing nothing."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from campaigns.ledger import eligibility
from campaigns.ledger.gate import PEOPLE
from campaigns.models import Event
from campaigns.models.words import Channel


@dataclass(frozen=True)
class Reach:
    """Entrants who get it, the addresses they have between them, and how many do not get it and why."""

    entrants: int
    addresses: int
    left_out: dict[str, int]


def reach(event: Event, channel: Channel, now: datetime) -> Reach:
    """Counts the confirmed entrants whom an alert to all reaches on a channel, and the others by reason."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, {"event": event.id, "channel": channel, "now": now})
        rows = cursor.fetchall()
    counts = {verdict: (entrants, addresses) for verdict, entrants, addresses in rows}
    entrants, addresses = counts.pop("eligible", (0, 0))
    return Reach(entrants, addresses, {verdict: count for verdict, (count, _) in counts.items()})


# Read by entrants_by_event. The verdict speaks of a step, a delivery and its place in the queue: those of an alert.
_STATEMENT = f"""
WITH judged AS (
    SELECT {eligibility.verdict("TRUE", quiet=False)} AS verdict,
        CASE o.channel WHEN 'sms' THEN e.mobile_hash ELSE e.email_hash END AS address
    FROM events ev JOIN entrants audience ON audience.event_id = ev.id AND audience.status = 'confirmed'
    CROSS JOIN LATERAL (SELECT 'alert' AS kind, 'service' AS purpose, NULL::bigint AS fallback_template_id,
        FALSE AS quiet_exempt) s
    CROSS JOIN LATERAL (SELECT %(channel)s::text AS channel) o
    CROSS JOIN LATERAL (SELECT audience.id AS entrant_id, ev.plan_version, %(now)s::timestamptz AS due_at,
        %(now)s::timestamptz + INTERVAL '1 hour' AS latest_at) d
    {PEOPLE}
    WHERE ev.id = %(event)s
)
SELECT verdict, count(*), count(DISTINCT address) FROM judged GROUP BY verdict"""
