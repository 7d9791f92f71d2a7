"""What time removes: contact data some weeks after the race, the facts of the ledger after two years.

Suppressions stay, as hashes, for ever. Works in small pieces, so that the clock's worker stays punctual.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from axes.models import AccessAttempt  # type: ignore[import-untyped]
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from campaigns import ledger
from campaigns.models import Entrant, Event, InboundText
from campaigns.privacy import erasing

PIECE = 500
"""Entrants in one transaction."""

STRANGERS = timedelta(days=90)
"""How long a text is kept whose sender is no entrant."""

FAILED_SIGN_INS = timedelta(days=1)
"""How long a try to sign in that failed is kept: it locks out for a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one piece came to; `more` when another should follow at once."""

    emptied: int
    removed: int

    @property
    def more(self) -> bool:
        return self.emptied == PIECE or self.removed == PIECE


def retain(now: datetime) -> Kept:
    """Removes one piece of what has been kept long enough, each event by its own terms."""
    _empty_texts(now)
    _remove_sign_ins(now)
    return Kept(_empty_contacts(now), _remove_facts(now))


def _empty_texts(now: datetime) -> None:
    """The words and numbers of people who wrote to us and are no entrants: they belong to no event's terms."""
    old = InboundText.objects.filter(entrant=None, received_at__lt=now - STRANGERS).exclude(
        number="", body=""
    )
    InboundText.objects.filter(id__in=list(old.values_list("id", flat=True)[:PIECE])).update(
        number="", body=""
    )


def _remove_sign_ins(now: datetime) -> None:
    """Sessions that are over, which nobody else removes, and tries to sign in that failed and lock nobody out any more.

    Served by django_session's index on its end; of tries there are few.
    """
    over = Session.objects.filter(expire_date__lt=now)
    Session.objects.filter(session_key__in=list(over.values_list("pk", flat=True)[:PIECE])).delete()
    AccessAttempt.objects.filter(attempt_time__lt=now - FAILED_SIGN_INS).delete()


@transaction.atomic
def _empty_contacts(now: datetime) -> int:
    """Empties one piece of one event, and notes when that was the last. Served by entrants_by_event."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM events
            WHERE contacts_removed_at IS NULL AND date + contact_days < (%s AT TIME ZONE timezone)::date
            ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED""",
            [now],
        )
        found = cursor.fetchone()
    if found is None:
        return 0
    people = Entrant.objects.filter(event=found[0], erased_at=None).select_for_update(no_key=True)
    ids = list(people.order_by("id").values_list("id", flat=True)[:PIECE])
    if ids:
        erasing.empty(ids)
    if len(ids) < PIECE:
        Event.objects.filter(id=found[0]).update(contacts_removed_at=now)
    return len(ids)


@transaction.atomic
def _remove_facts(now: datetime) -> int:
    """Deletes emptied entrants with all that hangs on them, when each step's totals are written down.

    Who was emptied is withdrawn, so no opening that begins later writes for them; those under way end first.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, e.event_id FROM events ev JOIN entrants e ON e.event_id = ev.id AND e.erased_at IS NOT NULL
            WHERE (ev.date + make_interval(months => ev.fact_months))::date < (%s AT TIME ZONE ev.timezone)::date
            ORDER BY e.id LIMIT %s FOR UPDATE OF e SKIP LOCKED""",
            [now, PIECE],
        )
        found = cursor.fetchall()
        ids = [entrant for entrant, _ in found]
        if ids:
            ledger.end_openings({event for _, event in found})
            for statement in _REMOVE:
                cursor.execute(statement, {"ids": ids})
    return len(ids)


_ADD_TOTALS = """
WITH gone AS (
    SELECT step_id, state, count(*) AS rows FROM deliveries WHERE entrant_id = ANY(%(ids)s) GROUP BY step_id, state
), added AS (
    SELECT g.step_id, jsonb_object_agg(g.state, g.rows + COALESCE((s.totals ->> g.state)::bigint, 0)) AS totals
    FROM gone g JOIN steps s ON s.id = g.step_id GROUP BY g.step_id
)
UPDATE steps s SET totals = s.totals || added.totals FROM added WHERE added.step_id = s.id"""

_REMOVE = (
    _ADD_TOTALS,
    "DELETE FROM receipts WHERE delivery IN (SELECT id FROM deliveries WHERE entrant_id = ANY(%(ids)s))",
    "DELETE FROM enquiries WHERE delivery_id IN (SELECT id FROM deliveries WHERE entrant_id = ANY(%(ids)s))",
    "DELETE FROM inbound_texts WHERE entrant_id = ANY(%(ids)s)",
    "DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE entrant_id = ANY(%(ids)s))",
    "DELETE FROM outbox WHERE delivery_id IN (SELECT id FROM deliveries WHERE entrant_id = ANY(%(ids)s))",
    # Whom a carrier of theirs has carried is deleted with another piece.
    """UPDATE deliveries SET carrier_id = NULL
       WHERE carrier_id IN (SELECT id FROM deliveries WHERE entrant_id = ANY(%(ids)s))""",
    "DELETE FROM deliveries WHERE entrant_id = ANY(%(ids)s)",
    "DELETE FROM consent_events WHERE entrant_id = ANY(%(ids)s)",
    "DELETE FROM entrants WHERE id = ANY(%(ids)s)",
)
