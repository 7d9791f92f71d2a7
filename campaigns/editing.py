"""The plan that an event has now, and one step of it changed by itself, by the same code that loads a whole plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from django.db import transaction
from django.db.models import Max

from campaigns import campaign as plans
from campaigns import plan as files
from campaigns import schedule
from campaigns.campaign import CampaignError, Check, Sources
from campaigns.models import Campaign, Delivery, Event, Step, Version
from campaigns.models.words import Channel, StepKind, StepState
from campaigns.plan import CatchUp, Plan, PlannedAlert, PlannedStep

ALERTS = "alert-"
"""How the names of messages begin that are held ready and never timed."""


@dataclass(frozen=True)
class StoredSources(Sources):
    """The event's own messages in their newest versions; what it does not have yet comes from the folder."""

    event: Event

    def read(self, channel: str, name: str, of: str) -> str:
        newest = Version.objects.filter(
            template__event=self.event, template__channel=channel, template__name=name
        )
        found = newest.order_by("-number").values_list("source", flat=True).first()
        return super().read(channel, name, of) if found is None else found

    def names(self, channel: Channel) -> list[str]:
        """The messages that a step by that channel can send; those for alerts are left out."""
        own = set(self.event.templates.filter(channel=channel).values_list("name", flat=True))
        ready = {file.stem for file in (self.folder / channel).glob("*.*")}
        return sorted(name for name in own | ready if not name.startswith(ALERTS))


def plan_of(campaign: Campaign) -> Plan:
    """The event's plan as it stands: loading it again changes nothing."""
    steps = campaign.steps.select_related("template").exclude(kind=StepKind.ALERT)
    caught = [step for step in steps if step.kind == StepKind.CATCH_UP and step.state != StepState.OFF]
    alerts = campaign.alerts.filter(in_plan=True).select_related("email_template", "sms_template")
    return Plan(
        name=campaign.name,
        quiet_hours=schedule.parse_quiet_hours(campaign.quiet_hours),
        steps=tuple(planned(step) for step in steps if step.kind == StepKind.PLANNED),
        catch_up=CatchUp(caught[0].template.name) if caught else None,
        alerts=tuple(
            PlannedAlert(
                name=alert.name,
                email=alert.email_template.name if alert.email_template else "",
                sms=alert.sms_template.name if alert.sms_template else "",
                expires=alert.expires,
            )
            for alert in alerts.order_by("position")
        ),
    )


def planned(step: Step) -> PlannedStep:
    """A step as its plan says it."""
    return PlannedStep(
        name=step.name,
        channel=cast(files.Channel, str(step.channel)),
        template=step.template.name,
        when=schedule.parse_when(step.when),
        audience=step.audience,
        purpose=cast(files.Purpose, str(step.purpose)),
        latest=step.latest,
        late_entrants=cast(files.LateEntrants, str(step.late_entrants)),
        fallback="email" if step.fallback_template_id else "",
        per=cast(files.Per, str(step.per)),
        enabled=step.state != StepState.OFF,
        quiet_exempt=step.quiet_exempt,
    )


@transaction.atomic
def add_step(campaign: Campaign, step: PlannedStep, sources: Sources, check: Check) -> None:
    """Puts a new step at the end of the plan, where it waits for approval. Raises CampaignError."""
    _lock(campaign)
    if campaign.steps.filter(name=step.name).exists():
        raise CampaignError(f"There is a step '{step.name}' already: give this one another name.")
    last = campaign.steps.filter(kind=StepKind.PLANNED).aggregate(last=Max("position"))["last"] or 0
    plans.save_step(campaign, plans.step_fields(last + 1, step), sources, check)
    plans.plan_changed(campaign.event)


@transaction.atomic
def change_step(campaign: Campaign, step: PlannedStep, sources: Sources, check: Check) -> None:
    """Changes the step of that name: it alone asks for approval again, and what it sent stays sent.

    Raises CampaignError.
    """
    _lock(campaign)
    found = named(campaign, step.name)
    plans.save_step(campaign, plans.step_fields(found.position, step), sources, check)
    plans.plan_changed(campaign.event)


@transaction.atomic
def switch_step(campaign: Campaign, name: str, sources: Sources, check: Check, *, on: bool) -> None:
    """Switches a step off, so that nothing of it leaves any more, or on again, to wait for approval."""
    change_step(campaign, replace(planned(named(campaign, name)), enabled=on), sources, check)


@transaction.atomic
def delete_step(campaign: Campaign, name: str) -> None:
    """Takes a step that has never been opened out of the plan. Raises CampaignError for any other."""
    _lock(campaign)
    # An opening that is under way ends first.
    step = Step.objects.select_for_update().get(id=named(campaign, name).id)
    if step.first_opened_revision is not None or Delivery.objects.filter(step=step).exists():
        raise CampaignError(f"Step '{name}' has messages in the ledger: switch it off instead.")
    step.delete()
    plans.plan_changed(campaign.event)


def named(campaign: Campaign, name: str) -> Step:
    """The planned step of that name. Raises CampaignError."""
    step = campaign.steps.select_related("template").filter(kind=StepKind.PLANNED, name=name).first()
    if step is None:
        raise CampaignError(f"There is no step '{name}' in this plan.")
    return step


def _lock(campaign: Campaign) -> None:
    Event.objects.select_for_update(no_key=True).get(id=campaign.event_id)
