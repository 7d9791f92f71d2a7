"""Opening: when a step's moment has come, a delivery for everyone it is for, in chunks of entrants."""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from campaigns.ledger import gate, moments
from campaigns.ledger.moments import Field, Moments
from campaigns.models import Event, Restoration, Step
from campaigns.models.words import CampaignState, LateEntrants, Reason, StepKind, StepState

logger = logging.getLogger(__name__)

FIRST_CHUNK = 500
"""Entrants in the first chunk of an opening: the first messages leave while the others are still being opened."""

CHUNK = 5_000
"""Entrants looked at in one transaction: small enough for the clock's worker to stay punctual."""

ONLY_SERVICE_FROM = timedelta(days=5)
"""So near to the race a late entrant gets service steps only, no catch-up."""

OPENABLE = (StepState.APPROVED, StepState.SENDING, StepState.DONE)


@dataclass(frozen=True)
class Opened:
    """What one chunk came to. `complete`: every entrant of the opening's snapshot has been looked at; `first`: it was
    the first chunk of its opening."""

    rows: int
    complete: bool
    first: bool = False


@dataclass(frozen=True)
class Openings:
    """The live steps that have entrants to look at: those `due`, the one whose moment came first in front, and the
    `next_moment` (UTC) of the others."""

    due: list[int]
    next_moment: datetime | None = None


def openings(now: datetime) -> Openings:
    """Which steps are to be opened, by their ids, and when there is more to open.

    A step is opened once its first moment has come, and again while the event's revision has risen since and
    its latest time has not passed. Alerts are opened by their press; here is what a killed press left undone, and who
    entered since: they get the newest alert while it is worth reading, and none that later news has overtaken.
    """
    steps = list(_approved_and_unseen())
    fields = Field.of_each({step.campaign.event for step in steps})
    due, later = [], []
    for step in steps:
        times = fields[step.campaign.event_id].moments(step, now)
        if times.first is None or not _worth_it(step, times, now):
            continue
        if times.first > now:
            later.append(times.first)
        elif _may_open(step, step.campaign.event, times, now):
            due.append((times.first, step.id))
    return Openings([step_id for _, step_id in sorted(due)], min(later, default=None))


def _approved_and_unseen() -> QuerySet[Step]:
    """Steps with entrants that their opening has not looked at, of all events in one query; `gate.GATE` in Django."""
    later = Step.objects.filter(campaign=OuterRef("campaign"), approved_at__gt=OuterRef("approved_at"))
    return Step.objects.filter(
        Q(opened_revision=None)
        | Q(opened_revision__lt=F("campaign__event__revision"))
        | Q(opening_cursor__isnull=False),
        Q(kind=StepKind.ALERT, approved_at__isnull=False)
        & (Q(opened_revision=None) | ~Exists(later.filter(kind=StepKind.ALERT)))
        | ~Q(kind=StepKind.ALERT)
        & Q(
            campaign__state=CampaignState.LIVE,
            campaign__event__incident_hold=False,
            campaign__event__cancelled_at=None,
            approved_date=F("campaign__event__date"),
        ),
        state__in=OPENABLE,
        approved_hash=F("content_hash"),
    ).select_related("campaign__event")


def _worth_it(step: Step, times: Moments, now: datetime) -> bool:
    return step.opened_revision is None or (times.last is not None and now < times.last)


def open_chunk(step_id: int, now: datetime, *, chunk: int = CHUNK) -> Opened | None:
    """Opens the next `chunk` entrants of a step in one transaction.

    None when it is not to be opened now: another opens it, or the plan moved since it was read. Safe to run
    twice at once; who already has a row keeps it.
    """
    with transaction.atomic():
        if not gate.try_lock(gate.OPENING, step_id):
            return None
        # Locked: a pause, a move of the race or a new plan waits, and is not overwritten by the progress below.
        locked = Step.objects.select_for_update(of=("self",), no_key=True)
        step = locked.select_related("campaign__event").get(id=step_id)
        event = step.campaign.event
        field = Field.of(event)
        times = field.moments(step, now)
        if not _may_open(step, event, times, now):
            return None
        if step.opening_cursor is None:
            chunk = min(chunk, FIRST_CHUNK)
        return _open(step, event, field, times, now, chunk)


