"""The counter that tells the tick that something about an event's people has changed."""

from django.db import connection, transaction


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
