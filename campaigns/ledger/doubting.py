"""Doubts about texts: which are to be asked for, what the provider may know of them, and how they end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from campaigns.ledger.gate import by_index
from campaigns.ledger.receiving import fold

ASK_AGAIN = timedelta(seconds=60)
"""Between two looks for a doubt, and after a look that had no answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the provider that is due: by `ref`, or for a doubt, whose `ref` is empty, by number."""

    delivery: int
    attempt: int
    ref: str
    since: datetime
    looks: int
    token: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A text handed over and not answered; `body_hash` is empty where its words are not known."""

    delivery: int
    attempt: int
    body_hash: str
    since: datetime
    looks: int


@dataclass(frozen=True)
class AtNumber:
    """Everything that is known here of one number: its doubts, its texts that are accounted for, and whether
    another is being handed over at this moment."""

    number: str
    doubts: list[Doubt]
    refs: frozenset[str]
    in_hand: bool


def next_enquiry(now: datetime) -> Asked | None:
    """Takes the longest due question for a minute, so that nobody else asks it. Served by enquiries_by_time."""
    with transaction.atomic(), connection.cursor() as cursor:
        by_index()
        cursor.execute(
            """
            UPDATE enquiries q SET look_at = %(again)s FROM deliveries d
            WHERE d.id = q.delivery_id AND q.delivery_id = (
                SELECT delivery_id FROM enquiries WHERE look_at <= %(now)s
                ORDER BY look_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
            RETURNING q.delivery_id, q.attempt, q.ref, q.since, q.looks, d.token""",
            {"now": now, "again": now + ASK_AGAIN},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    delivery, attempt, ref, since, looks, token = row
    return Asked(delivery, attempt, ref, since, looks, token.int)


def looked(deliveries: Sequence[int], look_at: datetime) -> None:
    """Counts a look that had an answer, and says when the next is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE enquiries SET looks = looks + 1, look_at = %s WHERE delivery_id = ANY(%s)",
            [look_at, list(deliveries)],
        )


def done_asking(delivery: int) -> None:
    """The provider will say no more."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM enquiries WHERE delivery_id = %s", [delivery])


def at_number_of(delivery: int) -> AtNumber:
    """What is known of the number that a delivery goes to, over all events.

    Served by entrants_by_mobile once for each event, deliveries_by_entrant, then the keys of the others.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        by_index()
        cursor.execute(
            """
            WITH mine AS MATERIALIZED (
                SELECT e.mobile, e.mobile_hash FROM deliveries d JOIN entrants e ON e.id = d.entrant_id WHERE d.id = %s
            ), theirs AS MATERIALIZED (
                SELECT d.id FROM mine CROSS JOIN events ev
                JOIN entrants e ON e.event_id = ev.id AND e.mobile_hash = mine.mobile_hash
                JOIN deliveries d ON d.entrant_id = e.id AND d.channel = 'sms'
            )
            SELECT (SELECT mobile FROM mine),
                ARRAY(SELECT a.provider_ref FROM attempts a JOIN theirs ON theirs.id = a.delivery_id
                    UNION SELECT r.ref FROM receipts r JOIN theirs ON theirs.id = r.delivery),
                EXISTS (SELECT 1 FROM outbox o JOIN theirs ON theirs.id = o.delivery_id
                    WHERE o.lease_until IS NOT NULL),
                ARRAY(SELECT q.delivery_id FROM enquiries q JOIN theirs ON theirs.id = q.delivery_id
                    WHERE q.ref = '' ORDER BY q.since, q.delivery_id)""",
            [delivery],
        )
        number, refs, in_hand, doubtful = cursor.fetchone()
        cursor.execute(
            """
            SELECT delivery_id, attempt, body_hash, since, looks FROM enquiries WHERE delivery_id = ANY(%s)
            ORDER BY since, delivery_id""",
            [doubtful],
        )
        doubts = [Doubt(*row) for row in cursor.fetchall()]
    return AtNumber(number or "", doubts, frozenset(refs), in_hand)


def resend_or_end(delivery: int, now: datetime) -> None:
    """Ends a doubt that no evidence settles: one further try within its latest time, else unknown.

    It reads the stored receipts first, and decides with the row locked.
    """
    with transaction.atomic():
        fold([delivery], now)
        with connection.cursor() as cursor:
            cursor.execute(_RESEND, {"delivery": delivery, "now": now})


_RESEND = """
WITH family AS MATERIALIZED (
    SELECT d.id FROM deliveries d WHERE (d.id = %(delivery)s OR d.carrier_id = %(delivery)s) AND d.state = 'uncertain'
    ORDER BY d.id FOR NO KEY UPDATE
), again AS MATERIALIZED (
    SELECT d.latest_at > %(now)s AND (
        SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id AND a.outcome = 'doubtful') < 2 AS worth_it
    FROM deliveries d WHERE d.id = %(delivery)s
), queued AS (
    INSERT INTO outbox (delivery_id, channel, step_id, claim, due_at, holder)
    SELECT d.id, d.channel, d.step_id, d.claim, %(now)s, '' FROM family JOIN deliveries d ON d.id = family.id, again
    WHERE again.worth_it ORDER BY d.id ON CONFLICT (delivery_id) DO NOTHING
), given_up AS (
    UPDATE deliveries d SET state = 'unknown', settled_at = %(now)s FROM family, again
    WHERE d.id = family.id AND NOT again.worth_it
)
DELETE FROM enquiries q USING family WHERE q.delivery_id = family.id"""
