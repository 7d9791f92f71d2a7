"""How the alerts of an event stand, and what a person should know about them before race day."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns import clock
from campaigns.alerts.arming import TWO, Arming, arming, asks_for, newest_of_each
from campaigns.models import Alert, Event, Release

RACE_WEEK = timedelta(days=7)
"""Alerts are armed before it begins: nobody should look for a second person at the start line."""


@dataclass(frozen=True)
class Standing:
    """One alert. `asks_for` are the placeholders that somebody types in."""

    alert: Alert
    arming: Arming
    asks_for: list[str]
    releases: list[Release]


def confirming(event: Event) -> list[Alert]:
    """The alerts that one person has armed and that wait for a second: one query where there are none."""
    waiting = list(
        Alert.objects.filter(campaign__event=event, in_plan=True, confirmed_by="")
        .exclude(armed_by="")
        .select_related("campaign__event__organiser", "email_template", "sms_template")
    )
    newest = newest_of_each(waiting) if waiting else {}
    return [alert for alert in waiting if arming(alert, newest[alert.id]) == Arming.CONFIRMING]


def standing(event: Event) -> tuple[list[Standing], list[str]]:
    """The alerts of the event's plan, and what to warn of, in sentences."""
    alerts = list(
        Alert.objects.filter(campaign__event=event, in_plan=True)
        .select_related("campaign__event__organiser", "email_template", "sms_template")
        .prefetch_related("releases")
    )
    newest = newest_of_each(alerts)
    found = [
        Standing(
            alert,
            arming(alert, newest[alert.id]),
            asks_for(alert, newest[alert.id]),
            sorted(alert.releases.all(), key=lambda release: release.number),
        )
        for alert in alerts
    ]
    return found, _warnings(event, found, clock.now())


def _warnings(event: Event, found: list[Standing], now: datetime) -> list[str]:
    warnings = []
    if found and event.alert_approvers < TWO:
        warnings.append("One person alone can arm an alert of this event: nobody else has to see its words.")
    unarmed = [each.alert.name for each in found if each.arming != Arming.ARMED]
    if unarmed and race_week_has_begun(event, now):
        warnings.append(f"Race week has begun and not ready to send: {', '.join(unarmed)}.")
    if found and not event.staff.exists():
        warnings.append(
            f"Nobody can test the alerts: add people with `aidstation event staff add {event.slug}`."
        )
    return warnings


def race_week_has_begun(event: Event, now: datetime) -> bool:
    """From seven days before the race until the end of race day, by the clocks of the race."""
    today = now.astimezone(event.zone).date()
    return event.date - RACE_WEEK <= today <= event.date
