"""Receiving: what stored receipts prove becomes the ledger's truth, in any order and however often."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from campaigns.ledger import arrays
from campaigns.ledger.gate import by_index
from campaigns.ledger.proof import Report, proven
from campaigns.models.receipts import Standing
from campaigns.models.words import Reason

ASK_AFTER = timedelta(hours=1)
"""How long a text may be on its way before its provider is asked what became of it."""


@dataclass(frozen=True, slots=True)
class _Row:
    delivery: int
    state: str
    claim: int
    latest_at: datetime


def fold(deliveries: Iterable[int], now: datetime) -> None:
    """Brings these deliveries, and those they carry, to what their stored receipts prove.

    A delivery in the hands of a drain is left alone: its settle folds in what has come by then.
    """
    with transaction.atomic():
        by_index()
        rows = _locked(sorted(set(deliveries)))
        reports = _reports([row.delivery for row in rows])
        verdicts: dict[Standing, list[tuple[_Row, Report]]] = defaultdict(list)
        for row in rows:
            report = proven(reports[row.delivery], row.claim)
            if report is not None:
                verdicts[report.standing].append((row, report))
        _apply(verdicts, now)


def fold_early(deliveries: Sequence[int], now: datetime) -> None:
    """Folds in, as the last act of a settle, the receipts that came before it. Served by receipts_once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT delivery FROM receipts WHERE delivery = ANY(%s::bigint[])",
            [arrays.numbers(deliveries)],
        )
        found = [row[0] for row in cursor.fetchall()]
    if found:
        fold(found, now)


def _apply(verdicts: dict[Standing, list[tuple[_Row, Report]]], now: datetime) -> None:
    _sent(verdicts[Standing.ON_ITS_WAY], now)
    _ended(_ids(verdicts[Standing.DELIVERED]), "delivered", Reason.NONE, now)
    _ended(_ids(verdicts[Standing.EXPIRED]), "bounced", Reason.EXPIRED, now)
    failed = verdicts[Standing.NOT_DELIVERED]
    in_time = [
        (row, report) for row, report in verdicts[Standing.AGAIN] if _retry_at(report, now) < row.latest_at
    ]
    too_late = [pair for pair in verdicts[Standing.AGAIN] if pair not in in_time]
    _ended(_ids([*failed, *too_late]), "bounced", Reason.PROVIDER_REFUSED, now)
    _try_again(in_time, now)


def _retry_at(report: Report, now: datetime) -> datetime:
    return now + timedelta(seconds=report.retry_after)


def _locked(deliveries: list[int]) -> list[_Row]:
    """The rows that no drain has in hand. Outbox rows first, then deliveries, each in id order, as a claim does.

    Those that a carrier carries (deliveries_carried) are locked with it, since they share its fate.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM deliveries WHERE id = ANY(%(ids)s::bigint[])
            UNION SELECT id FROM deliveries WHERE carrier_id = ANY(%(ids)s::bigint[]) ORDER BY id""",
            {"ids": arrays.numbers(deliveries)},
        )
        everyone = arrays.numbers([row[0] for row in cursor.fetchall()])
        cursor.execute(
            """
            SELECT delivery_id FROM outbox WHERE delivery_id = ANY(%s::bigint[])
            ORDER BY delivery_id FOR NO KEY UPDATE""",
            [everyone],
        )
        cursor.execute(
            "SELECT id FROM deliveries WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE", [everyone]
        )
        cursor.execute(
            """
            SELECT d.id, d.state, d.claim, d.latest_at FROM deliveries d
            LEFT JOIN outbox o ON o.delivery_id = d.id
            WHERE d.id = ANY(%s::bigint[]) AND o.lease_until IS NULL ORDER BY d.id""",
            [arrays.numbers(deliveries)],
        )
        return [_Row(*row) for row in cursor.fetchall()]


