"""The counter that tells the tick that something about an event's people has changed."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from campaigns.models import Event


def bump(event_id: int) -> int:
    """Raises the event's revision and returns it: call it as the last act of the transaction that made the change.

    It locks the event's row until the commit, and only then are the new entrants of this transaction given the
    revision at which others first see them. Who is late is decided by that number and never by a time of day:
    an import that runs across a step's moment would otherwise be lost.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "bump belongs at the end of the transaction of the change"
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events SET revision = revision + 1, contacts_removed_at = NULL WHERE id = %s RETURNING revision",
            [event_id],
        )
        revision: int = cursor.fetchone()[0]
        # Served by entrants_not_yet_visible; other transactions' new rows are not visible here.
        cursor.execute(
            "UPDATE entrants SET visible_revision = %s WHERE event_id = %s AND visible_revision IS NULL",
            [revision, event_id],
        )
    return revision


def stamp(event: Event, now: datetime) -> str:
    """What a count of the event's people may be kept under: with the same stamp it is as true as a new one.

    Empty while time removes them piece by piece, which raises no revision (`privacy.retention`).
    """
    kept_until = event.date + timedelta(days=event.contact_days)
    removed = event.contacts_removed_at
    if removed is None and now.astimezone(event.zone).date() > kept_until:
        return ""
    return f"{event.pk}-{event.revision}-{removed.timestamp() if removed else ''}"
