"""The dead man's alarm: looks at the station from outside the clock, and tells people when it does not go on.

It runs in a process of its own, sends by itself and asks neither the clock nor Redis. What it cannot see, that the
whole machine is gone, somebody elsewhere notices: while all is well it calls ALARM_PING_URL once a minute.
"""

import logging
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.models import Q

from campaigns import clock, providers
from campaigns.channels.outcomes import ChannelDown, Email, Kind, Sms
from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.smtp_url import parse_email_url
from campaigns.models import StaffContact
from campaigns.models.words import CampaignState, Channel
from campaigns.watch import figures, heartbeat
from campaigns.watch.trouble import NO_DATABASE, Trouble, troubles

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks."""

PATIENCE = 60.0
"""Seconds after its own start, and of a Postgres that does not answer, before anything is said, as on restarts."""

AGAIN = 3600.0
"""Seconds after which a trouble that lasts is told again."""

PING_EVERY = 60.0
"""Seconds between two calls that say all is well."""

DOT_TIMEOUT = 30.0
"""Seconds to wait for a mail server to take the alarm: after that it is tried by text."""


@dataclass(frozen=True)
class Reached:
    """Who is told: email addresses and E.164 numbers."""

    emails: tuple[str, ...] = ()
    mobiles: tuple[str, ...] = ()


@dataclass
class Watchman:
    """Looks again and again. `now` is a clock that no change of time turns back, in seconds."""

    now: Callable[[], float] = time.monotonic
    begun: float = field(init=False)
    reached: Reached = field(default_factory=Reached)
    told: dict[str, float] = field(default_factory=dict)
    without_database: float | None = None
    pinged: float | None = None

    def __post_init__(self) -> None:
        self.begun = self.now()

    def look(self) -> list[Trouble]:
        """One look: tells what is new or lasts, tells when it is over, and returns what is wrong now."""
        found = self._found()
        if self.now() - self.begun < PATIENCE:
            return found
        ended = self.told.keys() - {trouble.name for trouble in found}
        fresh = [trouble for trouble in found if self._is_to_be_told(trouble)]
        if fresh:
            self._tell(found)
        elif ended and not found:
            send("Aid Station goes on", ["All is well again."], self.reached)
        for name in ended:
            del self.told[name]
        if not found:
            self._ping()
        return found

    def _found(self) -> list[Trouble]:
        try:
            found = troubles(figures.read())
            heartbeat.beat("watch")
            self.reached = recipients()
        except (Error, ImproperlyConfigured):
            connection.close()  # the next look opens a new one
            self.without_database = self.without_database or self.now()
            return [NO_DATABASE] if self.now() - self.without_database >= PATIENCE else []
        self.without_database = None
        return found

    def _is_to_be_told(self, trouble: Trouble) -> bool:
        told = self.told.get(trouble.name)
        return told is None or self.now() - told >= AGAIN

    def _tell(self, found: list[Trouble]) -> None:
        for trouble in found:
            self.told[trouble.name] = self.now()
            logger.error("alarm", extra={"trouble": trouble.name})
        send("Aid Station needs you", [trouble.words for trouble in found], self.reached)

    def _ping(self) -> None:
        if settings.ALARM_PING_URL and (self.pinged is None or self.now() - self.pinged >= PING_EVERY):
            self.pinged = self.now()
            ping(settings.ALARM_PING_URL)


def recipients() -> Reached:
    """Those of ALARM_EMAIL and ALARM_MOBILE; where neither is set, the staff of events that are not over."""
    if settings.ALARM_EMAIL or settings.ALARM_MOBILE:
        return Reached(tuple(settings.ALARM_EMAIL), tuple(settings.ALARM_MOBILE))
    over = Q(event__campaign__state=CampaignState.DONE) | Q(event__cancelled_at__isnull=False)
    staff = list(StaffContact.objects.filter(event__campaign__isnull=False).exclude(over))
    return Reached(_each(contact.email for contact in staff), _each(contact.mobile for contact in staff))


def send(subject: str, sentences: list[str], to: Reached) -> bool:
    """Mails it to everyone; who cannot be told by mail is told by text. Whether anybody was."""
    mailed = _by_mail(subject, sentences, to.emails)
    texted = not mailed and _by_text(f"{subject}: {sentences[0]}", to.mobiles)
    if not mailed and not texted:
        logger.critical("alarm not delivered", extra={"people": len(to.emails) + len(to.mobiles)})
    return mailed or texted


def ping(url: str) -> bool:
    """Tells a service elsewhere that all is well; when this stops, that service raises its alarm."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - https, checked when settings are read
            return True
    except OSError as error:
        logger.warning("alarm ping failed", extra={"error": type(error).__name__})
        return False


def _each(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({address for address in addresses if address}))


def _by_mail(subject: str, sentences: list[str], to: tuple[str, ...]) -> bool:
    if not to or providers.problem(Channel.EMAIL):
        return False
    mails = [_mail(number, address, subject, sentences) for number, address in enumerate(to)]
    try:
        with closing(SmtpChannel(parse_email_url(settings.EMAIL_URL), dot_timeout=DOT_TIMEOUT)) as server:
            outcomes = list(server.send(mails, lambda: True))
    except ChannelDown:
        return False
    return any(outcome.kind == Kind.ACCEPTED for outcome in outcomes)


def _mail(number: int, address: str, subject: str, sentences: list[str]) -> Email:
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.EMAIL_FROM
    message["To"] = address
    message["Subject"] = subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=settings.MESSAGE_ID_DOMAIN)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Priority"] = "1"
    message.set_content("\n\n".join([*sentences, settings.PUBLIC_URL]))
    return Email(number, parseaddr(settings.EMAIL_FROM)[1], address, message.as_bytes())


def _by_text(words: str, to: tuple[str, ...]) -> bool:
    if not to or providers.problem(Channel.SMS):
        return False
    texts = [Sms(number, mobile, words[:300], "", 3600) for number, mobile in enumerate(to)]
    try:
        with closing(providers.sms()) as twilio:
            outcomes = list(twilio.send(iter(texts), lambda: True))
    except ChannelDown:
        return False
    return any(outcome.kind == Kind.ACCEPTED for outcome in outcomes)
