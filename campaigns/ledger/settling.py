"""Settling: what a provider answered becomes the ledger's truth, a block at a time."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from campaigns.ledger import arrays
from campaigns.ledger.gate import bump_stop_signal, by_index
from campaigns.ledger.receiving import ASK_AFTER, fold_early
from campaigns.models.words import Channel, Reason

logger = logging.getLogger(__name__)

FIRST_BACK_OFF, LONGEST_BACK_OFF = timedelta(seconds=30), timedelta(minutes=15)

DOUBT_RESTS = timedelta(seconds=60)
"""How long a message handed over without an answer is left alone before anything is tried again."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one claimed delivery, in the words of `channels.outcomes.Kind`."""

    delivery: int
    claim: int
    carrier: int
    outcome: str
    code: str = ""
    detail: str = ""
    provider_ref: str = ""
    version: int | None = None
    attempts: int = 0
    latest_at: datetime | None = None
    retry_after: float | None = None
    body_hash: str = ""


def settle(channel: Channel, results: Sequence[Result], now: datetime) -> None:
    """Writes the outcomes of a block in one transaction, rows in order of id.

    A settle counts only under its own claim number, but a late "accepted" always wins over due, uncertain and
    unknown. Policy outcomes cost no attempt: the row is due again as it was. The same again changes nothing: the
    answer to a commit may be lost with the connection, and who asked then settles once more.
    """
    if not results:
        return
    rows = sorted(results, key=lambda result: result.delivery)
    with transaction.atomic():
        by_index()
        _note_attempts(channel, [row for row in rows if row.delivery == row.carrier], now)
        _accepted([row for row in rows if row.outcome == "accepted"], now)
        if channel == Channel.SMS:
            _ask_later(
                [row for row in rows if row.outcome == "accepted" and row.delivery == row.carrier], now
            )
        _refused([row for row in rows if row.outcome in ("recipient", "message")], now)
        _again([row for row in rows if row.outcome == "transient"], now)
        _doubtful(channel, [row for row in rows if row.outcome == "doubtful"], now)
        release([(row.delivery, row.claim) for row in rows if row.outcome == "policy"])
        fold_early([row.delivery for row in rows], now)
    _say(channel, rows)


def _say(channel: Channel, rows: Sequence[Result]) -> None:
    """A line for each kind of outcome, with the deliveries that had it."""
    for outcome in sorted({row.outcome for row in rows}):
        ids = [row.delivery for row in rows if row.outcome == outcome]
        logger.info("settled", extra={"channel": str(channel), "outcome": str(outcome), "deliveries": ids})


def release(fences: Sequence[tuple[int, int]]) -> None:
    """Gives back what was claimed and not handed over; a row that another has claimed since is left alone."""
    if not fences:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        by_index()
        cursor.execute(
            """
            UPDATE outbox o SET lease_until = NULL, holder = ''
            FROM unnest(%s::bigint[], %s::int[]) AS mine (delivery_id, claim)
            WHERE o.delivery_id = mine.delivery_id AND o.claim = mine.claim""",
            [
                arrays.numbers([delivery for delivery, _ in fences]),
                arrays.numbers([number for _, number in fences]),
            ],
        )


def hold(fences: Sequence[tuple[int, int]], reason: Reason, now: datetime, *, revision: int = 0) -> None:
    """Sets claimed deliveries aside for a person, out of the queue; one in doubt ends as unknown.

    They are tried again once the event's revision is above `revision`: that of their claim.
    """
    with transaction.atomic():
        by_index()
        _end(fences, "held", reason, now, attempts=0, revision=revision)


def pause_step(step_id: int, reason: str) -> None:
    """Stops one step until a person resumes it, and tells every drain; `reason` is in words."""
    _execute(
        "UPDATE steps SET state = 'paused', state_reason = %s WHERE id = %s", [reason, step_id], [step_id]
    )
    bump_stop_signal()
    logger.warning("step paused", extra={"step": step_id, "reason": reason})


def back_off(attempts: int) -> timedelta:
    """How long to wait after the given number of failed tries, doubled each time, with jitter."""
    doublings = min(attempts, 10)  # far past the longest wait, and small enough for a timedelta
    longest: timedelta = min(FIRST_BACK_OFF * 2**doublings, LONGEST_BACK_OFF)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311


