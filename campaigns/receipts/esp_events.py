"""What a mail provider's event means for the attempt it is about, and for the address. Pure.

django-anymail gives one shape to the events of all providers. Only whether a bounce proves a bad address has to be
asked of each in its own words: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html,
https://postmarkapp.com/developer/api/bounce-api, https://documentation.mailgun.com/docs/mailgun/user-manual/tracking-messages.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType  # type: ignore[import-untyped]

from campaigns.models.receipts import Standing


class Code(StrEnum):
    """What an event asks for beyond its own message; stands as the receipt's code."""

    NONE = ""
    HARD = "hard"  # there is no such mailbox
    SOFT = "soft"  # not delivered this time
    POLICY = "policy"  # refused for what we are or wrote: says nothing of the address
    COMPLAINT = "complaint"
    UNSUBSCRIBED = "unsubscribed"


STANDINGS = {
    EventType.QUEUED: Standing.ON_ITS_WAY,
    EventType.SENT: Standing.ON_ITS_WAY,
    EventType.DEFERRED: Standing.ON_ITS_WAY,
    EventType.DELIVERED: Standing.DELIVERED,
    EventType.AUTORESPONDED: Standing.DELIVERED,
    EventType.COMPLAINED: Standing.DELIVERED,
    EventType.UNSUBSCRIBED: Standing.DELIVERED,
    EventType.BOUNCED: Standing.NOT_DELIVERED,
    EventType.REJECTED: Standing.NOT_DELIVERED,
    EventType.FAILED: Standing.NOT_DELIVERED,
}
"""Opens and clicks are not here: who reads what is nobody's business, and such an event is not kept."""

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.\d{1,3}\b")


def code(provider: str, event: AnymailTrackingEvent) -> Code:
    """What the event asks for."""
    if event.event_type == EventType.COMPLAINED:
        return Code.COMPLAINT
    if event.event_type == EventType.UNSUBSCRIBED:
        return Code.UNSUBSCRIBED
    if STANDINGS.get(event.event_type) != Standing.NOT_DELIVERED:
        return Code.NONE
    said = by_status(event.mta_response or "")
    return said if said != Code.NONE else _of_bounce(provider, event)


def by_status(words: str) -> Code:
    """What the enhanced status (RFC 3463) in a mail server's words says; NONE where there is none."""
    match = _ENHANCED.search(words)
    if match is None:
        return Code.NONE
    if match[1] != "5":
        return Code.SOFT
    return {"1": Code.HARD, "7": Code.POLICY}.get(match[2], Code.SOFT)


def _of_bounce(provider: str, event: AnymailTrackingEvent) -> Code:
    """Where the receiving server's words are missing: the provider's own verdict."""
    said: Mapping[str, Any] = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    hard = {
        "amazon-ses": lambda: _inside(said, "bounce", "bounceType") == "Permanent",
        "postmark": lambda: said.get("Type") in ("HardBounce", "BadEmailAddress"),
        "mailgun": lambda: (
            _inside(said, "event-data", "severity") == "permanent"
            and _inside(said, "event-data", "reason") in ("bounce", "suppress-bounce")
        ),
    }
    asked = hard.get(provider)
    return Code.HARD if asked is not None and asked() else Code.SOFT


def _inside(said: Mapping[str, Any], outer: str, inner: str) -> object:
    value = said.get(outer)
    return value.get(inner) if isinstance(value, Mapping) else None
