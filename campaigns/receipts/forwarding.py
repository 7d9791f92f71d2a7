"""Mails the texts that people wrote to the contact of their event, the urgent ones first."""

from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from campaigns import clock, providers
from campaigns.channels.outcomes import ChannelDown, Email, Kind
from campaigns.models import InboundText
from campaigns.models.receipts import InboundKind
from campaigns.models.words import Channel

AT_ONCE = 20

WORDS = """{who} wrote {how} on {when}:

    {body}

{urgent}{stranger}They were told that nobody reads this live and to call 999 in an emergency. To answer, write to
or call them yourself: {address}

All that runners of this event wrote: aidstation inbox {slug}
"""

URGENT = "It may speak of an emergency: look at it first.\n"
STRANGER = "Nobody is entered with this number: you get it since yours is the race nearest to today.\n"


def is_due() -> bool:
    """Whether a text waits to be mailed. Served by inbound_texts_to_forward."""
    return _waiting().exists()


@transaction.atomic
def forward() -> int:
    """Mails up to `AT_ONCE` texts and returns how many the mail server took; the others wait for the next time.

    A process that dies in between mails a text twice rather than never.
    """
    if providers.problem(Channel.EMAIL):
        return 0
    locked = _waiting().select_for_update(skip_locked=True, of=("self",), no_key=True)
    texts = {
        text.pk: text
        for text in locked.select_related("event", "entrant").order_by("-urgent", "id")[:AT_ONCE]
    }
    taken = _taken([_mail(text) for text in texts.values()])
    InboundText.objects.filter(pk__in=taken).update(forwarded_at=clock.now())
    return len(taken)


def _waiting() -> QuerySet[InboundText]:
    return InboundText.objects.filter(
        forwarded_at=None, kind=InboundKind.TEXT, event__isnull=False, body__gt=""
    ).exclude(event__contact_email="")


def _taken(mails: list[Email]) -> list[int]:
    taken: list[int] = []
    try:
        with closing(providers.email()) as server:
            taken += [
                outcome.key for outcome in server.send(mails, lambda: True) if outcome.kind == Kind.ACCEPTED
            ]
    except ChannelDown:
        return taken
    return taken


def _mail(text: InboundText) -> Email:
    event, entrant = text.event, text.entrant
    assert event is not None
    who = f"{entrant.first_name} {entrant.last_name}".strip() if entrant else ""
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.EMAIL_FROM
    message["To"] = event.contact_email
    how = "on their page" if text.by_page else "a text"
    whose = f"A runner of {event.name}" if entrant else "A number that nobody has"
    message["Subject"] = f"{'URGENT: ' if text.urgent else ''}{whose} wrote {how}"
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=settings.MESSAGE_ID_DOMAIN)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        WORDS.format(
            who=who or "Somebody",
            how=how,
            when=f"{text.received_at.astimezone(event.zone):%a %d %b at %H:%M}",
            body=text.body.replace("\n", "\n    "),
            urgent=URGENT if text.urgent else "",
            stranger="" if entrant else STRANGER,
            address=text.number or (entrant.email if entrant else "") or "we know no address",
            slug=event.slug,
        )
    )
    return Email(text.pk, parseaddr(settings.EMAIL_FROM)[1], event.contact_email, message.as_bytes())
