"""A small Run Reigate with its people, for tests that need the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from itertools import count
from typing import Any

from django.db import connection

from campaigns.addresses import address_hash, identity_hash
from campaigns.models import Consent, ConsentEvent, Entrant, Event, Organiser, Race

LONG_AGO = datetime(2027, 1, 5, 9, tzinfo=UTC)
EMAIL_TIPS, EMAIL_SPONSOR = ("email", "tips"), ("email", "sponsor")
SMS_SERVICE, SMS_TIPS, SMS_SPONSOR = ("sms", "service"), ("sms", "tips"), ("sms", "sponsor")
EVERYTHING = (EMAIL_TIPS, EMAIL_SPONSOR, SMS_SERVICE, SMS_TIPS, SMS_SPONSOR)

_numbers = count(1)


def make_organiser(slug: str = "run-reigate", name: str = "Run Reigate Ltd") -> Organiser:
    return Organiser.objects.get_or_create(slug=slug, defaults={"name": name})[0]


def make_event(slug: str = "run-reigate-2027", organiser: Organiser | None = None, **fields: Any) -> Event:
    """An event with a 10K at 10:00."""
    event = Event.objects.create(
        organiser=organiser or make_organiser(),
        slug=slug,
        **{
            "name": "Run Reigate 2027",
            "date": date(2027, 9, 19),
            "timezone": "Europe/London",
            "contact_email": "hello@runreigate.example",
            "postal_address": "1 Example Street, Reigate RH2 0AA",
            **fields,
        },
    )
    Race.objects.create(event=event, slug="10k", name="10K", start=time(10))
    return event


def make_entrant(
    event: Event,
    email: str = "zoe@example.com",
    mobile: str = "+447700900123",
    yes: Iterable[tuple[str, str]] = EVERYTHING,
    **fields: Any,
) -> Entrant:
    """A confirmed entrant of the 10K who has said yes to these channels and purposes."""
    entrant = Entrant.objects.create(
        event=event,
        race=event.races.get(slug="10k"),
        source="test",
        identity=identity_hash("test", str(next(_numbers))),
        email=email,
        email_hash=address_hash(email.lower()) if email else None,
        mobile=mobile,
        mobile_hash=address_hash(mobile) if mobile else None,
        mobile_ok=bool(mobile),
        **{"first_name": "Zoë", "last_name": "Quillfeather", **fields},
    )
    for channel, purpose in yes:
        answer: dict[str, Any] = {
            "granted": True,
            "source": "entry list",
            "wording": "Yes please",
            "at": LONG_AGO,
        }
        Consent.objects.create(entrant=entrant, channel=channel, purpose=purpose, **answer)
        ConsentEvent.objects.create(entrant=entrant, channel=channel, purpose=purpose, **answer)
    return entrant


def granted(entrant: Entrant) -> set[tuple[str, str]]:
    """The channels and purposes that the entrant says yes to now."""
    return set(entrant.consents.filter(granted=True).values_list("channel", "purpose"))


def revision_of(event: Event) -> int:
    return Event.objects.values_list("revision", flat=True).get(pk=event.pk)


def dump() -> dict[str, list[str]]:
    """Every row of every table as text: two equal dumps mean that nothing has changed."""
    with connection.cursor() as cursor:
        tables = sorted(connection.introspection.table_names(cursor))
        return {table: _rows(cursor, table) for table in tables}


def _rows(cursor: Any, table: str) -> list[str]:
    cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
    return [row[0] for row in cursor.fetchall()]
