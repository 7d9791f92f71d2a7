"""Storing a report as it came, once, before anybody thinks about it. It must not know who sent it or what follows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from campaigns import clock


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


def store(delivery: int | UUID, report: Reported) -> bool:
    """Stores a report on a delivery by its id or token; returns whether it is new.

    A token that no delivery has leaves nothing behind: what retention could not reach is not kept.
    The connection is not asked first whether it lives, which Django does with a query of its own for each request:
    at hundreds of reports a second it is enough to find out by this one, and to store it over a new connection.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs leave it out
    try:
        return _insert(delivery, report)
    except (InterfaceError, OperationalError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return _insert(delivery, report)


def _insert(delivery: int | UUID, report: Reported) -> bool:
    """One statement, whose commit is the promise that goes out with the answer.

    Served by deliveries_one_token or the primary key.
    """
    key = "token" if isinstance(delivery, UUID) else "id"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO receipts
                (provider, delivery, attempt, ref, status, code, standing, retry_after, raw, received_at)
            SELECT %s, d.id, %s, %s, %s, %s, %s, %s, %s::jsonb, %s FROM deliveries d WHERE d.{key} = %s
            ON CONFLICT (delivery, attempt, ref, status) DO NOTHING""",
            [
                report.provider,
                report.attempt,
                report.ref,
                report.status,
                report.code,
                report.standing,
                report.retry_after,
                json.dumps(dict(report.raw)),
                clock.now(),
                delivery,
            ],
        )
        return bool(cursor.rowcount)
