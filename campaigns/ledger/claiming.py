"""Claiming: the last moment to ask. What is claimed here is sent, and everything that can forbid it is in the SQL."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from campaigns import schedule
from campaigns.audience import MINOR_SQL
from campaigns.ledger import arrays, eligibility, gate
from campaigns.ledger.marks import Mark
from campaigns.ledger.moments import Field
from campaigns.models import Step
from campaigns.models.words import Channel, Per

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery in the hands of a drain: its fence, and the facts that its message is rendered from."""

    delivery: int
    claim: int
    carrier: int
    token: UUID
    message_id: str
    attempts: int
    due_at: datetime
    latest_at: datetime
    entrant: int
    address: str
    first_name: str
    bib: str
    entrant_token: str
    short_code: str
    race_name: str
    race_start: time
    wave_name: str
    wave_start: time | None
    race: str = ""
    """The race's slug."""
    birth_date: date | None = None
    first_timer: bool = False
    minor: bool = False
    agreed: Sequence[str] = ()
    """The purposes that a part of this message may serve beside its own; see `eligibility.agreed`."""


@dataclass(frozen=True)
class Claim:
    """A block of one step: the carriers, each with those it carries, and what became of the other candidates."""

    step_id: int
    groups: list[list[Claimed]] = field(default_factory=list)
    passed_over: int = 0
    revision: int = 0
    """The event's revision that all of this was read at."""
    mark: Mark | None = None
    """Where the next claim may begin; None when the queue has no more."""

    @property
    def fences(self) -> list[tuple[int, int]]:
        """Delivery and claim number of every row of the block."""
        return [(row.delivery, row.claim) for group in self.groups for row in group]


def next_step(
    channel: Channel,
    now: datetime,
    *,
    alerts_only: bool = False,
    after: int | None = None,
    behind: Mapping[int, Mark] | None = None,
) -> int | None:
    """The live step with due rows on this channel whose turn it is: alerts first, then the longest due.

    `after` is the step that whoever asks has served last: other events come before its own, each in its turn, so
    that no event waits until all of a larger one is sent. One probe of outbox_waiting a live step: rows of paused
    and stopped campaigns are never looked at, and of a step with a mark in `behind` only those behind it.
    """
    params: dict[str, Any] = {"channel": channel, "now": now, "alerts_only": alerts_only, "after": after}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.id FROM {gate.STEPS} {_MARKED if behind else ""}
            CROSS JOIN LATERAL (
                SELECT o.due_at FROM outbox o
                WHERE o.channel = %(channel)s AND o.step_id = s.id AND o.lease_until IS NULL AND o.due_at <= %(now)s
                    {_BEHIND_ITS_MARK if behind else ""}
                ORDER BY o.due_at, o.delivery_id LIMIT 1) waiting
            WHERE {gate.MAY_SEND} AND s.dated_version = ev.plan_version
                AND (s.kind = 'alert' OR NOT %(alerts_only)s)
            ORDER BY (s.kind = 'alert') DESC, {_EVENT_IN_TURN}, waiting.due_at, s.id LIMIT 1""",
            params | _marks(behind or {}),
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


_MARKED = """LEFT JOIN unnest(%(marked)s::bigint[], %(mark_dues)s::timestamptz[], %(mark_deliveries)s::bigint[])
    AS mark (step_id, due_at, delivery_id) ON mark.step_id = s.id"""

_BEHIND_ITS_MARK = """AND (o.due_at, o.delivery_id)
    > (COALESCE(mark.due_at, '-infinity'::timestamptz), COALESCE(mark.delivery_id, 0))"""


def _marks(behind: Mapping[int, Mark]) -> dict[str, Any]:
    return {
        "marked": arrays.numbers(list(behind)),
        "mark_dues": [mark.due_at for mark in behind.values()],
        "mark_deliveries": arrays.numbers([mark.delivery for mark in behind.values()]),
    }


_SERVED = "(SELECT l.event_id FROM steps z JOIN campaigns l ON l.id = z.campaign_id WHERE z.id = %(after)s)"

_EVENT_IN_TURN = f"""CASE WHEN s.kind <> 'alert' THEN c.event_id <= {_SERVED} END,
    CASE WHEN s.kind <> 'alert' AND %(after)s IS NOT NULL THEN c.event_id END"""
"""Those above the one that was served last, then from the lowest again; no turns among alerts, nor where none was."""


def claim(
    channel: Channel,
    step_id: int,
    now: datetime,
    *,
    limit: int,
    lease: timedelta,
    holder: str,
    behind: Mark | None = None,
) -> Claim:
    """Claims at most about `limit` due deliveries of a step (a family on one address is never split).

    With `behind` the candidates are those that lie behind this mark in the queue.

    Every candidate leaves this statement claimed, skipped, held, moved, or left for the re-dating; none is
    passed over twice. Claims of one step take turns, so that no two of them see half a family each.
    """
    with transaction.atomic():
        gate.lock(gate.QUEUE, step_id)
        gate.by_index()
        step = Step.objects.select_related("campaign__event").get(id=step_id)
        statement, params = _statement(step, channel, now, behind)
        params |= {"limit": limit, "lease": lease, "holder": holder}
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            rows = cursor.fetchall()
        stale = [row for row in rows if row[1] == "stale"]
        if stale:
            _ask_for_redating(step_id)
    claimed = [_claimed(row) for row in rows if row[1] == "eligible"]
    ids = [row.delivery for row in claimed]
    if ids:
        logger.info("claimed", extra={"step": step_id, "event_id": step.campaign.event_id, "deliveries": ids})
    if not rows:
        return Claim(step_id)
    *_, revision, mark_due, mark_delivery = rows[0]
    mark = None if mark_due is None else Mark(_moment(mark_due), mark_delivery)
    return Claim(step_id, _grouped(claimed), len(rows) - len(claimed), revision, mark)


def _claimed(row: Sequence[Any]) -> Claimed:
    delivery, _, *facts, _, _, _ = row
    facts[5:7] = map(_moment, facts[5:7])
    return Claimed(delivery, *facts)


_MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def _moment(microseconds: int) -> datetime:
    """A block shares a few moments; reading each row's two from the driver's text took a quarter of a claim's time."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _grouped(rows: list[Claimed]) -> list[list[Claimed]]:
    """Carrier first in each group, groups in the order of their carriers."""
    groups: dict[int, list[Claimed]] = {}
    for row in sorted(rows, key=lambda row: (row.carrier, row.delivery)):
        groups.setdefault(row.carrier, []).append(row)
    return list(groups.values())


