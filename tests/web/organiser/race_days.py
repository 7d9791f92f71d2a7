"""Events on their race day, for the pages that send alerts: none yet, armed, sent."""

from __future__ import annotations

from armed import ANN, BOB, block
from people import a_step, load
from reigate import make_entrant

from campaigns import alerts
from campaigns.models import Alert, Event, StaffContact


def with_alerts(event: Event, state: str = "one") -> Alert:
    """The event's heat alert; `state` "armed" has been armed by two, "sent" pressed as well. Safe to call again."""
    if found := Alert.objects.filter(campaign__event=event, name="heat").first():
        return found
    load(event, a_step(), block("heat"), block("delay"), block("all-clear"))
    StaffContact.objects.create(event=event, name="Robin", email="robin@example.org", mobile="+447700900999")
    heat = alerts.alert_named(event, "heat")
    if not event.entrants.exists():
        make_entrant(event)
    if state in ("armed", "sent"):
        alerts.arm(heat, ANN, {"temp": "29"})
        alerts.arm(heat, BOB, {})
    if state == "sent":
        press(heat)
    return heat


def press(alert: Alert, token: str = "") -> alerts.Pressed:
    return alerts.press(
        alert, ANN, name_typed=alert.name, values={}, expires=None, token=token, wake=lambda channel: None
    )
