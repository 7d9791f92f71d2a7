"""Arming: two people stand for an alert's words beforehand, so that one can send it when it is needed.

An edit un-arms by itself: what was armed is a hash of all that an entrant would read. A moved or cancelled race does
not: "cancelled" and "postponed" must be ready at that very moment, and their date is the event's or typed in.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from campaigns import clock, content, rendering, sign_off
from campaigns.alerts.sample import sample, sample_message
from campaigns.content import replies
from campaigns.models import Alert, Event, Version
from campaigns.models.words import Channel

TWO = 2


class AlertError(Exception):
    """One sentence for a person: what cannot be done with this alert, and what to do."""


class Arming(StrEnum):
    """How ready an alert is."""

    OFF = "off"
    UNARMED = "unarmed"
    CONFIRMING = "confirming"
    ARMED = "armed"


def alert_named(event: Event, name: str) -> Alert:
    """The event's alert of that name. Raises AlertError, naming the nearest or the known ones."""
    alerts = Alert.objects.filter(campaign__event=event).select_related("campaign__event__organiser")
    if found := alerts.filter(name=name).first():
        return found
    known = list(alerts.filter(in_plan=True).values_list("name", flat=True))
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"its plan has {', '.join(known) or 'none'}."
    raise AlertError(f"There is no alert '{name}': {hint}")


Versions = Mapping[Channel, Version]
"""The words of an alert, by channel."""


def arming(alert: Alert, versions: Versions | None = None) -> Arming:
    """How ready an alert is by its words of now, which are read unless they are given."""
    if not alert.in_plan:
        return Arming.OFF
    if not alert.armed_by or alert.armed_hash != words_hash(alert, versions or newest(alert)):
        return Arming.UNARMED
    enough = alert.confirmed_by or alert.campaign.event.alert_approvers < TWO
    return Arming.ARMED if enough else Arming.CONFIRMING


def newest(alert: Alert) -> dict[Channel, Version]:
    """The words that would be armed now, by channel."""
    templates = {Channel.EMAIL: alert.email_template, Channel.SMS: alert.sms_template}
    return {
        channel: template.versions.select_related("template__event").latest("number")
        for channel, template in templates.items()
        if template
    }


def newest_of_each(alerts: Collection[Alert]) -> dict[int, dict[Channel, Version]]:
    """`newest` of several alerts by their ids, in one query however many they are."""
    templates = {id_ for alert in alerts for id_ in (alert.email_template_id, alert.sms_template_id) if id_}
    versions = Version.objects.filter(template__in=templates).order_by("template", "-number")
    found = {
        version.template_id: version
        for version in versions.distinct("template").select_related("template__event")
    }
    return {
        alert.id: {
            channel: found[template]
            for channel, template in (
                (Channel.EMAIL, alert.email_template_id),
                (Channel.SMS, alert.sms_template_id),
            )
            if template
        }
        for alert in alerts
    }


def words_hash(alert: Alert, versions: Versions) -> str:
    """Of all that arming binds: the words on each channel, and for how long they are worth reading."""
    bound = {channel: version.content_hash for channel, version in versions.items()}
    return hashlib.sha256(json.dumps([bound, str(alert.expires)], sort_keys=True).encode()).hexdigest()


def asks_for(alert: Alert, versions: Versions | None = None) -> list[str]:
    """The placeholders that somebody has to type in, at arming or at sending."""
    used = {
        name
        for version in (versions or newest(alert)).values()
        for name in rendering.outline_of(version.id).placeholders
    }
    return sorted(used & content.TYPED)


def typed(alert: Alert, values: Mapping[str, str]) -> dict[str, str]:
    """The values as they are printed. Raises AlertError for a word that the alert does not use, or a bad value."""
    known = asks_for(alert)
    for name in values:
        if name not in known:
            asks = f"it asks for {', '.join(known)}" if known else "it asks for nothing"
            raise AlertError(f"Alert '{alert.name}' does not use '{name}': {asks}.")
    try:
        return {name: content.typed_value(name, value) for name, value in values.items()}
    except content.ContentError as error:
        raise AlertError(f"Alert '{alert.name}': {error}.") from error


