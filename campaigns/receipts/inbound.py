"""A text that somebody wrote to one of our numbers: taken once, acted on, kept for the organiser, answered.

It must not know HTTP or Twilio's fields.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction

from campaigns import clock, optout
from campaigns.models import Entrant, Event, InboundText, Organiser
from campaigns.models.receipts import InboundKind
from campaigns.models.words import Channel
from campaigns.receipts.inbound_words import is_urgent, kind_of, twilio_answers

ANSWER_EVERY = timedelta(days=1)

LONGEST_BODY = 1_600

WITHOUT_WORDS = "(no words: a picture, perhaps)"
"""Stands for an empty text, which somebody meant something by."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A text as it came; `opt_out_type` is Twilio's own reading of it, '' without one."""

    sid: str
    number: str
    body: str
    opt_out_type: str = ""


@transaction.atomic
def take(arrived: Arrived) -> str:
    """Takes a text once, does what it asks for at once, and returns what to answer, '' for nothing."""
    hashed = optout.hash_of(Channel.SMS, arrived.number)
    _one_at_a_time(hashed)
    if InboundText.objects.filter(sid=arrived.sid).exists():
        return ""
    people = _people(hashed)
    organisers = _organisers(people)
    text = _kept(arrived, hashed, people[0] if people else None)
    _obey(text, organisers)
    answer = _answer(text, arrived, organisers)
    text.answered = bool(answer)
    text.save(force_insert=True)
    return answer


def _one_at_a_time(hashed: bytes) -> None:
    """Two texts from one number at once would both be the first of the day."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(hashed[:8], "big", signed=True)])


def _people(hashed: bytes) -> list[Entrant]:
    """Everyone on the number, whoever got a text last first. Served by entrants_by_mobile once for each event."""
    found = Entrant.objects.raw(
        """
        SELECT e.* FROM events ev JOIN entrants e ON e.event_id = ev.id AND e.mobile_hash = %s
        ORDER BY (SELECT max(d.sent_at) FROM deliveries d WHERE d.entrant_id = e.id AND d.channel = 'sms')
            DESC NULLS LAST, ev.date DESC, e.id""",
        [hashed],
    )
    return list(found.prefetch_related("event__organiser"))


def _organisers(people: Sequence[Entrant]) -> list[Organiser]:
    """Whose texts the number gets: of a number that we do not know, perhaps anybody's."""
    known = {entrant.event.organiser_id: entrant.event.organiser for entrant in people}
    return list(known.values()) or list(Organiser.objects.order_by("id"))


def _kept(arrived: Arrived, hashed: bytes, entrant: Entrant | None) -> InboundText:
    body = arrived.body[:LONGEST_BODY].strip() or WITHOUT_WORDS
    event = entrant.event if entrant else _event_of_strangers()
    return InboundText(
        sid=arrived.sid,
        organiser=event.organiser if event else None,
        event=event,
        entrant=entrant,
        kind=kind_of(body, arrived.opt_out_type),
        number=arrived.number[:32],
        number_hash=hashed,
        body=body,
        urgent=is_urgent(body),
        received_at=clock.now(),
    )


def _event_of_strangers() -> Event | None:
    """Whose mailbox gets what is written from a number that no entrant has: that of the race nearest to today.

    A phone of the family, a spectator, a number that has changed: they answer to what they have heard of, and around
    a race that is the race. One that nobody could read it at, for want of a contact, comes last. One mailbox gets
    it, since a stranger's number is no matter of every organiser. The events are a handful.
    """
    today = clock.now().date()
    events = Event.objects.select_related("organiser").order_by("id")
    return min(events, key=lambda event: (not event.contact_email, abs(event.date - today)), default=None)


def _obey(text: InboundText, organisers: Sequence[Organiser]) -> None:
    """In order of id, as every change to several organisers' suppressions."""
    for organiser in sorted(organisers, key=lambda organiser: organiser.pk):
        if text.kind == InboundKind.STOP:
            optout.stop_by_reply(organiser.pk, text.number)
        elif text.kind == InboundKind.START:
            optout.start_by_reply(organiser.pk, text.number, wording=text.body)


def _answer(text: InboundText, arrived: Arrived, organisers: Sequence[Organiser]) -> str:
    if twilio_answers(arrived.body, arrived.opt_out_type):
        return ""
    name = text.organiser.name if text.organiser else organisers[0].name if organisers else "The organiser"
    if text.kind == InboundKind.STOP:
        return f"{name}: no more texts will come to this number. Text START to get them again."
    if text.kind == InboundKind.START or _was_answered(text):
        return ""
    if text.urgent:
        return (
            f"Not watched live. Is it an emergency? Call 999 now. {name} gets your text and reads it later."
        )
    contact = f" Write to {text.event.contact_email}." if text.event and text.event.contact_email else ""
    return f"Not watched live. Emergency: 999. {name} gets your text and reads it later.{contact}"


def _was_answered(text: InboundText) -> bool:
    """Within a day, to a text as urgent as this one. Served by inbound_texts_by_number."""
    return InboundText.objects.filter(
        number_hash=text.number_hash,
        received_at__gt=text.received_at - ANSWER_EVERY,
        answered=True,
        urgent=text.urgent,
        kind__in=[InboundKind.TEXT, InboundKind.HELP],
    ).exists()