def _ask_for_redating(step_id: int) -> None:
    """Rows came back to the queue that an older plan had dated: the step waits until they are re-dated."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE steps SET dated_version = -1, dating_version = 0 WHERE id = %s", [step_id])


def _statement(
    step: Step, channel: Channel, now: datetime, behind: Mark | None
) -> tuple[str, dict[str, Any]]:
    event = step.campaign.event
    quiet = schedule.parse_quiet_hours(step.campaign.quiet_hours)
    quiet_until = schedule.after_quiet(now, quiet, event.zone)
    params: dict[str, Any] = {
        "step": step.id,
        "channel": channel,
        "plan_version": event.plan_version,
        "now": now,
        "quiet_until": quiet_until,
    }
    audience = Field.of(event).audience(step).where(params)
    verdict = eligibility.verdict(audience, quiet=quiet_until > now)
    # A text with an entrant's own facts is not shared, and neither is anything that is sent per entrant.
    by_address = step.per == Per.ADDRESS
    if behind is not None:
        params |= {"mark_due": behind.due_at, "mark_delivery": behind.delivery}
    return _claim_sql(verdict, _ADDRESS[channel] if by_address else None, marked=behind is not None), params


ADDRESS_HASH = "CASE o.channel WHEN 'sms' THEN e.mobile_hash ELSE e.email_hash END"

_ADDRESS = {Channel.EMAIL: "email_hash", Channel.SMS: "mobile_hash"}


_BEHIND_THE_MARK = "AND (o.due_at, o.delivery_id) > (%(mark_due)s::timestamptz, %(mark_delivery)s::bigint)"


def _claim_sql(verdict: str, family_by: str | None, *, marked: bool) -> str:
    """Candidates by outbox_waiting alone; then the facts of those rows; then every row's fate, at once.

    The plan version in `guard` makes the statement claim nothing when the plan moved since its audience and
    quiet hours were read.
    """
    return f"""
