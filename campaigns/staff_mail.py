"""Plain mails to the people behind an event: made alike, handed over at once, outside the ledger."""

from collections.abc import Sequence
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from django.conf import settings

from campaigns import clock, providers
from campaigns.channels.outcomes import ChannelDown, Email, Kind
from campaigns.models.words import Channel


def mail(key: int, to: str, subject: str, words: str) -> Email:
    """One plain mail; `key` is what `taken` knows it by."""
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.EMAIL_FROM
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=settings.MESSAGE_ID_DOMAIN)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words)
    return Email(key, parseaddr(settings.EMAIL_FROM)[1], to, message.as_bytes())


def taken(mails: Sequence[Email]) -> set[int]:
    """Hands them over and returns the keys of those that the mail server took; the others may be tried again."""
    if not mails or providers.problem(Channel.EMAIL):
        return set()
    done: set[int] = set()
    try:
        with closing(providers.email()) as server:
            done |= {
                outcome.key
                for outcome in server.send(list(mails), lambda: True)
                if outcome.kind == Kind.ACCEPTED
            }
    except ChannelDown:
        return done
    return done
