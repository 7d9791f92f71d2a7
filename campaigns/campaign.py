"""A plan file becomes an event's campaign; approval binds its steps; it is started, paused, moved and stopped."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import F, QuerySet

from campaigns import clock, content, ledger, revision, sign_off
from campaigns.audience import AudienceError, parse
from campaigns.ledger.moments import Field
from campaigns.models import Campaign, Event, Race, Step, Template, Version, Wave
from campaigns.models.words import CampaignState, Channel, Per, Purpose, StepKind, StepState
from campaigns.plan import CATCH_UP_NAME, Plan, PlannedAlert, PlannedStep

MOVABLE = (StepState.APPROVED, StepState.SENDING, StepState.DONE)
"""States of a step that stands approved: a change of what it binds asks for approval again."""

EDITABLE = (*MOVABLE, StepState.PAUSED)
"""States that an edit turns into waiting: a step that its provider stopped goes on with other words."""

CATCH_UP_LATEST = timedelta(hours=24)

Check = Callable[[str, str, str], content.FrontMatter]
"""Channel, name and source of a message to what its head says; raises ContentError."""


class CampaignError(Exception):
    """One sentence for a person: what cannot be done with this campaign, and what to do."""


@dataclass(frozen=True)
class Sources:
    """Where message sources are read from: one folder with `email`, `sms` and `layouts` below it."""

    folder: Path

    def read(self, channel: str, name: str, of: str) -> str:
        """The source of a message. Raises CampaignError naming what it is `of` when there is none."""
        file = self.folder / channel / f"{name}.{'md' if channel == Channel.EMAIL else 'txt'}"
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CampaignError(
                f"{of} needs the message {channel}/{file.name}, which cannot be read: "
                f"write it, or name another template in the plan."
            ) from error


@transaction.atomic
def load(event: Event, plan: Plan, sources: Sources, check: Check) -> Campaign:
    """Brings the event's campaign to the plan: steps are added, changed in place or switched off.

    `check` compiles a message. An unchanged step keeps its
    approval and what it has sent; a step that is no longer in the plan is switched off, and one with the same
    name and another channel is refused. Raises CampaignError, and then nothing has changed.
    """
    Event.objects.select_for_update(no_key=True).get(id=event.id)
    campaign, created = Campaign.objects.update_or_create(
        event=event, defaults={"name": plan.name, "quiet_hours": str(plan.quiet_hours or "")}
    )
    wanted = [step_fields(number, step) for number, step in enumerate(plan.steps, start=1)]
    if plan.catch_up:
        wanted.append(_catch_up_fields(len(wanted) + 1, plan))
    for fields in wanted:
        save_step(campaign, fields, sources, check)
    names = [fields["name"] for fields in wanted]
    campaign.steps.exclude(name__in=names).exclude(kind=StepKind.ALERT).update(state=StepState.OFF)
    _save_alerts(campaign, plan.alerts, sources, check)
    plan_changed(event, by=0 if created else 1)
    return campaign


def plan_changed(event: Event, *, by: int = 1) -> None:
    """The last act of a transaction that changed a plan: drains give back, and rows are dated anew."""
    Event.objects.filter(id=event.id).update(plan_version=F("plan_version") + by)
    ledger.bump_stop_signal()
    revision.bump(event.id)


def step_fields(number: int, step: PlannedStep) -> dict[str, object]:
    """The columns of a planned step at that position, for `save_step`."""
    return {
        "kind": StepKind.PLANNED,
        "name": step.name,
        "position": number,
        "channel": step.channel,
        "template": step.template,
        "fallback": step.fallback,
        "when": str(step.when),
        "audience": step.audience,
        "purpose": step.purpose,
        "latest": step.latest,
        "late_entrants": step.late_entrants,
        "per": step.per,
        "quiet_exempt": step.quiet_exempt,
        "enabled": step.enabled,
    }


def _catch_up_fields(number: int, plan: Plan) -> dict[str, object]:
    assert plan.catch_up is not None
    return {
        "kind": StepKind.CATCH_UP,
        "name": CATCH_UP_NAME,
        "position": number,
        "channel": Channel.EMAIL,
        "template": plan.catch_up.template,
        "fallback": "",
        "when": "",
        "audience": "adults",
        "purpose": Purpose.TIPS,
        "latest": CATCH_UP_LATEST,
        "late_entrants": "skip",
        "per": Per.ADDRESS,
        "quiet_exempt": False,
        "enabled": True,
    }


def save_step(campaign: Campaign, fields: dict[str, object], sources: Sources, check: Check) -> None:
    """Adds a step or changes it in place; what an approval of it bound asks for approval again.

    Raises CampaignError for an unknown word in its audience, a message that cannot be used, or another channel.
    """
    name, channel = str(fields["name"]), str(fields["channel"])
    _check_audience(campaign.event, name, str(fields["audience"]))
    of = f"Step '{name}'"
    version = _version(campaign.event, channel, str(fields.pop("template")), of, sources, check)
    fallback_channel = str(fields.pop("fallback"))
    fallback = (
        _version(campaign.event, fallback_channel, version.template.name, of, sources, check)
        if fallback_channel
        else None
    )
    enabled = fields.pop("enabled")
    fields |= {"template": version.template, "fallback_template": fallback.template if fallback else None}
    content_hash = bound_hash(fields, version, fallback)
    # Locked: an opening's progress, or a pause by a drain, is not overwritten with what was read here.
    step = campaign.steps.select_for_update(no_key=True).filter(name=name).first()
    if step is None:
        state = StepState.WAITING if enabled else StepState.OFF
        campaign.steps.create(**fields, state=state, content_hash=content_hash)
        return
    if step.channel != channel:
        raise CampaignError(
            f"Step '{name}' goes by {step.channel} and its messages are in the ledger: "
            f"give the step by {channel} another name."
        )
    _change_step(step, fields, content_hash, enabled=bool(enabled))


def _change_step(step: Step, fields: dict[str, object], content_hash: str, *, enabled: bool) -> None:
    for field, value in fields.items():
        setattr(step, field, value)
    if not enabled:
        step.state = StepState.OFF
    elif step.state == StepState.OFF or (step.content_hash != content_hash and step.state in EDITABLE):
        step.state = StepState.WAITING
    step.content_hash = content_hash
    step.save()


def _save_alerts(campaign: Campaign, alerts: Sequence[PlannedAlert], sources: Sources, check: Check) -> None:
    """An alert that the plan has no more cannot be sent any more; what was armed is un-armed by an edit alone."""
    for number, alert in enumerate(alerts, start=1):
        templates = {
            channel: _version(campaign.event, channel, name, f"Alert '{alert.name}'", sources, check).template
            for channel, name in ((Channel.EMAIL, alert.email), (Channel.SMS, alert.sms))
            if name
        }
        campaign.alerts.update_or_create(
            name=alert.name,
            defaults={
                "position": number,
                "email_template": templates.get(Channel.EMAIL),
                "sms_template": templates.get(Channel.SMS),
                "expires": alert.expires,
                "in_plan": True,
            },
        )
    campaign.alerts.exclude(name__in=[alert.name for alert in alerts]).update(in_plan=False)


def _check_audience(event: Event, step: str, text: str) -> None:
    races = list(Race.objects.filter(event=event).values_list("slug", flat=True))
    waves = list(Wave.objects.filter(race__event=event).values_list("name", flat=True))
    try:
        parse(text, races, waves)
    except AudienceError as error:
        raise CampaignError(f"Step '{step}', audience: {error}") from error


def _version(event: Event, channel: str, name: str, of: str, sources: Sources, check: Check) -> Version:
    """The version with the source's very words: the newest if it is unchanged, else a new one."""
    source = sources.read(channel, name, of)
    try:
        front = check(channel, name, source)
    except content.ContentError as error:
        raise CampaignError(f"{of}: {error}") from error
    template, _ = Template.objects.get_or_create(event=event, channel=channel, name=name)
    return version_saying(template, source, health=front.health)