def _refuse_replies(alert: Alert, versions: Versions) -> None:
    """Raises AlertError for a text that asks to be answered and comes from a name."""
    sender = settings.TWILIO_ALERT_FROM or (
        "" if settings.TWILIO_MESSAGING_SERVICE_SID else settings.TWILIO_FROM
    )
    text = versions.get(Channel.SMS)
    if text is not None and (wrong := replies.problem(sender, text.source)):
        raise AlertError(f"Alert '{alert.name}' cannot be armed: {wrong}.")


@transaction.atomic
def arm(alert: Alert, who: str, values: Mapping[str, str]) -> Arming:
    """Arms an alert, or confirms what another armed; `values` may be given now or when it is sent.

    Raises AlertError when the same person would confirm, when other values are armed already, or when the alert
    could not be sent: its words have no sign-off, or need something that the event does not have.
    """
    locked = locked_alert(alert)
    state, given = arming(locked), typed(locked, values)
    if state == Arming.OFF:
        raise AlertError(f"The plan has no alert '{locked.name}' any more: load one that has.")
    if state == Arming.UNARMED:
        return _arm_first(locked, who, given)
    _refuse_other_values(locked, given)
    return _confirm(locked, who) if state == Arming.CONFIRMING else state


def _arm_first(alert: Alert, who: str, given: dict[str, str]) -> Arming:
    versions = newest(alert)
    _refuse_unsigned(alert, versions)
    _refuse_replies(alert, versions)
    refuse_unrenderable(alert, versions, given)
    alert.values, alert.armed_hash = given, words_hash(alert, versions)
    alert.armed_by, alert.armed_at = who, clock.now()
    alert.confirmed_by, alert.confirmed_at = "", None
    alert.email_version, alert.sms_version = versions.get(Channel.EMAIL), versions.get(Channel.SMS)
    alert.save()
    return arming(alert)


def _confirm(alert: Alert, who: str) -> Arming:
    if same_person(who, alert.armed_by):
        raise AlertError(
            f"{alert.armed_by} armed '{alert.name}' and cannot confirm it: a second person does, with --as."
        )
    alert.confirmed_by, alert.confirmed_at = who, clock.now()
    alert.save(update_fields=["confirmed_by", "confirmed_at"])
    return arming(alert)


def same_person(one: str, other: str) -> bool:
    """Whether two names on the command line are one person's."""
    return one.strip().casefold() == other.strip().casefold()


def _refuse_other_values(alert: Alert, given: Mapping[str, str]) -> None:
    """Who confirms, confirms what stands there."""
    for name, value in given.items():
        if alert.values.get(name) != value:
            stands = f"{name}={alert.values[name]}" if name in alert.values else f"no {name}"
            raise AlertError(
                f"'{alert.name}' is armed with {stands}: disarm it first, or give {name} when you send it."
            )


def _refuse_unsigned(alert: Alert, versions: Mapping[Channel, Version]) -> None:
    day = alert.campaign.event.date
    problems = [problem for version in versions.values() if (problem := sign_off.problem(version, day))]
    if problems:
        raise AlertError(f"'{alert.name}' cannot be armed: {'; '.join(problems)}.")


def refuse_unrenderable(alert: Alert, versions: Versions, values: Mapping[str, str]) -> None:
    """Tries the words on an invented entrant; what is typed in later has its example meanwhile."""
    examples = {name: content.PLACEHOLDERS[name].example for name in content.TYPED}
    for channel, version in versions.items():
        message = sample_message(alert, version, examples | dict(values))
        try:
            sample(message, alert, clock.now())
        except content.ContentError as error:
            raise AlertError(f"'{alert.name}' cannot be sent by {channel} as it stands: {error}.") from error


@transaction.atomic
def disarm(alert: Alert) -> bool:
    """Takes an arming back; False when there was none. What was sent stays sent."""
    locked = locked_alert(alert)
    was_armed = bool(locked.armed_by)
    locked.values, locked.armed_hash, locked.armed_by, locked.confirmed_by = {}, "", "", ""
    locked.armed_at = locked.confirmed_at = locked.email_version = locked.sms_version = None
    locked.save()
    return was_armed


def locked_alert(alert: Alert) -> Alert:
    """The alert, for this transaction alone to change; `no_key`, so that what refers to it need not wait."""
    rows = Alert.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("campaign__event__organiser", "email_template", "sms_template").get(
        id=alert.id
    )
