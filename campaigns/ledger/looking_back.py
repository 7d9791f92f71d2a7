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
    """An email that went out, with whom it was for: the carrier first."""

    step_id: int
    version_id: int
    sent_at: datetime
    group: list[Claimed]


def sent_email(token: UUID) -> Sent | None:
    """The email of a delivery's token as it went out; None when there is none, or it has not gone out.

    Served by deliveries_one_token, then deliveries_one_a_step_and_entrant by way of entrants_by_email.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, {"token": token})
        rows = cursor.fetchall()
    if not rows:
        return None
    step_id, version_id, sent_at = rows[0][:3]
    return Sent(step_id, version_id, sent_at, [Claimed(*row[3:]) for row in rows])


_STATEMENT = f"""
WITH asked AS MATERIALIZED (
    SELECT COALESCE(c.id, d.id) AS id, COALESCE(c.entrant_id, d.entrant_id) AS entrant_id, d.step_id
    FROM deliveries d LEFT JOIN deliveries c ON c.id = d.carrier_id
    WHERE d.token = %(token)s AND d.channel = 'email' AND d.sent_at IS NOT NULL AND d.version_id IS NOT NULL
), kin AS MATERIALIZED (
    SELECT k.id FROM asked JOIN entrants a ON a.id = asked.entrant_id
    JOIN entrants k ON k.event_id = a.event_id AND k.email_hash = a.email_hash
)
SELECT d.step_id, d.version_id, d.sent_at, d.id, 0, asked.id, d.token, d.message_id, d.attempts, d.due_at,
    d.latest_at, e.id, e.email, e.first_name, e.bib, e.token, e.short_code, r.name, r.start,
    COALESCE(w.name, ''), w.start, r.slug, e.birth_date, COALESCE(e.first_timer, FALSE), {MINOR_SQL},
    {eligibility.agreed("'email'", "e.email_hash")}
FROM asked JOIN deliveries d ON d.step_id = asked.step_id AND d.sent_at IS NOT NULL
    AND d.entrant_id IN (SELECT id FROM kin UNION SELECT entrant_id FROM asked)
    AND (d.id = asked.id OR d.carrier_id = asked.id)
    JOIN {STEPS} ON s.id = d.step_id {PEOPLE}
ORDER BY d.id <> asked.id, d.id"""
