"""The mailbox that replies go to: somebody has to prove that they read it.

A code goes there by email, and who reads it types it in. It is made of the event and the address, so nothing is
stored until it is right.
"""

import hashlib
import hmac
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from django.conf import settings

from campaigns import clock, providers
from campaigns.channels.outcomes import ChannelDown, Email, Kind
from campaigns.models import Event
from campaigns.models.words import Channel

WORDS = """Hello,

replies to the messages of {event} are to come to this mailbox. If you read it, type in this code

    {code}

on the page of the event, under “Who reads the replies”:

    {page}

(Or by command: aidstation event contact {slug} --confirm {code})

If you know nothing of this, leave this mail alone: without the code nothing happens.
"""


class ContactError(Exception):
    """One sentence for a person: what is wrong with the contact, and what to do."""


def is_confirmed(event: Event) -> bool:
    """Whether somebody has proved that they read the mailbox that replies go to."""
    return bool(event.contact_email) and event.contact_confirmed == event.contact_email


def code_of(event: Event) -> str:
    """The six figures that prove it, for this event and this address alone."""
    said = f"contact/{event.pk}/{event.contact_email}".encode()
    digest = hmac.digest(settings.SECRET_KEY.encode(), said, hashlib.sha256)
    return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"


def ask(event: Event) -> None:
    """Mails the code to the contact. Raises ContactError."""
    if not event.contact_email:
        raise ContactError(f"{event.slug} has no contact: give one with --email.")
    if problem := providers.problem(Channel.EMAIL):
        raise ContactError(problem)
    try:
        with closing(providers.email()) as mail:
            outcome = next(iter(mail.send([_mail(event)], lambda: True)))
    except ChannelDown as down:
        raise ContactError(f"The code could not be sent: {down}") from down
    if outcome.kind != Kind.ACCEPTED:
        raise ContactError(f"The mail server did not take the code: {outcome.detail or outcome.code}")


def confirm(event: Event, code: str) -> None:
    """Notes that the mailbox is read. Raises ContactError for a wrong code."""
    if not event.contact_email or not hmac.compare_digest(code.strip().encode(), code_of(event).encode()):
        raise ContactError(
            "This is not the code that was sent to the contact: look at the newest mail there."
        )
    Event.objects.filter(id=event.id).update(contact_confirmed=event.contact_email)


def _mail(event: Event) -> Email:
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.EMAIL_FROM
    message["To"] = event.contact_email
    message["Subject"] = f"Do you read this mailbox for {event.name}?"
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=settings.MESSAGE_ID_DOMAIN)
    message["Auto-Submitted"] = "auto-generated"
    page = f"{settings.PUBLIC_URL}/e/{event.slug}/event#contact"
    message.set_content(WORDS.format(event=event.name, slug=event.slug, code=code_of(event), page=page))
    return Email(1, parseaddr(settings.EMAIL_FROM)[1], event.contact_email, message.as_bytes())
