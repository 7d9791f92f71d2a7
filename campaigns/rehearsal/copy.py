"""A private copy of all that a campaign changes: temporary tables that stand in front of the real ones.

On this connection, and on no other, the names `deliveries`, `steps` and so on then mean the copy: everything that
the ledger does happens there, unchanged, without a lock on a live row. Meanwhile the connection may only read
elsewhere, so whatever the copy lacks is refused by the database and never written. It knows tables, not rules.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DataError, connection, transaction

OTHER_LOCKS = 2_000_000_000
"""Taken from the number of each step: the ledger's advisory locks are by step, and those of the copy are its own."""

_STEPS = "SELECT s.id FROM {live}.steps s JOIN {live}.campaigns c ON c.id = s.campaign_id WHERE c.event_id = %(event)s"
_DELIVERIES = f"SELECT d.id FROM {{live}}.deliveries d WHERE d.step_id IN ({_STEPS})"

_COPIED = {
    "events": "id = %(event)s",
    "entrants": "event_id = %(event)s",
    "consents": "entrant_id IN (SELECT e.id FROM {live}.entrants e WHERE e.event_id = %(event)s)",
    "campaigns": "event_id = %(event)s",
    "steps": f"id IN ({_STEPS})",
    "deliveries": f"step_id IN ({_STEPS})",
    "outbox": f"step_id IN ({_STEPS})",
    "attempts": f"delivery_id IN ({_DELIVERIES})",
    "enquiries": f"delivery_id IN ({_DELIVERIES})",
    "sign_offs": "version_id IN (SELECT v.id FROM {live}.versions v JOIN {live}.templates t ON t.id = v.template_id"
    " WHERE t.event_id = %(event)s)",
    "stop_signal": "TRUE",
    "restorations": "FALSE",  # a rehearsal runs as if a restore were reconciled
}
"""Each table that a campaign writes to, and which of its rows are the event's."""

ROOM = "256MB"
"""For 100,000 deliveries with their indexes; taken only as far as it is used."""

_SHIFTED = {"steps": "id", "deliveries": "step_id", "outbox": "step_id"}
_COUNTED = ("entrants", "consents", "deliveries", "attempts", "sign_offs")
"""Tables that get new rows."""

NEW_FROM = 10**12
"""Where their numbers begin: no live row has such a one, so what is kept by number, as receipts are, is not theirs."""


@contextmanager
def private_copy(event_id: int) -> Iterator[None]:
    """Inside, this connection sees and changes a copy of the event and can write nothing else; then it is gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        _make(cursor, event_id)
    _execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    try:
        yield
    finally:
        # A transaction that failed around us takes the copy with it.
        if not connection.needs_rollback:
            _execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
            _execute(f"DROP TABLE {', '.join(f'pg_temp.{table}' for table in _COPIED)}")


def _make(cursor: Any, event_id: int) -> None:
    _give_room(cursor)
    cursor.execute("SELECT current_schema()")
    live = cursor.fetchone()[0]
    # What the live tables are locked with (ACCESS SHARE, as by any reading) ends with this transaction.
    for table, condition in _COPIED.items():
        cursor.execute(f"CREATE TEMPORARY TABLE {table} (LIKE {live}.{table} INCLUDING ALL)")
        cursor.execute(
            f"INSERT INTO pg_temp.{table} SELECT * FROM {live}.{table} WHERE {condition.format(live=live)}",
            {"event": event_id},
        )
    for table, column in _SHIFTED.items():
        cursor.execute(f"UPDATE pg_temp.{table} SET {column} = {column} - {OTHER_LOCKS}")
    for table in _COUNTED:
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('pg_temp.{table}', 'id'), {NEW_FROM})")
    for table in _COPIED:
        cursor.execute(f"ANALYZE pg_temp.{table}")


def _give_room(cursor: Any) -> None:
    """Keeps the copy in memory: a step of thousands took half as long again. Postgres takes the setting only before
    the first temporary table of a connection, which it remembers even of a transaction that was undone."""
    with suppress(DataError), transaction.atomic():
        cursor.execute(f"SET temp_buffers = '{ROOM}'")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
