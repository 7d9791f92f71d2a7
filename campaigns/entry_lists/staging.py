"""Puts a list's entries into a temporary table, with the hashes that people and families are found by.

The table belongs to the connection: nobody else sees it, and it is dropped when the import ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from campaigns.addresses import address_hash, identity_hash
from campaigns.entry_lists import matching
from campaigns.entry_lists.diff import PLANNED
from campaigns.entry_lists.entries import Entry, Problem
from campaigns.models import Event
from campaigns.models.entrants import new_short_code, new_token

TABLES = ("staged_entrants", *matching.TABLES, *PLANNED)

CREATE = """
CREATE TEMPORARY TABLE staged_entrants (
    row integer PRIMARY KEY, registration_id text, race_id bigint, race_slug text, for_children boolean,
    minor boolean, wave_id bigint, first_name text, last_name text, email text, mobile text,
    mobile_ok boolean, birth_date date, first_timer boolean, club text, bib text, status text,
    answers boolean[], answered_at timestamptz, identity bytea, email_hash bytea, mobile_hash bytea,
    token text, short_code text
)
"""
HASHED = ("identity", "email_hash", "mobile_hash", "token", "short_code")


@contextmanager
def staged_table() -> Iterator[None]:
    """The temporary tables of one import, dropped at the end, for they hold addresses."""
    with connection.cursor() as cursor:
        _drop(cursor)
        cursor.execute(CREATE)
        try:
            yield
        finally:
            _drop(cursor)


def stage(entries: Iterable[Entry], source: str) -> None:
    """Copy a list's entries into the staged table, without holding them in memory."""
    columns = ", ".join((*Entry._fields, *HASHED))
    # A transaction of its own, so that a list that breaks off leaves the connection fit for use.
    with transaction.atomic(), connection.cursor() as cursor:
        with cursor.copy(f"COPY staged_entrants ({columns}) FROM STDIN") as copy:
            for entry in entries:
                copy.write_row(_record(entry, source))
        cursor.execute("ANALYZE staged_entrants (row, identity, registration_id, email, race_id, birth_date)")


def reject_repeats() -> list[Problem]:
    """Take out rows that are the same person as an earlier row of the list, and say so for each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM staged_entrants AS later USING (
                SELECT row, min(row) OVER (PARTITION BY identity) AS first_row FROM staged_entrants
            ) AS seen
            WHERE later.row = seen.row AND seen.first_row < seen.row
            RETURNING later.row, seen.first_row
            """
        )
        return [
            Problem(row, "", f"The same entrant already stands in row {first}", "remove one of the two")
            for row, first in sorted(cursor.fetchall())
        ]


def reject_erased(event: Event) -> list[Problem]:
    """Take out rows of people who have been erased, so that nothing of theirs is stored again.

    Served by entrants_one_identity_an_event.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM staged_entrants s USING entrants e
            WHERE e.event_id = %s AND e.identity = s.identity AND e.erased_at IS NOT NULL RETURNING s.row
            """,
            [event.id],
        )
        return [
            Problem(row, "", "This person has been erased", "nothing to do: nothing of the row is kept")
            for (row,) in sorted(cursor.fetchall())
        ]


def _record(entry: Entry, source: str) -> list[Any]:
    return [
        *entry,
        _identity(entry, source),
        address_hash(entry.email.lower()) if entry.email else None,
        address_hash(entry.mobile) if entry.mobile else None,
        new_token(),
        new_short_code(),
    ]


def _identity(entry: Entry, source: str) -> bytes:
    if entry.registration_id:
        return identity_hash(source, entry.registration_id)
    name = f"{entry.first_name} {entry.last_name}".casefold().strip()
    born = entry.birth_date.isoformat() if entry.birth_date else ""
    return identity_hash((entry.email or "").lower(), name, born, entry.race_slug)


def _drop(cursor: Any) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")
