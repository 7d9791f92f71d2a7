"""Interpreting stored reports: the ledger learns what they prove, and codes that concern more than one text act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from campaigns import circuit, ledger, optout
from campaigns.channels import twilio_reports
from campaigns.channels.outcomes import Kind
from campaigns.channels.twilio_reports import Act
from campaigns.ledger import arrays
from campaigns.models import Receipt
from campaigns.models.words import Channel, Scope, SuppressionReason
from campaigns.receipts import esp_acts

BATCH = 400
"""Reports interpreted in one transaction: some 20 ms by themselves, so that an alert waits behind nothing longer. A
quarter of it would cost twice as much for each."""

FILTERED_SHARE, FILTERED_LEAST = 0.02, 3
"""A step is stopped when more than this share of its texts, and at least this many, were taken for spam."""

BLOCKED_MOST = 2
"""How often a carrier may block texts to a number before nobody writes there again."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A report that nobody has thought about yet."""

    receipt: int
    delivery: int
    has_code: bool


@dataclass(frozen=True, slots=True)
class _Coded:
    """A report with an error code, and whom and what it is about."""

    code: str
    step: int
    organiser: int
    mobile_hash: bytes | None


def is_due() -> bool:
    """Whether a report waits to be interpreted. Served by receipts_waiting."""
    return Receipt.objects.filter(interpreted_at__isnull=True).exists()


def interpret(now: datetime) -> bool:
    """Interprets up to `BATCH` reports, oldest first; True when there may be more.

    Those on deliveries that a drain has in hand wait for its settle. Safe to run twice at once.
    """
    with transaction.atomic():
        found = _waiting()
        ledger.fold({waiting.delivery for waiting in found}, now)
        _act_on([waiting.receipt for waiting in found if waiting.has_code], now)
        _mark([waiting.receipt for waiting in found], now)
    return len(found) == BATCH


def _act_on(coded: Sequence[int], now: datetime) -> None:
    """Does what the codes ask for; hardly any report has one."""
    if not coded:
        return
    for report in _coded(coded):
        _act(report, now)
    esp_acts.act(coded)


def _waiting() -> list[_Waiting]:
    """Served by receipts_waiting, then the outbox's key."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.id, r.delivery, r.code <> '' FROM receipts r
            WHERE r.interpreted_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM outbox o WHERE o.delivery_id = r.delivery AND o.lease_until IS NOT NULL)
            ORDER BY r.id LIMIT %s FOR NO KEY UPDATE OF r SKIP LOCKED""",
            [BATCH],
        )
        return [_Waiting(*row) for row in cursor.fetchall()]


def _mark(receipts: Sequence[int], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE receipts SET interpreted_at = %s WHERE id = ANY(%s::bigint[])",
            [now, arrays.numbers(receipts)],
        )


def _coded(receipts: Sequence[int]) -> list[_Coded]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.code, d.step_id, ev.organiser_id, e.mobile_hash FROM receipts r
            JOIN deliveries d ON d.id = r.delivery JOIN entrants e ON e.id = d.entrant_id
            JOIN events ev ON ev.id = e.event_id
            WHERE r.id = ANY(%s) AND r.code <> '' AND r.provider = 'twilio'
            ORDER BY ev.organiser_id, e.mobile_hash, r.id""",
            [list(receipts)],
        )
        return [
            _Coded(code, step, organiser, hashed and bytes(hashed))
            for code, step, organiser, hashed in cursor
        ]


def _act(coded: _Coded, now: datetime) -> None:
    act = twilio_reports.act(coded.code)
    if act == Act.STOP:
        _suppress(coded, SuppressionReason.STOP)
    elif act == Act.BAD_NUMBER or (act == Act.BLOCKED and _times_blocked(coded) >= BLOCKED_MOST):
        _suppress(coded, SuppressionReason.BAD_NUMBER)
    elif act == Act.FILTERED and _is_filtered(coded.step):
        ledger.pause_step(
            coded.step, "Networks take this text for spam (30007): change its words before it goes on."
        )
    elif act == Act.ACCOUNT:
        circuit.opened(
            Channel.SMS, Kind.POLICY, f"Twilio sends nothing for this account ({coded.code}).", now
        )


def _suppress(coded: _Coded, reason: SuppressionReason) -> None:
    if coded.mobile_hash is not None:
        optout.suppress_hash(coded.organiser, Channel.SMS, coded.mobile_hash, Scope.ALL, reason)


def _times_blocked(coded: _Coded) -> int:
    """How many of this organiser's texts to this number were blocked. Served by entrants_by_mobile,
    deliveries_by_entrant and receipts_once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(DISTINCT d.id) FROM events ev
            JOIN entrants e ON e.event_id = ev.id AND e.mobile_hash = %s
            JOIN deliveries d ON d.entrant_id = e.id JOIN receipts r ON r.delivery = d.id
            WHERE ev.organiser_id = %s AND r.code = %s""",
            [coded.mobile_hash, coded.organiser, coded.code],
        )
        return int(cursor.fetchone()[0])


def _is_filtered(step: int) -> bool:
    """Served by receipts_by_code, and deliveries_one_a_step_and_entrant for those that were handed over."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT count(DISTINCT d.id) FROM receipts r JOIN deliveries d ON d.id = r.delivery
                    WHERE r.code = '30007' AND d.step_id = %(step)s),
                (SELECT count(*) FROM deliveries d WHERE d.step_id = %(step)s AND d.sent_at IS NOT NULL)""",
            {"step": step},
        )
        filtered, handed_over = cursor.fetchone()
    return bool(filtered >= FILTERED_LEAST and filtered > FILTERED_SHARE * handed_over)