def _note_attempts(channel: Channel, rows: Sequence[Result], now: datetime) -> None:
    """A try that was noted as doubtful, because its machine was lost, is what its late answer says."""
    _execute(
        """
        INSERT INTO attempts (delivery_id, number, channel, outcome, code, detail, provider_ref, at)
        SELECT delivery_id, number, %s, outcome, code, detail, provider_ref, %s
        FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[])
            AS t (delivery_id, number, outcome, code, detail, provider_ref)
        ON CONFLICT (delivery_id, number) DO UPDATE SET outcome = EXCLUDED.outcome, code = EXCLUDED.code,
            detail = EXCLUDED.detail, provider_ref = EXCLUDED.provider_ref, at = EXCLUDED.at
        WHERE attempts.outcome = 'doubtful' AND EXCLUDED.outcome = 'accepted'""",
        [
            channel,
            now,
            arrays.numbers([row.delivery for row in rows]),
            arrays.numbers([row.claim for row in rows]),
            arrays.words([row.outcome for row in rows]),
            arrays.words([row.code for row in rows]),
            arrays.words([row.detail for row in rows]),
            arrays.words([row.provider_ref for row in rows]),
        ],
        rows,
    )


def _accepted(rows: Sequence[Result], now: datetime) -> None:
    _execute(
        """
        WITH mine AS (
            SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[])
                AS t (delivery_id, claim, carrier_id, version_id)
        ), gone AS (
            DELETE FROM outbox o USING mine WHERE o.delivery_id = mine.delivery_id
        )
        UPDATE deliveries d SET state = 'sent', reason = '', sent_at = %s, settled_at = %s, attempts = attempts + 1,
            version_id = mine.version_id, carrier_id = NULLIF(mine.carrier_id, d.id), claim = mine.claim
        FROM mine WHERE d.id = mine.delivery_id AND d.state IN ('due', 'uncertain', 'unknown')""",
        [
            arrays.numbers([row.delivery for row in rows]),
            arrays.numbers([row.claim for row in rows]),
            arrays.numbers([row.carrier for row in rows]),
            arrays.numbers([row.version for row in rows]),
            now,
            now,
        ],
        rows,
    )


def _ask_later(rows: Sequence[Result], now: datetime) -> None:
    """Notes to ask the provider what became of a text, should no receipt have told by then."""
    _execute(
        """
        INSERT INTO enquiries (delivery_id, attempt, ref, body_hash, since, look_at, looks)
        SELECT id, attempt, ref, '', %s, %s, 0 FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS t (id, attempt, ref)
        ON CONFLICT (delivery_id) DO UPDATE SET attempt = EXCLUDED.attempt, ref = EXCLUDED.ref,
            since = EXCLUDED.since, look_at = EXCLUDED.look_at, looks = 0""",
        [
            now,
            now + ASK_AFTER,
            arrays.numbers([row.delivery for row in rows]),
            arrays.numbers([row.claim for row in rows]),
            arrays.words([row.provider_ref for row in rows]),
        ],
        rows,
    )


def _refused(rows: Sequence[Result], now: datetime) -> None:
    _end([(row.delivery, row.claim) for row in rows], "failed", Reason.PROVIDER_REFUSED, now, attempts=1)


def _again(rows: Sequence[Result], now: datetime) -> None:
    """Tries again later, or ends as expired when later is past its latest time.

    A carrier and those it carries wait equally long: claimed apart, a family would get a message each.
    """
    waits: dict[int, timedelta] = {}
    for row in rows:
        waits.setdefault(row.carrier, _wait(row))
    in_time = [row for row in rows if row.latest_at is None or now + waits[row.carrier] < row.latest_at]
    _requeue([(row.delivery, row.claim, now + waits[row.carrier]) for row in in_time])
    expired = [(row.delivery, row.claim) for row in rows if row not in in_time]
    _end(expired, "failed", Reason.EXPIRED, now, attempts=1)


def _wait(row: Result) -> timedelta:
    return timedelta(seconds=row.retry_after) if row.retry_after else back_off(row.attempts)


def _requeue(rows: Sequence[tuple[int, int, datetime]]) -> None:
    _execute(
        """
        WITH mine AS (
            SELECT * FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[]) AS t (delivery_id, claim, due_at)
        ), freed AS (
            UPDATE outbox o SET lease_until = NULL, holder = '', due_at = mine.due_at
            FROM mine WHERE o.delivery_id = mine.delivery_id AND o.claim = mine.claim AND o.lease_until IS NOT NULL
            RETURNING o.delivery_id
        )
        UPDATE deliveries d SET attempts = attempts + 1 FROM freed WHERE d.id = freed.delivery_id""",
        [[row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]],
        rows,
    )


def _doubtful(channel: Channel, rows: Sequence[Result], now: datetime) -> None:
    """Handed over and not answered: an email rests, then is sent once more under the same Message-ID.

    A second doubt of an email ends as unknown. A text has no such identity and is never sent blindly again: it
    waits out of the queue, and its provider is asked for it.
    """
    if channel == Channel.EMAIL:
        _doubtful_emails(rows, now)
    else:
        _doubtful_texts(rows, now)