def version_saying(template: Template, source: str, *, health: bool) -> Version:
    """The newest version if it has these very words, else a new one; the caller holds the event's lock."""
    digest = hashlib.sha256(source.encode()).hexdigest()
    newest = template.versions.order_by("-number").first()
    if newest and newest.content_hash == digest:
        return newest
    return template.versions.create(
        number=newest.number + 1 if newest else 1,
        source=source,
        content_hash=digest,
        health=health,
        created_at=clock.now(),
    )


BOUND = (
    "kind", "name", "channel", "when", "audience", "purpose", "latest", "late_entrants", "per", "quiet_exempt",
)  # fmt: skip
"""What of a step an approval binds, beside its words and the event's date."""


def bound_hash(fields: Mapping[str, object], version: Version, fallback: Version | None) -> str:
    """Of all that an approval of a step with these fields binds but the event's date."""
    bound = {name: str(fields[name]) for name in BOUND}
    bound |= {"content": version.content_hash, "fallback": fallback.content_hash if fallback else ""}
    return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()


@transaction.atomic
def approve(campaign: Campaign, who: str, steps: list[str]) -> int:
    """Approves the named steps (all that wait, when none is named) as they stand, and returns how many.

    A step that was stopped because its provider refused its message goes on only when it is named. Raises
    CampaignError, and approves none, when the medical sign-off of one is missing or ends before it is sent.
    """
    event = Event.objects.select_for_update(no_key=True).get(id=campaign.event_id)
    locked = to_approve(campaign, steps).select_for_update(of=("self",), no_key=True)
    waiting = list(locked.select_related("template", "fallback_template").order_by("id"))
    _refuse_unsigned(waiting, event)
    for step in waiting:
        _approve_step(step, event, who)
    if waiting and campaign.state == CampaignState.DRAFT:
        Campaign.objects.filter(id=campaign.id).update(state=CampaignState.APPROVED)
    return len(waiting)


