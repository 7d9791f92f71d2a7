"""How the people behind an event read moments, counts and reasons, in pages and in mails. Pure."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo


def topic(name: str) -> str:
    """A step's or message's name as a title: "back-warm-up" is "Back warm up"."""
    return name.replace("-", " ").capitalize()


def day(on: date) -> str:
    """ "Tue 3 Aug 2027"."""
    return f"{on:%a} {on.day} {on:%b %Y}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """ "Tue 3 Aug 2027, 10:00" by that zone's clock."""
    local = at.astimezone(zone)
    return f"{day(local)}, {local:%H:%M}"


def count(number: int, one: str, many: str = "") -> str:
    """ "1 entrant", "4,790 entrants"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def texts(number: int, paid: int) -> str:
    """ "366 texts", "366 texts (you pay for 732: long ones count as several)"."""
    return count(number, "text") + (
        f" (you pay for {paid:,}: long ones count as several)" if paid != number else ""
    )


WAITS_FOR_SECOND = "waits for a second person"
"""How an alert stands that one of two people has armed."""

CHANNELS = {"email": "email", "sms": "text"}

REASONS = {
    "no_consent": "they have not agreed to it",
    "suppressed": "stopped, or a bad address",
    "withdrawn": "withdrawn or held",
    "no_address": "no email address",
    "not_mobile": "no mobile number",
    "minor": "a child without a guardian's address",
    "missing_value": "something in the message is not known of them",
    "too_late": "too late to be worth reading",
    "covered": "a newer message says it",
    "not_in_audience": "not in the audience any more",
    "cancelled": "the race was cancelled",
    "provider_refused": "refused by the provider",
    "expired": "not delivered in time",
    "restored": "may have had it before a backup was restored: somebody has to say",
}
"""Why a delivery did not reach somebody; `reason` knows what differs by channel."""


def agreement(channel: str, purpose: str) -> str:
    """What somebody has to agree to for such a message: "texts", "tips by email"; every text needs a yes to texts."""
    by = "by text" if channel == "sms" else "by email"
    if purpose == "service":
        return "texts" if channel == "sms" else f"news {by}"
    return f"{'sponsors’ messages' if purpose == 'sponsor' else purpose} {by}"


def not_agreed(channel: str, purpose: str) -> str:
    """ "have not agreed to tips by email": behind whoever it is said of."""
    return f"have not agreed to {agreement(channel, purpose)}"


def reason(word: str, channel: str, purpose: str) -> str:
    """Why a delivery of such a message did not reach somebody, to stand behind a colon."""
    if word == "no_consent":
        return f"they {not_agreed(channel, purpose)}"
    return "no mobile number" if word == "no_address" and channel == "sms" else REASONS.get(word, word)


LEFT_OUT = {
    "suppressed": "have opted out or cannot be reached",
    "withdrawn": "have withdrawn",
    "not_mobile": "have no mobile",
    "minor": "are children without a guardian",
    "missing_value": "lack a value that the words need",
    "held": "are held until somebody releases them",
    "too_late": "would get it too late",
    "not_in_audience": "are not in the audience",
    "covered": "are covered by the catch-up",
}


def left_out(word: str, channel: str, purpose: str) -> str:
    """Why people are left out of a step, as a preflight counts them: behind their number."""
    if word == "no_consent":
        return not_agreed(channel, purpose)
    if word == "no_address":
        return "have no mobile number" if channel == "sms" else "have no email address"
    return LEFT_OUT.get(word, word.replace("_", " "))
