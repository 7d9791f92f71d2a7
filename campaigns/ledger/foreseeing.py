"""Foreseeing: what the claim would say of each entrant at a step's own moment. Changes nothing, opens nothing."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from campaigns import schedule
from campaigns.audience import MINOR_SQL, UNGUARDED_SQL, Audience
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
    """`quiet`: at `leaves_at`, unless that is past its latest time."""
    channel: str
    """The fallback's for whom the step has one and needs it."""
    family: bytes | None
    """Who has the same is written to together, if at the same moment; None for whoever stands alone."""
    leaves_at: datetime
    """The due moment, or the end of the quiet hours it falls in, or now where that is later (UTC)."""
    facts: Claimed

    @property
    def is_sent(self) -> bool:
        """Whether they get a message, be it after quiet hours."""
        return _is_sent(self.verdict, self.leaves_at, self.facts.latest_at)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many entrants of a step have one fate at one moment, and how many messages they are."""

    verdict: str
    channel: str
    leaves_at: datetime
    latest_at: datetime
    people: int
    messages: int
    children: int
    """How many of the people are under 18 on race day, or in a race for children."""

    @property
    def is_sent(self) -> bool:
        """Whether these get a message, be it after quiet hours."""
        return _is_sent(self.verdict, self.leaves_at, self.latest_at)


def _is_sent(verdict: str, leaves_at: datetime, latest_at: datetime) -> bool:
    return verdict == "eligible" or (verdict == "quiet" and leaves_at < latest_at)


def tally(step: Step, now: datetime) -> list[Tally]:
    """Everyone in the step's audience, counted; of a step that has begun, those who still wait for it."""
    statement, params = _statement(step, now, channel=None, only=None)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT verdict, channel, leaves_at, latest_at, count(*), count(DISTINCT COALESCE(family, int8send(id))),
                count(*) FILTER (WHERE is_child)
            FROM ({statement}) foreseen GROUP BY verdict, channel, leaves_at, latest_at
            ORDER BY leaves_at, verdict, channel""",
            params,
        )
        return [Tally(*row) for row in cursor.fetchall()]


def foresee(
    step: Step,
    now: datetime,
    *,
    channel: Channel | None = None,
    only: Sequence[int] | None = None,
    most: int | None = None,
) -> Iterator[Foreseen]:
    """The same people one by one, families together; or the entrants `only`, whoever they are.

    `channel` asks for that channel and no other. `most` ends after so many, taken from all over the audience.
    """
    statement, params = _statement(step, now, channel=channel, only=only)
    # A cursor in the database is three more turns, which a few people are not worth.
    with connection.chunked_cursor() if only is None else connection.cursor() as cursor:
        cursor.execute(
            f"{statement} ORDER BY {ADDRESS_HASH}, e.id LIMIT %(most)s",
            params | {"most": most},
        )
        for verdict, by, family, leaves_at, *facts in cursor:
            yield Foreseen(verdict, by, bytes(family) if family else None, leaves_at, Claimed(*facts))


def _statement(
    step: Step, now: datetime, *, channel: Channel | None, only: Sequence[int] | None
) -> tuple[str, dict[str, Any]]:
    field = Field.of(step.campaign.event)
    params: dict[str, Any] = {
        "step": step.id,
        "channel": channel,
        "only": list(only or ()),
        "domain": settings.MESSAGE_ID_DOMAIN,
        **_places(step, field, now),
    }
    audience = field.audience(step).where(params)
    who = f"e.event_id = ev.id AND {audience} AND {_STILL_WAITS}" if only is None else "e.id = ANY(%(only)s)"
    return _sql(audience, who, by_address=step.per == Per.ADDRESS), params


def _places(step: Step, field: Field, now: datetime) -> dict[str, Any]:
    """The moments of each race and wave, when the claim would ask there, and when quiet hours let it go."""
    moments = field.moments(step, now)
    quiet = schedule.parse_quiet_hours(step.campaign.quiet_hours)
    asked = [max(now, due) for due in moments.due]
    until = [schedule.after_quiet(moment, quiet, field.event.zone) for moment in asked]
    return {**moments.params(), "asked": asked, "until": until}


def _sql(audience: str, who: str, *, by_address: bool) -> str:
    """One pass over the event's entrants by entrants_by_event, or over a few by their key.

    `d` and `o` are what an opening would write, and `o` what the claim would make of it: a fallback is a change of
    channel, after which it asks once more. Who has a delivery already is found by
    deliveries_one_a_step_and_entrant.
    """
    loud, quiet = (eligibility.verdict(audience, quiet=quiet, now="m.asked_at") for quiet in (False, True))
    return f"""
