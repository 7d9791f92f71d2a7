"""Approval with open eyes: what a preflight finds wrong blocks it, and whom it reached then is kept.

`campaign.approve` binds the words and the plan; this decides whether they may be bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
        super().__init__(f"Nothing is approved. Step '{first.step}': {first.words}{more}")


@dataclass(frozen=True)
class Approved:
    """The steps that were approved, with whom they reach, and what is worth knowing about them."""

    steps: list[StepFigures]
    findings: list[Finding]


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
    seen = {step.name: step.content_hash for step in plans.to_approve(campaign, list(names))}
    if not seen:
        return Approved([], [])
    event = Event.objects.get(id=campaign.event_id)
    report = preflight.look(event, list(seen), most=MADE, progress=progress)
    if report.errors:
        raise Blocked(report.errors)
    with transaction.atomic():
        plans.approve(campaign, who, list(seen))
        _refuse_changed(campaign, event, seen)
        for figures in report.steps:
            campaign.steps.filter(name=figures.name).update(
                approved_audience=figures.audience, approved_recipients=figures.people
            )
    return Approved(report.steps, report.findings)


def _refuse_changed(campaign: Campaign, event: Event, seen: dict[str, str]) -> None:
    """What was bound must be what was looked at: the plan may have been loaded, or the race moved, in between."""
    bound = campaign.steps.filter(state__in=plans.MOVABLE, approved_date=event.date)
    standing = dict(bound.values_list("name", "approved_hash"))
    missed = [name for name, digest in seen.items() if standing.get(name) != digest]
    if missed or plans.to_approve(campaign, []).filter(name__in=seen).exists():
        raise CampaignError(
            f"Step '{(missed or list(seen))[0]}' changed while it was looked at: approve again."
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
