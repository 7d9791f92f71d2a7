"""What is wrong with people's addresses, in words for the organiser, who can put it right at the entry platform.

It only reads: what closes an address is `optout`'s and stands in the claim.
"""

from collections import defaultdict

from django.db import connection

from campaigns.models import Event
from campaigns.models.words import SuppressionReason

OFF = "30003"
"""Twilio's code for a phone that is off or out of reach."""

OFF_IN_A_ROW = 3

_WORDS = {
    ("email", SuppressionReason.HARD_BOUNCE): "email: nothing arrives at this address",
    ("sms", SuppressionReason.BAD_NUMBER): "mobile: no text reaches this number",
}
_WORDS_OFF = f"mobile: the phone was off for the last {OFF_IN_A_ROW} texts"


def flagged(event: Event) -> dict[int, list[str]]:
    """By entrant, what a person should look into; nobody is left out of a message by it."""
    found: dict[int, list[str]] = defaultdict(list)
    for entrant, channel, reason in _closed(event):
        found[entrant].append(_WORDS[channel, SuppressionReason(reason)])
    for entrant in _off(event):
        found[entrant].append(_WORDS_OFF)
    return dict(found)


def _closed(event: Event) -> list[tuple[int, str, str]]:
    """Whose address providers have refused for good. Served by entrants_by_email and entrants_by_mobile."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, x.channel, x.reason FROM suppressions x
            JOIN entrants e ON e.event_id = %(event)s AND e.email_hash = x.address_hash
            WHERE x.organiser_id = %(organiser)s AND x.channel = 'email' AND x.reason = 'hard_bounce'
            UNION SELECT e.id, x.channel, x.reason FROM suppressions x
            JOIN entrants e ON e.event_id = %(event)s AND e.mobile_hash = x.address_hash
            WHERE x.organiser_id = %(organiser)s AND x.channel = 'sms' AND x.reason = 'bad_number'
            ORDER BY 1, 2""",
            {"event": event.pk, "organiser": event.organiser_id},
        )
        return [(entrant, channel, reason) for entrant, channel, reason in cursor.fetchall()]


def _off(event: Event) -> list[int]:
    """Whose phone was off for their last texts from this organiser, each of which was tried twice.

    Served by receipts_by_code, then for each such number by entrants_by_mobile and deliveries_by_entrant.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH off AS (
                SELECT DISTINCT e.id, e.mobile_hash FROM receipts r JOIN deliveries d ON d.id = r.delivery
                JOIN entrants e ON e.id = d.entrant_id
                WHERE r.code = %(off)s AND e.event_id = %(event)s AND e.mobile_hash IS NOT NULL
            )
            SELECT off.id FROM off CROSS JOIN LATERAL (
                SELECT last.off FROM (
                    SELECT d.sent_at, d.id, d.state = 'bounced' AND EXISTS (
                        SELECT 1 FROM receipts r WHERE r.delivery = d.id AND r.code = %(off)s) AS off
                    FROM events ev JOIN entrants e ON e.event_id = ev.id AND e.mobile_hash = off.mobile_hash
                    JOIN deliveries d ON d.entrant_id = e.id AND d.channel = 'sms' AND d.sent_at IS NOT NULL
                        AND d.carrier_id IS NULL
                    WHERE ev.organiser_id = %(organiser)s
                    ORDER BY d.sent_at DESC, d.id DESC LIMIT %(in_a_row)s) last
            ) each GROUP BY off.id HAVING count(*) FILTER (WHERE each.off) = %(in_a_row)s ORDER BY off.id""",
            {"off": OFF, "event": event.pk, "organiser": event.organiser_id, "in_a_row": OFF_IN_A_ROW},
        )
        return [row[0] for row in cursor.fetchall()]