WITH moments (race_id, wave_id, due_at, latest_at, asked_at, quiet_until) AS MATERIALIZED (
    SELECT * FROM unnest(%(races)s::bigint[], %(waves)s::bigint[], %(dues)s::timestamptz[],
        %(latests)s::timestamptz[], %(asked)s::timestamptz[], %(until)s::timestamptz[])
)
SELECT CASE WHEN m.quiet_until > m.asked_at THEN {quiet} ELSE {loud} END AS verdict, o.channel,
    {ADDRESS_HASH if by_address else "NULL::bytea"} AS family,
    CASE WHEN o.channel = 'sms' AND NOT s.quiet_exempt THEN m.quiet_until ELSE m.asked_at END AS leaves_at,
    e.id, 0 AS claim, e.id AS carrier, gen_random_uuid(), e.id::text || '.preview@' || %(domain)s, 0 AS attempts,
    m.due_at, m.latest_at, e.id AS entrant, CASE o.channel WHEN 'sms' THEN e.mobile ELSE e.email END, e.first_name,
    e.bib, e.token, e.short_code,
    r.name, r.start, COALESCE(w.name, ''), w.start, r.slug, e.birth_date, COALESCE(e.first_timer, FALSE),
    {MINOR_SQL} AS is_child,
    {eligibility.agreed("o.channel", ADDRESS_HASH)}
FROM {gate.STEPS} CROSS JOIN entrants e
    JOIN races r ON r.id = e.race_id
    LEFT JOIN waves w ON w.id = e.wave_id
    LEFT JOIN guardians g ON g.entrant_id = e.id
    JOIN moments m ON m.race_id = e.race_id AND m.wave_id IS NOT DISTINCT FROM e.wave_id
    CROSS JOIN LATERAL (SELECT ev.plan_version, m.due_at, m.latest_at) d
    CROSS JOIN LATERAL (
        SELECT COALESCE(%(channel)s::text, CASE {loud} WHEN 'email' THEN 'email' ELSE s.channel END) AS channel
        FROM (SELECT s.channel) o) o
WHERE s.id = %(step)s AND {who}"""


# What was sent or settled is done with, and who entered after a step's opening is late for it. A step that the move
# of its race closed again opens anew: whom it reached before is passed over, and who was left out is asked again
# while the new moment lies ahead.
_STILL_WAITS = """(s.first_opened_revision IS NULL OR EXISTS (
    SELECT 1 FROM deliveries x WHERE x.step_id = s.id AND x.entrant_id = e.id AND x.state IN ('due', 'held')))
    AND NOT EXISTS (
    SELECT 1 FROM deliveries x WHERE x.step_id = s.id AND x.entrant_id = e.id
        AND x.state NOT IN ('due', 'held') AND (x.state <> 'skipped' OR m.due_at < m.asked_at))"""


def went_to(steps: Sequence[Step]) -> dict[int, int]:
    """To how many entrants each step went already, by the step's id; those it never left for are not in it.

    Served by deliveries_one_a_step_and_entrant.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT step_id, count(*) FROM deliveries
            WHERE step_id = ANY(%(steps)s) AND state NOT IN ('due', 'held', 'skipped') GROUP BY step_id""",
            {"steps": [step.id for step in steps]},
        )
        return dict(cursor.fetchall())


class Crowd(NamedTuple):
    """Confirmed entrants in an audience, the children without a guardian among them, and those there would be once
    every child had one."""

    size: int
    unguarded: int
    waiting: int

    @property
    def ready(self) -> int:
        """Those whom nothing holds that somebody has to put right."""
        return self.size - self.unguarded


def audience_sizes(event: Event, steps: Sequence[Step]) -> dict[int, int]:
    """How many confirmed entrants each step is for, by the step's id: one pass over them for all steps."""
    return {step: crowd.size for step, crowd in audience_crowds(event, steps).items()}


def audience_crowds(event: Event, steps: Sequence[Step]) -> dict[int, Crowd]:
    """The same, with who among them waits for a guardian."""
    counted = audience_counts(Field.of(event), {step.audience for step in steps}) if steps else {}
    return {step.id: counted[step.audience] for step in steps}


def audience_counts(field: Field, texts: Collection[str]) -> dict[str, Crowd]:
    """The confirmed entrants of each of these audiences, by its words: one pass over them for all."""
    if not texts:
        return {}
    params: dict[str, Any] = {"event": field.event.id}
    audiences = [field.audience_of(text) for text in texts]
    counts = [f"count(*) FILTER (WHERE {which})" for one in audiences for which in _crowd(one, params)]
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
        found = cursor.fetchone()
    return {text: Crowd(*found[3 * at : 3 * at + 3]) for at, text in enumerate(texts)}


def _crowd(audience: Audience, params: dict[str, Any]) -> tuple[str, str, str]:
    """The conditions of a Crowd's three counts."""
    unguarded = f"{UNGUARDED_SQL} AND {audience.where(params)}"
    if audience.once_guarded == audience:  # the same words, so that Postgres counts them once
        return audience.where(params), unguarded, unguarded
    return audience.where(params), unguarded, f"{UNGUARDED_SQL} AND {audience.once_guarded.where(params)}"


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
