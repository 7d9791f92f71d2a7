"""Alerts: messages held ready. Two people arm one beforehand, one sends it at once.

Pages and commands call this; it knows neither. Whom an alert reaches is decided by the ledger alone.
"""

from campaigns.alerts.arming import AlertError, Arming, alert_named, arm, arming, asks_for, disarm, newest
from campaigns.alerts.pressing import NobodyReached, Pressed, press
from campaigns.alerts.reaching import known
from campaigns.alerts.sample import Shown, shown
from campaigns.alerts.sending_time import Sending, sendings
from campaigns.alerts.standing import Standing, confirming, standing
from campaigns.alerts.testing import Tested, send_test

__all__ = [
    "AlertError",
    "Arming",
    "NobodyReached",
    "Pressed",
    "Sending",
    "Shown",
    "Standing",
    "Tested",
    "alert_named",
    "arm",
    "arming",
    "asks_for",
    "confirming",
    "disarm",
    "known",
    "newest",
    "press",
    "send_test",
    "sendings",
    "shown",
    "standing",
]