def _may_open(step: Step, event: Event, times: Moments, now: datetime) -> bool:
    """Nothing opens ahead of its moment; rows that an older plan dated are re-dated first."""
    if step.kind == StepKind.CATCH_UP and catch_up_is_over(event, now):
        return False
    dated = step.dated_version in (0, event.plan_version)
    return dated and times.first is not None and times.first <= now


def _open(step: Step, event: Event, field: Field, times: Moments, now: datetime, chunk: int) -> Opened | None:
    begun = step.opening_revision if step.opening_cursor is not None else event.revision
    params: dict[str, Any] = {
        "step": step.id,
        "event": event.id,
        "plan_version": event.plan_version,
        "cursor": step.opening_cursor or 0,
        "chunk": chunk,
        "now": now,
        "revision": event.revision,
        "channel": step.channel,
        "first_revision": step.first_opened_revision,
        "late_reason": _late_reason(step, event, now),
        "domain": settings.MESSAGE_ID_DOMAIN,
        "salt": secrets.token_bytes(32),
        "second": f"{int(now.timestamp()):08x}",
        "restored_at": _restored_at(),
        "new_to_plan": step.kind == StepKind.CATCH_UP,
        **times.params(),
    }
    gate.by_index()
    with connection.cursor() as cursor:
        cursor.execute(_statement(step, field, params), params)
        allowed, looked_at, last, rows = cursor.fetchone()
    if not allowed:
        return None
    complete, first = looked_at < chunk, step.opening_cursor is None
    _note_progress(step, event, begun or 0, last, complete)
    logger.info("opened", extra={"step": step.id, "event_id": event.id, "rows": rows, "complete": complete})
    return Opened(rows, complete, first)


def _restored_at() -> datetime | None:
    """When a backup was restored that is not reconciled yet: what was due by then may have gone out before."""
    found = Restoration.objects.filter(closed_at=None).order_by("-restored_at").first()
    return found.restored_at if found else None


def _late_reason(step: Step, event: Event, now: datetime) -> str | None:
    """Why a late entrant does not get this step; None when late entrants get it like everyone else."""
    if step.late_entrants == LateEntrants.SEND or step.kind != StepKind.PLANNED:
        return None
    catch_up = Step.objects.filter(campaign=step.campaign, kind=StepKind.CATCH_UP).exclude(
        state=StepState.OFF
    )
    covered = step.late_entrants == LateEntrants.CATCH_UP and not catch_up_is_over(event, now)
    return Reason.COVERED if covered and catch_up.exists() else Reason.TOO_LATE


def catch_up_is_over(event: Event, now: datetime) -> bool:
    """Whether the race is so near that late entrants get service steps only."""
    return now.astimezone(event.zone).date() > event.date - ONLY_SERVICE_FROM


def _note_progress(step: Step, event: Event, begun: int, last: int | None, complete: bool) -> None:
    step.dated_version = event.plan_version
    step.state = StepState.SENDING
    step.opening_revision = begun
    step.opening_cursor = None if complete else last
    if complete:
        step.opened_revision = begun
        if step.first_opened_revision is None:
            step.first_opened_revision = begun
    step.save(
        update_fields=[
            "dated_version",
            "state",
            "opening_revision",
            "opening_cursor",
            "opened_revision",
            "first_opened_revision",
        ]
    )


# "Late" is first visible at a revision above the step's first completed opening, never a time of day.
LATE = "COALESCE(e.visible_revision > %(first_revision)s, FALSE)"

MISSED_A_TIP = """EXISTS (
    SELECT 1 FROM steps p LEFT JOIN deliveries pd ON pd.step_id = p.id AND pd.entrant_id = e.id
    WHERE p.campaign_id = ev.campaign_id AND p.kind = 'planned' AND p.late_entrants = 'catch-up'
        AND p.state <> 'off' AND p.first_opened_revision < e.visible_revision
        AND (pd.id IS NULL OR pd.reason = 'covered'))"""