def to_approve(campaign: Campaign, names: list[str]) -> QuerySet[Step]:
    """The steps that an approval of these names (all that wait, when none is named) is about. Raises CampaignError."""
    states = [StepState.DRAFT, StepState.WAITING, *([StepState.PAUSED] if names else [])]
    return _named(campaign, names).filter(state__in=states)


def _refuse_unsigned(steps: list[Step], event: Event) -> None:
    field = Field.of(event)
    found = {
        (version, problem)
        for step in steps
        for version in versions_to_approve(step)
        if (problem := sign_off.problem(version, last_day(step, field)))
    }
    if not found:
        return
    named = sorted({f"{version.template.channel}/{version.template.name}" for version, _ in found})
    raise CampaignError(
        f"Nothing is approved: {'; '.join(sorted({problem for _, problem in found}))}. A clinician who has read it "
        f"signs with `aidstation template sign-off {event.slug} {' '.join(named)} --reviewer NAME --review-by DATE`."
    )


def versions_to_approve(step: Step) -> list[Version]:
    """The newest words of a step, and of its fallback if it has one: what an approval would bind."""
    templates = [step.template, *([step.fallback_template] if step.fallback_template else [])]
    return [template.versions.select_related("template__event").latest("number") for template in templates]


def last_day(step: Step, field: Field) -> date:
    """The last day, in the event's zone, on which a step becomes due for anyone."""
    event = field.event
    if step.kind == StepKind.CATCH_UP:
        return event.date - ledger.ONLY_SERVICE_FROM
    if step.kind == StepKind.ALERT:
        return event.date
    due = field.moments(step, clock.now()).due
    return max(due).astimezone(event.zone).date() if due else event.date


def _approve_step(step: Step, event: Event, who: str) -> None:
    """What was opened before stays opened: such a step goes on sending what is left of it."""
    step.version, step.fallback_version = (*versions_to_approve(step), None)[:2]
    step.approved_hash, step.approved_date = step.content_hash, event.date
    step.approved_by, step.approved_at = who, clock.now()
    step.approved_audience = step.approved_recipients = step.approved_ready = None
    step.approved_emails = step.approved_texts = step.approved_segments = None
    step.approved_left_out = {}
    step.state = StepState.APPROVED if step.first_opened_revision is None else StepState.SENDING
    step.state_reason = ""
    step.save()


def _named(campaign: Campaign, names: list[str]) -> QuerySet[Step]:
    planned = campaign.steps.exclude(kind=StepKind.ALERT)
    steps = planned.exclude(state=StepState.OFF)
    if not names:
        return steps
    known = set(planned.values_list("name", flat=True))
    if unknown := [name for name in names if name not in known]:
        raise CampaignError(
            f"There is no step '{unknown[0]}' in this campaign: it has {', '.join(sorted(known))}."
        )
    return steps.filter(name__in=names)


