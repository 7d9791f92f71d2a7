"""Looking ahead: what the plan still holds for one entrant, by the very rules of the claim. Changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from campaigns.ledger import eligibility, gate
from campaigns.ledger.moments import Field
from campaigns.models import Entrant, Step
from campaigns.models.words import CampaignState, StepKind, StepState


@dataclass(frozen=True, slots=True)
class Coming:
    """A planned message as things stand: `channel` is the fallback's where there is no usable mobile."""

    step_id: int
    step: str
    channel: str
    version_id: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one step of the plan holds for one entrant who has not had it yet."""

    step: str
    channel: str
    purpose: str
    due_at: datetime
    verdict: str
    """The claim's own word: `eligible`, `email` for the fallback, or why they are left out."""
    approved: bool
    """Whether it stands approved as it is, for this date, with its sign-offs."""

    @property
    def goes(self) -> bool:
        """Whether they get it as soon as it is approved."""
        return self.verdict in ("eligible", "email")


def coming(entrant: Entrant, now: datetime) -> list[Coming]:
    """What this entrant is still to get of the approved plan, in the order of its moments.

    A message that is in the queue already counts as coming; one that was sent, skipped or is held does not.
    """
    return [
        Coming(
            row.step_id,
            row.step,
            "email" if row.verdict == "email" else row.channel,
            row.fallback if row.verdict == "email" else row.version,
            row.due_at,
        )
        for row in _look(entrant, now)
        if row.approved and row.verdict in ("eligible", "email")
    ]


def prospects(entrant: Entrant, now: datetime) -> list[Prospect]:
    """All that the plan still holds for this entrant and what becomes of it, in the order of its moments.

    Also what nobody has approved yet and what they are left out of, with the reason. What was sent or skipped, and
    what is held, stands in the ledger and not here.
    """
    return [
        Prospect(
            row.step,
            "email" if row.verdict == "email" else row.channel,
            row.purpose,
            row.due_at,
            row.verdict,
            row.approved,
        )
        for row in _look(entrant, now)
    ]


class _Row(NamedTuple):
    step_id: int
    step: str
    channel: str
    purpose: str
    version: int
    fallback: int
    due_at: datetime
    verdict: str
    approved: bool


def _look(entrant: Entrant, now: datetime) -> list[_Row]:
    """Every step that is not switched off, in one query."""
    campaign = getattr(entrant.event, "campaign", None)
    if campaign is None or campaign.state in (CampaignState.STOPPED, CampaignState.DONE):
        return []
    steps = list(campaign.steps.filter(kind=StepKind.PLANNED).exclude(state=StepState.OFF))
    if not steps:
        return []
    field = Field.of(entrant.event)
    params: dict[str, Any] = {"entrant": entrant.id, "now": now, **_moments(steps, entrant, field, now)}
    with connection.cursor() as cursor:
        cursor.execute(_statement(_audiences(steps, field, params)), params)
        return [_Row(*row) for row in cursor.fetchall()]


def _moments(steps: Sequence[Step], entrant: Entrant, field: Field, now: datetime) -> dict[str, Any]:
    """When each step is due for this entrant's race and wave, and until when it is worth sending."""
    found = [field.moments(step, now) for step in steps]
    place = list(zip(found[0].races, found[0].waves, strict=True)).index((entrant.race_id, entrant.wave_id))
    return {
        "steps": [step.id for step in steps],
        "dues": [moments.due[place] for moments in found],
        "latests": [moments.latest[place] for moments in found],
    }


def _audiences(steps: Sequence[Step], field: Field, params: dict[str, Any]) -> str:
    """Whether the entrant is in the audience of the row's step: steps with the same words are asked together."""
    by_words: dict[str, list[Step]] = {}
    for step in steps:
        by_words.setdefault(step.audience, []).append(step)
    asked = []
    for alike in by_words.values():
        name = f"alike{alike[0].id}"
        params[name] = [step.id for step in alike]
        condition = field.audience(alike[0]).where(params)
        asked.append(f"WHEN s.id = ANY(%({name})s::bigint[]) THEN {condition}")
    return f"(CASE {' '.join(asked)} ELSE FALSE END)"


def _statement(audience: str) -> str:
    """The claim's verdict on a delivery of each step as an opening would make it, or as it stands in the queue.

    One statement for all steps: planning one for each takes longer than answering it. Served by the keys of its tables
    and deliveries_one_a_step_and_entrant.
    """
    return f"""
WITH asked (step_id, due_at, latest_at) AS MATERIALIZED (
    SELECT * FROM unnest(%(steps)s::bigint[], %(dues)s::timestamptz[], %(latests)s::timestamptz[])
)
SELECT s.id, s.name, o.channel, s.purpose, s.version_id, s.fallback_version_id, d.due_at,
    {eligibility.verdict(audience, quiet=False)} AS verdict,
    s.state IN ('approved', 'sending', 'done') AND s.approved_hash = s.content_hash
        AND s.approved_date = ev.date AND {gate.SIGNED_OFF} AS approved
FROM {gate.STEPS} JOIN asked ON asked.step_id = s.id
JOIN entrants e ON e.event_id = ev.id
JOIN races r ON r.id = e.race_id LEFT JOIN waves w ON w.id = e.wave_id
LEFT JOIN guardians g ON g.entrant_id = e.id
LEFT JOIN deliveries x ON x.step_id = s.id AND x.entrant_id = e.id
CROSS JOIN LATERAL (SELECT ev.plan_version, asked.due_at, asked.latest_at) d
CROSS JOIN LATERAL (SELECT COALESCE(x.channel, s.channel) AS channel) o
WHERE e.id = %(entrant)s AND COALESCE(x.state, 'due') = 'due' AND ev.cancelled_at IS NULL
ORDER BY due_at, id"""
