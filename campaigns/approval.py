"""Approval with open eyes: what a preflight finds wrong blocks it, and whom it reached then is kept.

`campaign.approve` binds the words and the plan; this decides whether they may be bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from campaigns import campaign as plans
from campaigns import ledger, preflight
from campaigns.campaign import CampaignError
from campaigns.ledger.moments import Field
from campaigns.models import Campaign, Event, Step
from campaigns.models.words import CampaignState, StepKind, StepState
from campaigns.preflight import Finding, StepFigures
from campaigns.preflight.checks import GROWN

MADE = 20_000
"""Entrants a step whose messages are made before an approval; `campaign preflight` makes everyone's."""

BEFORE = (timedelta(hours=2), timedelta(hours=24), timedelta(hours=72))
"""How long before its moment a step that stands unapproved is brought to mind, once for each."""


class Blocked(CampaignError):
    """What has to be put right before these steps can be approved."""

    def __init__(self, errors: Sequence[Finding]) -> None:
        self.errors = list(errors)
        first = self.errors[0]
        more = (
            f" (and {len(self.errors) - 1} more: see `aidstation campaign preflight`)"
            if self.errors[1:]
            else ""
        )
        where = f"Step '{first.step}': " if first.step else ""
        super().__init__(f"Nothing is approved. {where}{first.words}{more}")


@dataclass(frozen=True)
class Approved:
    """The steps that were approved, with whom they reach, and what is worth knowing about them."""

    steps: list[StepFigures]
    findings: list[Finding]


@dataclass(frozen=True)
class Seen:
    """What an approval would bind, as it was when somebody began to look at it."""

    day: date
    plan_version: int
    steps: dict[str, str]
    """The content hash of each step by its name."""
    versions: dict[str, list[int]]
    """The words of each, and of its fallback."""

    def plain(self) -> dict[str, Any]:
        """For a JSON column."""
        return asdict(self) | {"day": self.day.isoformat()}

    @classmethod
    def restored(cls, values: dict[str, Any]) -> Seen:
        return cls(**(values | {"day": date.fromisoformat(values["day"])}))


def note(campaign: Campaign, names: Sequence[str]) -> Seen:
    """Notes the named steps that can be approved, or all that wait. Raises CampaignError."""
    event = Event.objects.get(id=campaign.event_id)
    found = list(plans.to_approve(campaign, list(names)).select_related("template", "fallback_template"))
    return Seen(
        event.date,
        event.plan_version,
        {step.name: step.content_hash for step in found},
        {step.name: [version.id for version in plans.versions_to_approve(step)] for step in found},
    )


def approve(
    campaign: Campaign,
    who: str,
    names: Sequence[str] = (),
    *,
    progress: preflight.Progress = preflight.silent,
) -> Approved:
    """Approves the named steps, or all that wait, unless a preflight of them finds an error.

    Raises Blocked, or CampaignError when one changed while it was looked at; then none is approved.
    """
    seen = note(campaign, names)
    if not seen.steps:
        return Approved([], [])
    event = Event.objects.get(id=campaign.event_id)
    report = preflight.look(event, list(seen.steps), most=MADE, progress=progress)
    return approve_seen(campaign, who, seen, report)


@transaction.atomic
def approve_seen(campaign: Campaign, who: str, seen: Seen, report: preflight.Report) -> Approved:
    """Approves exactly what was looked at, as it was then.

    Raises Blocked for what the report says is wrong, and CampaignError when plan, words or the race's day changed
    meanwhile, or an audience grew by more than a fifth; then none is approved. Who is on the list now may be others:
    an approval does not bind people.
    """
    if report.errors:
        raise Blocked(report.errors)
    # Locked first: what the plan is from here on, it is until the approval stands.
    event = Event.objects.select_for_update(no_key=True).get(id=campaign.event_id)
    _refuse_changed(campaign, event, seen, report)
    plans.approve(campaign, who, list(seen.steps))
    for figures in report.steps:
        campaign.steps.filter(name=figures.name).update(
            approved_audience=figures.audience,
            approved_recipients=figures.people,
            approved_ready=figures.ready,
            approved_emails=figures.emails,
            approved_texts=figures.texts,
            approved_segments=figures.segments,
            approved_left_out=dict(figures.left_out),
        )
    return Approved(report.steps, report.findings)


def _refuse_changed(campaign: Campaign, event: Event, seen: Seen, report: preflight.Report) -> None:
    now = note(campaign, list(seen.steps))
    for name, digest in seen.steps.items():
        if now.steps.get(name) != digest or now.versions.get(name) != seen.versions[name]:
            raise CampaignError(f"Step '{name}' changed while it was looked at: approve again.")
    if (now.day, now.plan_version) != (seen.day, seen.plan_version):
        raise CampaignError("The race or its plan changed while this was looked at: look again.")
    steps = list(campaign.steps.filter(name__in=seen.steps))
    sizes, ids = ledger.audience_sizes(event, steps), {step.name: step.id for step in steps}
    for figures in report.steps:
        size = sizes[ids[figures.name]]
        if size > figures.audience * GROWN:
            raise CampaignError(
                f"Step '{figures.name}' was looked at for {figures.audience:,} people and is for {size:,} now: "
                "look again."
            )


@dataclass(frozen=True)
class Unapproved:
    """A step that stands unapproved near its moment (UTC); `within` is the shortest of `BEFORE` that holds."""

    step: Step
    moment: datetime
    within: timedelta


def unapproved(now: datetime) -> list[Unapproved]:
    """What owners and approvers are to be told of: steps due within 72 hours that wait for approval, soonest first.

    Of campaigns that have not ended, of races that were not cancelled.
    """
    waiting = Step.objects.filter(
        kind=StepKind.PLANNED,
        state__in=(StepState.DRAFT, StepState.WAITING),
        campaign__event__cancelled_at=None,
    ).exclude(campaign__state__in=(CampaignState.STOPPED, CampaignState.DONE))
    found = []
    for step in waiting.select_related("campaign__event"):
        moment = Field.of(step.campaign.event).moments(step, now).first
        if moment and now < moment <= now + max(BEFORE):
            within = min(before for before in BEFORE if moment <= now + before)
            found.append(Unapproved(step, moment, within))
    return sorted(found, key=lambda one: one.moment)


def grown(event: Event, steps: Sequence[Step]) -> dict[str, int]:
    """The audiences of today, by step, that have grown by more than a fifth since the step was approved."""
    counted = [
        step
        for step in steps
        if step.approved_audience is not None and step.state in plans.MOVABLE and step.opened_revision is None
    ]
    sizes = ledger.audience_sizes(event, counted)
    return {
        step.name: sizes[step.id]
        for step in counted
        if step.approved_audience is not None and sizes[step.id] > step.approved_audience * GROWN
    }
