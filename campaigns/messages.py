"""The messages of an event at a glance: newest version, who uses it, who stands for it. A handful of queries in all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from campaigns.models import Alert, Event, SignOff, Step, Template, Version
from campaigns.models.words import StepKind, StepState


class Signing(StrEnum):
    """How the medical sign-off of a version stands."""

    NOT_NEEDED = "not needed"
    MISSING = "missing"
    ENDED = "ended"
    STANDS = "stands"


@dataclass(frozen=True)
class Overview:
    """One message; `steps` are those of the plan that are not off, `alerts` those of the plan."""

    template: Template
    version: Version
    """The newest, without its source."""
    steps: list[str]
    alerts: list[str]
    sign_off: SignOff | None

    def signing(self, today: date) -> Signing:
        """On `today` of the event's calendar."""
        return signing(self.version, self.sign_off, today)


def signing(version: Version, standing: SignOff | None, today: date) -> Signing:
    """How the sign-off of a version stands on `today` of the event's calendar."""
    if standing is None:
        return Signing.MISSING if version.health else Signing.NOT_NEEDED
    return Signing.ENDED if standing.review_by < today else Signing.STANDS


def overview(event: Event) -> list[Overview]:
    """Every message of the event by channel and name."""
    versions = Version.objects.filter(template__event=event).order_by("template_id", "-number")
    newest = {each.template_id: each for each in versions.distinct("template_id").defer("source")}
    signed = SignOff.objects.filter(version__in=newest.values(), revoked_at=None)
    standing = {each.version_id: each for each in signed}
    steps, alerts = _steps(event), _alerts(event)
    return [
        Overview(template, version, steps[template.id], alerts[template.id], standing.get(version.id))
        for template in event.templates.order_by("channel", "name")
        if (version := newest.get(template.id))
    ]


def users_of(template: Template) -> tuple[list[str], list[str]]:
    """The steps of the plan that use this message and are not off, and the alerts of the plan that do."""
    return _steps(template.event)[template.id], _alerts(template.event)[template.id]


def _steps(event: Event) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    used = (
        Step.objects.filter(campaign__event=event).exclude(kind=StepKind.ALERT).exclude(state=StepState.OFF)
    )
    for name, *templates in used.order_by("position").values_list(
        "name", "template_id", "fallback_template_id"
    ):
        for template in filter(None, templates):
            found[template].append(name)
    return found


def _alerts(event: Event) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    armed = Alert.objects.filter(campaign__event=event, in_plan=True).order_by("position")
    for name, *templates in armed.values_list("name", "email_template_id", "sms_template_id"):
        for template in filter(None, templates):
            found[template].append(name)
    return found