def _statement(step: Step, field: Field, params: dict[str, Any]) -> str:
    """One chunk: read by entrants_by_event, known rows left out by deliveries_one_a_step_and_entrant.

    The chunk is kept whole, so that each of its entrants is read once, whatever Postgres knows of the tables. The
    event is named, not joined: Postgres then knows whether it is most of the table or a corner of it.

    Who has a row already is asked once for the chunk. With the step locked nobody else adds one meanwhile, so the
    insert need not look again before each row; the unique constraint would refuse a second one.

    A delivery's token ends, and its Message-ID too, in a part of a hash of its entrant under a salt that only this
    statement has: 96 and 64 bits as hard to guess as random ones, and one tells nothing of the other. (Made by
    `gen_random_uuid` they would take seven times as long.) The token begins with the second of its opening, as a
    UUID of version 7 does: the tokens of a chunk stand side by side in their index, and few pages of it are written.

    The guard makes the statement insert nothing when the race moved, or the step lost its approval, between
    the reading of the plan and this insert.
    """
    wanted = field.audience(step).where(params)
    if step.kind == StepKind.CATCH_UP:
        wanted = f"{wanted} AND {MISSED_A_TIP}"
    return f"""
WITH guard AS MATERIALIZED (
    SELECT ev.*, c.id AS campaign_id FROM {gate.STEPS}
    WHERE s.id = %(step)s AND ev.plan_version = %(plan_version)s AND {gate.GATE}
), batch AS MATERIALIZED (
    SELECT e.* FROM entrants e JOIN guard ON TRUE
    WHERE e.event_id = %(event)s AND e.id > %(cursor)s ORDER BY e.id LIMIT %(chunk)s
), {moments.TABLE}, chosen AS (
    SELECT e.id, encode(sha256(%(salt)s::bytea || int8send(e.id)), 'hex') AS code, m.due_at, m.latest_at,
        CASE WHEN {LATE} AND %(late_reason)s::text IS NOT NULL THEN %(late_reason)s::text
             WHEN m.due_at <= %(restored_at)s::timestamptz
                 OR (%(new_to_plan)s AND %(restored_at)s::timestamptz IS NOT NULL) THEN 'restored'
             WHEN m.latest_at <= %(now)s THEN 'too_late' ELSE '' END AS reason
    FROM batch e JOIN guard ev ON TRUE
    JOIN races r ON r.id = e.race_id
    LEFT JOIN waves w ON w.id = e.wave_id
    LEFT JOIN guardians g ON g.entrant_id = e.id
    JOIN moments m ON m.race_id = e.race_id AND m.wave_id IS NOT DISTINCT FROM e.wave_id
    WHERE e.status = 'confirmed'
        AND e.id NOT IN (
            SELECT d.entrant_id FROM deliveries d WHERE d.step_id = %(step)s
                AND d.entrant_id > %(cursor)s AND d.entrant_id <= (SELECT max(id) FROM batch))
        AND {wanted}
    ORDER BY e.id
), inserted AS (
    INSERT INTO deliveries (step_id, entrant_id, channel, state, reason, plan_version, due_at, latest_at,
        token, message_id, attempts, settled_at, held_revision)
    SELECT %(step)s, id, %(channel)s, CASE reason WHEN '' THEN 'due' WHEN 'restored' THEN 'held' ELSE 'skipped' END,
        reason, %(plan_version)s,
        due_at, latest_at, (%(second)s || left(code, 24))::uuid,
        %(step)s || '.' || id || '.' || right(code, 16) || '@' || %(domain)s, 0,
        CASE reason WHEN '' THEN NULL ELSE %(now)s END,
        CASE reason WHEN 'restored' THEN %(revision)s::bigint END
    FROM chosen RETURNING id, state, due_at
), queued AS (
    INSERT INTO outbox (delivery_id, channel, step_id, due_at, claim, holder)
    SELECT id, %(channel)s, %(step)s, due_at, 0, '' FROM inserted WHERE state = 'due'
)
SELECT (SELECT count(*) FROM guard), (SELECT count(*) FROM batch), (SELECT max(id) FROM batch),
    (SELECT count(*) FROM inserted)"""
