"""Looking back: the facts that a message which has gone out was rendered from. Changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from campaigns.audience import MINOR_SQL
from campaigns.ledger import eligibility
from campaigns.ledger.claiming import Claimed
from campaigns.ledger.gate import PEOPLE, STEPS


@dataclass(frozen=True)
class Sent:
    """A message that went out, with whom it was for: the carrier first."""

    step_id: int
    channel: str
    version_id: int
    sent_at: datetime
    group: list[Claimed]


def sent_message(token: UUID) -> Sent | None:
    """The message of a delivery's token as it went out; None when there is none, or it has not gone out.

    Served by deliveries_one_token, then the key and deliveries_carried.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, {"token": token})
        rows = cursor.fetchall()
    if not rows:
        return None
    step_id, channel, version_id, sent_at = rows[0][:4]
    return Sent(step_id, channel, version_id, sent_at, [Claimed(*row[4:]) for row in rows])


_STATEMENT = f"""
WITH asked AS MATERIALIZED (
    SELECT COALESCE(carrier_id, id) AS id FROM deliveries
    WHERE token = %(token)s AND sent_at IS NOT NULL AND version_id IS NOT NULL
), fellows AS MATERIALIZED (
    SELECT id FROM asked UNION SELECT d.id FROM asked JOIN deliveries d ON d.carrier_id = asked.id
)
SELECT d.step_id, d.channel, d.version_id, d.sent_at, d.id, 0, asked.id, d.token, d.message_id, d.attempts,
    d.due_at, d.latest_at, e.id, CASE d.channel WHEN 'sms' THEN e.mobile ELSE e.email END, e.first_name, e.bib,
    e.token, e.short_code, r.name, r.start, COALESCE(w.name, ''), w.start, r.slug, e.birth_date,
    COALESCE(e.first_timer, FALSE), {MINOR_SQL},
    {eligibility.agreed("d.channel", "CASE d.channel WHEN 'sms' THEN e.mobile_hash ELSE e.email_hash END")}
FROM asked JOIN fellows ON TRUE JOIN deliveries d ON d.id = fellows.id
    JOIN {STEPS} ON s.id = d.step_id {PEOPLE}
ORDER BY d.id <> asked.id, d.id"""
