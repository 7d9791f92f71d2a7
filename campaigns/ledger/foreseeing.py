"""Foreseeing: what the claim would say of each entrant at a step's own moment. Changes nothing, opens nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from campaigns import schedule
from campaigns.audience import MINOR_SQL
from campaigns.ledger import eligibility, gate
from campaigns.ledger.claiming import ADDRESS_HASH, Claimed
from campaigns.ledger.moments import Field
from campaigns.models import Event, Step
from campaigns.models.words import Channel, Per


@dataclass(frozen=True, slots=True)
class Foreseen:
    """An entrant, the claim's own word for them at their moment, and the facts their message is rendered from.

    The numbers of delivery and claim in `facts` are the entrant's and 0: there is no delivery yet.
    """

    verdict: str
    family: bytes | None
    """Who has the same is written to together, if due together; None for whoever stands alone."""
    leaves_at: datetime
    """The due moment, or the end of the quiet hours it falls in, or now where that is later (UTC)."""
    facts: Claimed


def foresee(
    step: Step, channel: Channel, now: datetime, *, only: Sequence[int] | None = None
) -> list[Foreseen]:
    """Everyone in the step's audience, or the entrants `only` whoever they are, in entrant order.

    `channel` is the step's own, or that of its fallback. Of a step that has begun, those who still wait for it. The
    verdicts are those of the claim; `email` says that the fallback is asked in turn.
    """
    field = Field.of(step.campaign.event)
    params: dict[str, Any] = {
        "step": step.id,
        "channel": channel,
        "only": list(only or ()),
        "domain": settings.MESSAGE_ID_DOMAIN,
        **_places(step, field, now),
    }
    statement = _statement(field.audience(step).where(params), step, all_in_audience=only is None)
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return [Foreseen(row[0], row[1], row[2], Claimed(*row[3:])) for row in cursor.fetchall()]


def _places(step: Step, field: Field, now: datetime) -> dict[str, Any]:
    """The moments of each race and wave, when the claim would ask there, and when quiet hours let it go."""
    moments = field.moments(step, now)
    quiet = schedule.parse_quiet_hours(step.campaign.quiet_hours)
    asked = [max(now, due) for due in moments.due]
    until = [schedule.after_quiet(moment, quiet, field.event.zone) for moment in asked]
    return {**moments.params(), "asked": asked, "until": until}


def _statement(audience: str, step: Step, *, all_in_audience: bool) -> str:
    """One pass over the event's entrants by entrants_by_event, or over a few by their key.

    `d` and `o` are what an opening would write; who has a delivery already is found by
    deliveries_one_a_step_and_entrant.
    """
    who = (
        f"e.event_id = ev.id AND {audience} AND {_STILL_WAITS}" if all_in_audience else "e.id = ANY(%(only)s)"
    )
    loud, quiet = (eligibility.verdict(audience, quiet=quiet, now="m.asked_at") for quiet in (False, True))
    return f"""
WITH moments (race_id, wave_id, due_at, latest_at, asked_at, quiet_until) AS MATERIALIZED (
    SELECT * FROM unnest(%(races)s::bigint[], %(waves)s::bigint[], %(dues)s::timestamptz[],
        %(latests)s::timestamptz[], %(asked)s::timestamptz[], %(until)s::timestamptz[])
)
SELECT CASE WHEN m.quiet_until > m.asked_at THEN {quiet} ELSE {loud} END,
    {ADDRESS_HASH if step.per == Per.ADDRESS else "NULL::bytea"},
    CASE WHEN o.channel = 'sms' AND NOT s.quiet_exempt THEN m.quiet_until ELSE m.asked_at END,
    e.id, 0, e.id, gen_random_uuid(), e.id::text || '.preview@' || %(domain)s, 0, m.due_at, m.latest_at,
    e.id, CASE o.channel WHEN 'sms' THEN e.mobile ELSE e.email END, e.first_name, e.bib, e.token, e.short_code,
    r.name, r.start, COALESCE(w.name, ''), w.start, r.slug, e.birth_date, COALESCE(e.first_timer, FALSE), {MINOR_SQL},
    {eligibility.agreed("o.channel", ADDRESS_HASH)}
FROM {gate.STEPS} CROSS JOIN entrants e
    JOIN races r ON r.id = e.race_id
    LEFT JOIN waves w ON w.id = e.wave_id
    LEFT JOIN guardians g ON g.entrant_id = e.id
    JOIN moments m ON m.race_id = e.race_id AND m.wave_id IS NOT DISTINCT FROM e.wave_id
    CROSS JOIN LATERAL (SELECT ev.plan_version, m.due_at, m.latest_at) d
    CROSS JOIN (SELECT %(channel)s::text AS channel) o
WHERE s.id = %(step)s AND {who}
ORDER BY e.id"""


# What was sent or settled is done with, and who entered after a step's opening is late for it.
_STILL_WAITS = """(s.first_opened_revision IS NULL OR EXISTS (
    SELECT 1 FROM deliveries x WHERE x.step_id = s.id AND x.entrant_id = e.id AND x.state IN ('due', 'held')))"""


def audience_sizes(event: Event, steps: Sequence[Step]) -> dict[int, int]:
    """How many confirmed entrants each step is for, by the step's id: one pass over them for all steps."""
    if not steps:
        return {}
    field = Field.of(event)
    params: dict[str, Any] = {"event": event.id}
    counts = [
        f"count(*) FILTER (WHERE {field.audience(step).where(params, f'a{step.id}_')})" for step in steps
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {", ".join(counts)} FROM events ev JOIN entrants e ON e.event_id = ev.id
            JOIN races r ON r.id = e.race_id
            LEFT JOIN waves w ON w.id = e.wave_id
            LEFT JOIN guardians g ON g.entrant_id = e.id
            WHERE ev.id = %(event)s AND e.status = 'confirmed'""",
            params,
        )
        return dict(zip((step.id for step in steps), cursor.fetchone(), strict=True))


def kin(entrant_id: int, channel: Channel) -> list[int]:
    """The entrants of the same event who share this one's address on a channel, this one among them.

    Served by entrants_by_email and entrants_by_mobile.
    """
    hash_of = "mobile_hash" if channel == Channel.SMS else "email_hash"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT k.id FROM entrants a JOIN entrants k ON k.event_id = a.event_id
                AND (k.id = a.id OR k.{hash_of} = a.{hash_of})
            WHERE a.id = %s ORDER BY k.id""",
            [entrant_id],
        )
        return [row[0] for row in cursor.fetchall()]