@transaction.atomic
def change_state(campaign: Campaign, state: CampaignState, allowed_from: tuple[CampaignState, ...]) -> None:
    """Starts, pauses, resumes or stops: one row, and every drain is told before its next hand-over."""
    locked = Campaign.objects.select_for_update(no_key=True).get(id=campaign.id)
    if locked.state == state:
        return
    if locked.state not in allowed_from:
        raise CampaignError(
            f"The campaign is {locked.state}: only one that is {' or '.join(allowed_from)} can become {state}."
        )
    since = {"live_since": clock.now()} if state == CampaignState.LIVE else {}
    Campaign.objects.filter(id=campaign.id).update(state=state, **since)
    ledger.bump_stop_signal()


def start(campaign: Campaign) -> None:
    """Lets approved steps go out from now on."""
    if not campaign.steps.exclude(kind=StepKind.ALERT).filter(state__in=MOVABLE).exists():
        raise CampaignError("No step is approved yet: run `aidstation campaign approve` first.")
    change_state(campaign, CampaignState.LIVE, (CampaignState.APPROVED,))


def pause(campaign: Campaign) -> None:
    """Nothing more leaves within 2 seconds; everything stays in its place."""
    change_state(campaign, CampaignState.PAUSED, (CampaignState.LIVE,))


def resume(campaign: Campaign) -> None:
    """Goes on where the pause began; what has passed its latest time meanwhile is skipped."""
    change_state(campaign, CampaignState.LIVE, (CampaignState.PAUSED,))


def stop(campaign: Campaign) -> None:
    """Ends the campaign for good."""
    states = (CampaignState.DRAFT, CampaignState.APPROVED, CampaignState.LIVE, CampaignState.PAUSED)
    change_state(campaign, CampaignState.STOPPED, states)


@transaction.atomic
def hold(event: Event, *, on: bool) -> None:
    """The incident hold: stops everything planned and keeps alerts; off again by a person."""
    changed = Event.objects.filter(id=event.id, incident_hold=not on).update(incident_hold=on)
    if changed and not on:
        Campaign.objects.filter(event=event, state=CampaignState.LIVE).update(live_since=clock.now())
    ledger.bump_stop_signal()


@transaction.atomic
def move_race(event: Event, day: date) -> int:
    """Moves the race to another day and returns how many steps ask for approval again.

    What was sent stays sent; the tick re-dates the rest. A step opened earlier whose new moment lies ahead opens
    anew then: who entered meanwhile is not late for it. Of one whose moment stays past, they stay late.
    """
    locked = Event.objects.select_for_update(no_key=True).get(id=event.id)
    if locked.date == day:
        return 0
    locked.date = day
    locked.plan_version += 1
    locked.save(update_fields=["date", "plan_version"])
    steps = Step.objects.filter(campaign__event=event).exclude(kind=StepKind.ALERT)
    steps.filter(id__in=_still_to_come(locked, steps)).update(
        first_opened_revision=None, opened_revision=None, opening_cursor=None, opening_revision=None
    )
    asked = steps.filter(state__in=MOVABLE).update(state=StepState.WAITING)
    ledger.bump_stop_signal()
    revision.bump(event.id)
    return asked


def _still_to_come(event: Event, steps: QuerySet[Step]) -> list[int]:
    """The planned steps whose first moment lies ahead, by the date that the event has now."""
    now, field = clock.now(), Field.of(event)
    first = {step.id: field.moments(step, now).first for step in steps.filter(kind=StepKind.PLANNED)}
    return [step_id for step_id, moment in first.items() if moment is None or moment > now]


@transaction.atomic
def cancel_event(event: Event) -> int:
    """Cancels the race: no planned message leaves any more. Returns how many deliveries were still to come."""
    Event.objects.filter(id=event.id, cancelled_at=None).update(cancelled_at=clock.now())
    dropped = ledger.cancel(event.id, clock.now())
    ledger.bump_stop_signal()
    revision.bump(event.id)
    return dropped
