"""Alerts: messages held ready. Two people arm one beforehand, one sends it at once.

Pages and commands call this; it knows neither. Whom an alert reaches is decided by the ledger alone.
"""

from campaigns.alerts.arming import AlertError, Arming, alert_named, arm, arming, asks_for, disarm
from campaigns.alerts.pressing import NobodyReached, Pressed, press
from campaigns.alerts.sending_time import Sending, sendings
from campaigns.alerts.standing import Standing, standing
from campaigns.alerts.testing import Tested, send_test

__all__ = [
    "AlertError",
    "Arming",
    "NobodyReached",
    "Pressed",
    "Sending",
    "Standing",
    "Tested",
    "alert_named",
    "arm",
    "arming",
    "asks_for",
    "disarm",
    "press",
    "send_test",
    "sendings",
    "standing",
]
