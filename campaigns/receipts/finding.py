"""Whose attempt a mail provider speaks of: by the code that we gave it, else by the Message-ID."""

import re
from typing import Any
from uuid import UUID

from django.db import connection

from campaigns import attempt_code

_MESSAGE_ID = re.compile(r"<?((\d{1,18})\.(\d{1,18})\.[0-9a-f]{16}@[\w.-]{1,255})>?")
"""Step, entrant and a random part, as `ledger.opening` makes them: no index of Message-IDs is needed."""


def attempt(code: str, message_id: str) -> tuple[int | UUID, int] | None:
    """The delivery's token or id and the attempt's number; None when it is none of ours.

    Whether there is such a token the statement that stores the report finds out: a query less a call.
    """
    named = attempt_code.read(code) if code else None
    if named is not None:
        return named
    match = _MESSAGE_ID.fullmatch(message_id.strip())
    if match is None:
        return None
    # Served by deliveries_one_a_step_and_entrant. The last hand-over is the likeliest to be meant.
    found = _one(
        "SELECT id, claim FROM deliveries WHERE step_id = %s AND entrant_id = %s AND message_id = %s",
        [int(match[2]), int(match[3]), match[1]],
    )
    return (found[0], found[1]) if found else None


def _one(statement: str, params: list[Any]) -> tuple[int, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        row: tuple[int, ...] | None = cursor.fetchone()
    return row