def _reports(deliveries: list[int]) -> dict[int, list[Report]]:
    """Served by receipts_once."""
    found: dict[int, list[Report]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT delivery, attempt, standing, COALESCE(retry_after, 0), ref FROM receipts
            WHERE delivery = ANY(%s::bigint[])""",
            [arrays.numbers(deliveries)],
        )
        for delivery, attempt, standing, retry_after, ref in cursor.fetchall():
            found[delivery].append(Report(attempt, Standing(standing), retry_after, ref))
    return found


def _ids(pairs: Sequence[tuple[_Row, Report]]) -> list[int]:
    return [row.delivery for row, _ in pairs]


_FAMILY = """family AS MATERIALIZED (
    SELECT d.id, d.state FROM deliveries d WHERE d.id = ANY(%(ids)s)
    UNION ALL SELECT d.id, d.state FROM deliveries d WHERE d.carrier_id = ANY(%(ids)s) AND d.id <> ALL(%(ids)s)
)"""
"""The carriers and those they carry, by deliveries_carried."""

_UNQUEUED = """gone AS (
    DELETE FROM outbox o USING moved WHERE o.delivery_id = moved.id AND o.lease_until IS NULL
)"""


def _sent(pairs: Sequence[tuple[_Row, Report]], now: datetime) -> None:
    """A doubt is proven to have gone out; what becomes of it is asked later like of any other."""
    _execute(
        f"""
        WITH {_FAMILY}, moved AS (
            UPDATE deliveries d SET state = 'sent', reason = '', sent_at = COALESCE(d.sent_at, %(now)s),
                settled_at = %(now)s
            FROM family WHERE d.id = family.id AND family.state IN ('due', 'uncertain', 'unknown') RETURNING d.id
        ), {_UNQUEUED}
        UPDATE enquiries q SET ref = found.ref, attempt = found.attempt, body_hash = '', looks = 0,
            look_at = %(ask_at)s
        FROM unnest(%(ids)s::bigint[], %(refs)s::text[], %(attempts)s::int[]) AS found (id, ref, attempt)
        WHERE q.delivery_id = found.id AND q.ref = ''""",
        {
            "ids": _ids(pairs),
            "refs": [report.ref for _, report in pairs],
            "attempts": [report.attempt for _, report in pairs],
            "now": now,
            "ask_at": now + ASK_AFTER,
        },
    )


_MAY_END = {
    "delivered": "('due', 'uncertain', 'unknown', 'sent', 'bounced', 'failed')",
    "bounced": "('due', 'uncertain', 'unknown', 'sent', 'bounced')",
}


def _ended(deliveries: list[int], state: str, reason: Reason, now: datetime) -> None:
    """Nothing more is to be done or asked, unless a later receipt knows better."""
    _execute(
        f"""
        WITH {_FAMILY}, moved AS (
            UPDATE deliveries d SET state = %(state)s, reason = %(reason)s, settled_at = %(now)s,
                sent_at = COALESCE(d.sent_at, %(now)s)
            FROM family WHERE d.id = family.id AND family.state IN {_MAY_END[state]}
                AND (d.state, d.reason) <> (%(state)s, %(reason)s) RETURNING d.id
        ), {_UNQUEUED}
        DELETE FROM enquiries q USING family WHERE q.delivery_id = family.id""",
        {"ids": deliveries, "state": state, "reason": reason, "now": now},
    )


def _try_again(pairs: Sequence[tuple[_Row, Report]], now: datetime) -> None:
    """Into the queue once more, under the next claim number; `sent_at` stays, so that an end of it is no skip."""
    _execute(
        f"""
        WITH {_FAMILY}, moved AS (
            UPDATE deliveries d SET state = 'due', reason = '', settled_at = NULL,
                sent_at = COALESCE(d.sent_at, %(now)s)
            FROM family WHERE d.id = family.id AND family.state IN ('uncertain', 'unknown', 'sent')
            RETURNING d.id, d.channel, d.step_id, d.claim, COALESCE(d.carrier_id, d.id) AS carrier
        ), queued AS (
            INSERT INTO outbox (delivery_id, channel, step_id, claim, due_at, holder)
            SELECT moved.id, moved.channel, moved.step_id, moved.claim, wait.due_at, ''
            FROM moved JOIN unnest(%(ids)s::bigint[], %(dues)s::timestamptz[]) AS wait (id, due_at)
                ON wait.id = moved.carrier ORDER BY moved.id
            ON CONFLICT (delivery_id) DO UPDATE SET due_at = EXCLUDED.due_at
        )
        DELETE FROM enquiries q USING moved WHERE q.delivery_id = moved.id""",
        {"ids": _ids(pairs), "dues": [_retry_at(report, now) for _, report in pairs], "now": now},
    )


def _execute(statement: str, params: dict[str, Any]) -> None:
    if params["ids"]:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
