"""Storing reports as they came, once, before anybody thinks about them. It must not know who sent them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from campaigns import clock
from campaigns.receipts.together import Together

PAUSE = 0.02
"""Seconds between two commits of a web process. One report alone is stored at once; of hundreds a second each waits
up to so long for the others, which is nothing to a provider (Twilio gives us 15 s) and spares a commit for each."""

_ENDED = (InterfaceError, OperationalError)
"""The session has ended, or Postgres has: not for one report alone."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One report of a provider on one attempt; `raw` must hold no address, number or words of a message."""

    provider: str
    attempt: int
    ref: str
    status: str
    standing: str
    code: str = ""
    retry_after: int | None = None
    raw: Mapping[str, str] = field(default_factory=dict)


About = tuple[int | UUID, Reported]
"""The delivery's id or token, and the report on it."""


def store(delivery: int | UUID, report: Reported) -> None:
    """Stores a report on a delivery, by a statement of its own.

    A token that no delivery has leaves nothing behind: what retention could not reach is not kept.
    """
    _write([_row(delivery, report)])


def store_with_others(reports: Sequence[About]) -> None:
    """As `store`, together with what this process's other calls bring at the same time; committed when it returns."""
    rows = [_row(delivery, report) for delivery, report in reports]
    gathered = _GATHERED.get()
    if gathered is not None:
        gathered += rows
    elif connection.in_atomic_block:
        _write(rows)
    elif rows:
        _TOGETHER.bring(rows)


@contextmanager
def gathered() -> Iterator[None]:
    """Until its end `store_with_others` only notes down; at its end all is committed at once. Nothing may be promised
    before. Raises what the database has against any of them, and then none is stored."""
    rows: list[dict[str, object]] = []
    token = _GATHERED.set(rows)
    try:
        yield
    finally:
        _GATHERED.reset(token)
    if rows:
        _write(rows)


_GATHERED: ContextVar[list[dict[str, object]] | None] = ContextVar("gathered", default=None)


def _row(delivery: int | UUID, report: Reported) -> dict[str, object]:
    return {
        "token" if isinstance(delivery, UUID) else "id": str(delivery),
        "provider": report.provider,
        "attempt": report.attempt,
        "ref": report.ref,
        "status": report.status,
        "standing": report.standing,
        "code": report.code,
        "retry_after": report.retry_after,
        "raw": dict(report.raw),
        "received_at": clock.now().isoformat(),
    }


def _write(rows: Sequence[dict[str, object]]) -> None:
    """The connection is not asked first whether it lives, which Django does with a query of its own for each request:
    at hundreds of reports a second it is enough to find out by this one, and to store them over a new connection."""
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs leave it out
    try:
        _insert(rows)
    except _ENDED:
        if connection.in_atomic_block:
            raise
        connection.close()
        _insert(rows)


_TOGETHER = Together(_write, PAUSE, _ENDED)


def _insert(rows: Sequence[dict[str, object]]) -> None:
    """One statement, whose commit is the promise that goes out with the answers.

    Served by deliveries_one_token or the primary key, row by row. In the order of receipts_once: of two processes that
    store the same reports one waits for the other, and never each for the other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO receipts
                (provider, delivery, attempt, ref, status, code, standing, retry_after, raw, received_at)
            SELECT r.provider, found.id, r.attempt, r.ref, r.status, r.code, r.standing, r.retry_after, r.raw,
                r.received_at
            FROM jsonb_to_recordset(%s::jsonb) AS r (token uuid, id bigint, provider text, attempt int, ref text,
                status text, code text, standing text, retry_after int, raw jsonb, received_at timestamptz)
            CROSS JOIN LATERAL (
                (SELECT d.id FROM deliveries d WHERE d.token = r.token LIMIT 1)
                UNION ALL (SELECT d.id FROM deliveries d WHERE d.id = r.id LIMIT 1)) AS found
            ORDER BY found.id, r.attempt, r.ref, r.status
            ON CONFLICT (delivery, attempt, ref, status) DO NOTHING""",
            [json.dumps(rows)],
        )
