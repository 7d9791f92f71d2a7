"""Who carries the messages, as the environment names them: a mail server and Twilio."""

import ipaddress
import math
from urllib.parse import urlsplit

from django.conf import settings

from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.smtp_url import parse_email_url
from campaigns.channels.twilio import TwilioChannel
from campaigns.channels.twilio_look_ups import TwilioLookUps
from campaigns.models.words import Channel

SLOWEST_ANSWER = 0.4
"""Seconds that Twilio may take for an answer while a drain still keeps to its rate."""

MOST_IN_FLIGHT = 40
"""Requests of one drain under way at once: two drains keep below the hundred or so that Twilio takes of an account."""


def email() -> SmtpChannel:
    """A channel to the mail server of EMAIL_URL."""
    return SmtpChannel(parse_email_url(settings.EMAIL_URL), connections=settings.EMAIL_CONNECTIONS)


def sms() -> TwilioChannel:
    """A channel to the Twilio account of the environment."""
    return TwilioChannel(
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_AUTH_TOKEN,
        sender=settings.TWILIO_MESSAGING_SERVICE_SID or settings.TWILIO_FROM,
        base_url=settings.TWILIO_BASE_URL or None,
        in_flight=in_flight(settings.SMS_RATE),
    )


def sms_look_ups() -> TwilioLookUps:
    """A way to ask the same account what became of texts."""
    return TwilioLookUps(
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_AUTH_TOKEN,
        base_url=settings.TWILIO_BASE_URL or None,
    )


def in_flight(rate: float | None) -> int:
    """How many requests one drain keeps under way to fill a rate, in texts a second; None is no limit.

    No more than that: what is under way when a process is killed is in doubt.
    """
    return MOST_IN_FLIGHT if rate is None else min(MOST_IN_FLIGHT, math.ceil(rate * SLOWEST_ANSWER) + 1)


def reports_back() -> bool:
    """Whether Twilio can reach us at PUBLIC_URL: it refuses texts whose callback is on the sender's own machine.

    A stand-in on this machine can reach this machine.
    """
    ours, theirs = (urlsplit(url).hostname or "" for url in (settings.PUBLIC_URL, settings.TWILIO_BASE_URL))
    return not is_loopback(ours) or is_loopback(theirs)


def problem(channel: Channel) -> str:
    """One sentence on why nothing can be sent on this channel as it is set up; empty when it can."""
    return _email_problem() if channel == Channel.EMAIL else _sms_problem()


def _email_problem() -> str:
    if not settings.EMAIL_URL:
        return "EMAIL_URL is not set: give it as smtp://user:password@host:587?tls=starttls."
    try:
        server = parse_email_url(settings.EMAIL_URL)
    except ValueError as error:
        return str(error)
    return _only_loopback("EMAIL_URL", server.host)


def _sms_problem() -> str:
    needed = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
    if missing := [name for name in needed if not getattr(settings, name)]:
        return f"{missing[0]} is not set: texts need your Twilio account."
    if not (settings.TWILIO_FROM or settings.TWILIO_MESSAGING_SERVICE_SID):
        return "Neither TWILIO_FROM nor TWILIO_MESSAGING_SERVICE_SID is set: texts need a sender."
    return _only_loopback("TWILIO_BASE_URL", urlsplit(settings.TWILIO_BASE_URL).hostname or "api.twilio.com")


def _only_loopback(variable: str, host: str) -> str:
    """The demo writes to invented people: nothing of it may leave this machine."""
    if not settings.DEMO or is_loopback(host):
        return ""
    return f"The demo sends to this machine only, and {variable} names {host}: unset it."


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its address; of names only localhost is believed."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