_DOUBTED = """
        WITH mine AS (
            SELECT * FROM unnest(%(ids)s::bigint[], %(claims)s::int[], %(carriers)s::bigint[], %(versions)s::bigint[],
                %(hashes)s::text[]) AS t (delivery_id, claim, carrier_id, version_id, body_hash)
        ), doubted AS (
            UPDATE deliveries d SET state = {state}, attempts = attempts + 1, settled_at = {settled_at},
                claim = mine.claim, version_id = mine.version_id, carrier_id = NULLIF(mine.carrier_id, d.id)
            FROM mine JOIN outbox o ON o.delivery_id = mine.delivery_id AND o.claim = mine.claim
                AND o.lease_until IS NOT NULL
            WHERE d.id = mine.delivery_id AND d.state IN ('due', 'uncertain')
            RETURNING d.id, d.state, d.claim, d.carrier_id, mine.body_hash, o.lease_until
        )"""


def _doubtful_emails(rows: Sequence[Result], now: datetime) -> None:
    doubted = _DOUBTED.format(
        state="CASE d.state WHEN 'uncertain' THEN 'unknown' ELSE 'uncertain' END",
        settled_at="CASE d.state WHEN 'uncertain' THEN %(now)s::timestamptz END",
    )
    _execute(
        f"""{doubted}, resting AS (
            UPDATE outbox o SET lease_until = NULL, holder = '', due_at = %(look_at)s
            FROM doubted WHERE o.delivery_id = doubted.id AND doubted.state = 'uncertain'
        )
        DELETE FROM outbox o USING doubted WHERE o.delivery_id = doubted.id AND doubted.state <> 'uncertain'""",
        _doubts(rows, now),
        rows,
    )


def _doubtful_texts(rows: Sequence[Result], now: datetime) -> None:
    """Those that a carrier carries share its fate, so only the carrier's text is asked for."""
    doubted = _DOUBTED.format(state="'uncertain'", settled_at="NULL")
    _execute(
        f"""{doubted}, gone AS (
            DELETE FROM outbox o USING doubted WHERE o.delivery_id = doubted.id
        )
        {ASK_FOR_DOUBTS}""",
        _doubts(rows, now),
        rows,
    )


ASK_FOR_DOUBTS = """
        INSERT INTO enquiries (delivery_id, attempt, ref, body_hash, since, look_at, looks)
        SELECT id, claim, '', body_hash, LEAST(%(now)s, COALESCE(lease_until, %(now)s)) - INTERVAL '1 hour',
            %(look_at)s, 0
        FROM doubted WHERE carrier_id IS NULL ORDER BY id
        ON CONFLICT (delivery_id) DO UPDATE SET attempt = EXCLUDED.attempt, ref = '', body_hash = EXCLUDED.body_hash,
            since = LEAST(enquiries.since, EXCLUDED.since), look_at = EXCLUDED.look_at, looks = 0"""
"""No lease is as long as an hour, so a text of its block was not created before; earlier ones are accounted for."""


def _doubts(rows: Sequence[Result], now: datetime) -> dict[str, Any]:
    return {
        "ids": [row.delivery for row in rows],
        "claims": [row.claim for row in rows],
        "carriers": [row.carrier for row in rows],
        "versions": [row.version for row in rows],
        "hashes": [row.body_hash for row in rows],
        "now": now,
        "look_at": now + DOUBT_RESTS,
    }


def _end(
    fences: Sequence[tuple[int, int]],
    state: str,
    reason: Reason,
    now: datetime,
    *,
    attempts: int,
    revision: int | None = None,
) -> None:
    _execute(
        """
        WITH mine AS (
            SELECT * FROM unnest(%s::bigint[], %s::int[]) AS t (delivery_id, claim)
        ), gone AS (
            DELETE FROM outbox o USING mine WHERE o.delivery_id = mine.delivery_id AND o.claim = mine.claim
            RETURNING o.delivery_id
        )
        UPDATE deliveries d SET reason = %s, settled_at = %s, attempts = attempts + %s,
            state = CASE WHEN d.state = 'uncertain' AND %s = 'held' THEN 'unknown'
                WHEN d.sent_at IS NOT NULL THEN 'bounced' ELSE %s END,
            held_revision = CASE WHEN d.state <> 'uncertain' THEN %s::bigint END
        FROM gone WHERE d.id = gone.delivery_id AND d.state IN ('due', 'uncertain')""",
        [
            [delivery for delivery, _ in fences],
            [number for _, number in fences],
            reason,
            now,
            attempts,
            state,
            state,
            revision,
        ],
        fences,
    )


def _execute(statement: str, params: list[Any] | dict[str, Any], rows: Sequence[Any]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
