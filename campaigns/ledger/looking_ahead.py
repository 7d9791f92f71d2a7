"""Looking ahead: what the plan still holds for one entrant, by the very rules of the claim. Changes nothing."""

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
    field = Field.of(entrant.event)
    params: dict[str, Any] = {"entrant": entrant.id, "now": now}
    steps = campaign.steps.filter(kind=StepKind.PLANNED).exclude(state=StepState.OFF)
    asked = [_one_step(step, entrant, field, params) for step in steps]
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(asked)} ORDER BY due_at, id", params)
        return [_Row(*row) for row in cursor.fetchall()]


def _one_step(step: Step, entrant: Entrant, field: Field, params: dict[str, Any]) -> str:
    """The claim's verdict on a delivery of this step as an opening would make it, or as it stands in the queue.

    Served by the keys of its tables and deliveries_one_a_step_and_entrant.
    """
    moments = field.moments(step, params["now"])
    place = list(zip(moments.races, moments.waves, strict=True)).index((entrant.race_id, entrant.wave_id))
    due, latest = f"due{step.id}", f"latest{step.id}"
    params |= {due: moments.due[place], latest: moments.latest[place]}
    verdict = eligibility.verdict(field.audience(step).where(params), quiet=False)
    return f"""(
    SELECT s.id, s.name, o.channel, s.version_id, s.fallback_version_id, d.due_at, {verdict} AS verdict,
        s.state IN ('approved', 'sending', 'done') AND s.approved_hash = s.content_hash
            AND s.approved_date = ev.date AND {gate.SIGNED_OFF} AS approved
    FROM {gate.STEPS} JOIN entrants e ON e.event_id = ev.id
    JOIN races r ON r.id = e.race_id LEFT JOIN waves w ON w.id = e.wave_id
    LEFT JOIN guardians g ON g.entrant_id = e.id
    LEFT JOIN deliveries x ON x.step_id = s.id AND x.entrant_id = e.id
    CROSS JOIN LATERAL (SELECT ev.plan_version, %({due})s::timestamptz AS due_at,
        %({latest})s::timestamptz AS latest_at) d
    CROSS JOIN LATERAL (SELECT COALESCE(x.channel, s.channel) AS channel) o
    WHERE s.id = {step.id} AND e.id = %(entrant)s AND COALESCE(x.state, 'due') = 'due' AND ev.cancelled_at IS NULL)"""