WITH guard AS MATERIALIZED (
    SELECT s.id AS step_id, ev.id AS event_id FROM {gate.STEPS}
    WHERE s.id = %(step)s AND ev.plan_version = %(plan_version)s AND {gate.MAY_SEND}
), first AS MATERIALIZED (
    SELECT o.delivery_id, o.due_at FROM outbox o JOIN guard ON guard.step_id = o.step_id
    WHERE o.channel = %(channel)s AND o.step_id = %(step)s AND o.lease_until IS NULL AND o.due_at <= %(now)s
        {_BEHIND_THE_MARK if marked else ""}
    ORDER BY o.due_at, o.delivery_id LIMIT %(limit)s
    FOR NO KEY UPDATE OF o SKIP LOCKED
), mark AS MATERIALIZED (
    SELECT due_at, delivery_id FROM first WHERE (SELECT count(*) FROM first) = %(limit)s
    ORDER BY due_at DESC, delivery_id DESC LIMIT 1
), {_family(family_by)}, judged AS MATERIALIZED (
    SELECT o.delivery_id, o.claim, d.state AS old_state, d.sent_at, d.token, d.message_id, d.attempts,
        d.due_at, d.latest_at,
        e.id AS entrant_id, CASE o.channel WHEN 'sms' THEN e.mobile ELSE e.email END AS address,
        e.first_name, e.bib, e.token AS entrant_token, e.short_code, r.name AS race_name, r.start AS race_start,
        COALESCE(w.name, '') AS wave_name, w.start AS wave_start, r.slug AS race, e.birth_date,
        COALESCE(e.first_timer, FALSE) AS first_timer, {MINOR_SQL} AS minor,
        {eligibility.agreed("o.channel", ADDRESS_HASH)} AS agreed,
        {f"e.{family_by}" if family_by else "NULL::bytea"} AS family, {verdict} AS verdict, ev.revision
    FROM candidates JOIN outbox o ON o.delivery_id = candidates.delivery_id
    JOIN deliveries d ON d.id = o.delivery_id
    JOIN {gate.STEPS} ON s.id = d.step_id {gate.PEOPLE}
), claimed AS (
    UPDATE outbox o SET claim = o.claim + 1, holder = %(holder)s, lease_until = clock_timestamp() + %(lease)s
    FROM judged j WHERE o.delivery_id = j.delivery_id AND j.verdict = 'eligible'
    RETURNING o.delivery_id, o.claim
), later AS (
    UPDATE outbox o SET due_at = %(quiet_until)s
    FROM judged j WHERE o.delivery_id = j.delivery_id AND j.verdict = 'quiet' AND j.latest_at > %(quiet_until)s
), to_email AS (
    UPDATE outbox o SET channel = 'email' FROM judged j WHERE o.delivery_id = j.delivery_id AND j.verdict = 'email'
), by_email AS (
    UPDATE deliveries d SET channel = 'email' FROM judged j WHERE d.id = j.delivery_id AND j.verdict = 'email'
), ended AS (
    UPDATE deliveries d SET settled_at = %(now)s,
        state = CASE WHEN j.old_state = 'uncertain' THEN 'unknown'
                     WHEN j.sent_at IS NOT NULL THEN 'bounced'
                     WHEN j.verdict IN ('held', 'minor') THEN 'held' ELSE 'skipped' END,
        reason = CASE j.verdict WHEN 'held' THEN '' WHEN 'quiet' THEN 'too_late' ELSE j.verdict END,
        held_revision = CASE WHEN j.old_state <> 'uncertain' AND j.sent_at IS NULL AND j.verdict IN ('held', 'minor')
            THEN j.revision END
    FROM judged j
    WHERE d.id = j.delivery_id AND (j.verdict NOT IN ('eligible', 'email', 'stale', 'quiet')
        OR (j.verdict = 'quiet' AND j.latest_at <= %(quiet_until)s))
    RETURNING d.id
), unqueued AS (
    DELETE FROM outbox o USING ended WHERE o.delivery_id = ended.id
)
SELECT j.delivery_id, j.verdict, c.claim,
    min(j.delivery_id) OVER (PARTITION BY j.verdict, COALESCE(j.family, int8send(j.delivery_id))),
    j.token, j.message_id, j.attempts, {_MICROSECONDS.format("j.due_at")}, {_MICROSECONDS.format("j.latest_at")},
    j.entrant_id, j.address, j.first_name, j.bib,
    j.entrant_token, j.short_code, j.race_name, j.race_start, j.wave_name, j.wave_start, j.race, j.birth_date,
    j.first_timer, j.minor, j.agreed, j.revision,
    (SELECT {_MICROSECONDS.format("due_at")} FROM mark), (SELECT delivery_id FROM mark)
FROM judged j LEFT JOIN claimed c ON c.delivery_id = j.delivery_id
ORDER BY j.delivery_id"""


def _family(family_by: str | None) -> str:
    """The candidates, with everyone due on the same address: found by entrants_by_email or entrants_by_mobile,
    then deliveries_one_a_step_and_entrant, then the outbox's key.

    The OFFSET keeps it the outbox's key: without statistics, as after a first import, Postgres would walk through
    the whole queue once for every row of the block.
    """
    if family_by is None:
        return "candidates AS MATERIALIZED (SELECT delivery_id FROM first)"
    return f"""addresses AS MATERIALIZED (
    SELECT DISTINCT e.{family_by} FROM first JOIN deliveries d ON d.id = first.delivery_id
    JOIN entrants e ON e.id = d.entrant_id WHERE e.{family_by} IS NOT NULL
), kin AS MATERIALIZED (
    SELECT d.id FROM addresses a CROSS JOIN guard
    JOIN entrants e ON e.event_id = guard.event_id AND e.{family_by} = a.{family_by}
    JOIN deliveries d ON d.step_id = %(step)s AND d.entrant_id = e.id
    WHERE d.id NOT IN (SELECT delivery_id FROM first)
), siblings AS MATERIALIZED (
    SELECT o.delivery_id FROM kin CROSS JOIN LATERAL (
        SELECT * FROM outbox WHERE delivery_id = kin.id OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED) o
    WHERE o.channel = %(channel)s AND o.lease_until IS NULL AND o.due_at <= %(now)s
), candidates AS MATERIALIZED (
    SELECT delivery_id FROM first UNION ALL SELECT delivery_id FROM siblings
)"""
