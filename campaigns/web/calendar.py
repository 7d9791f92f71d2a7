"""An entrant's plan as a calendar feed: the race, their warm-up, and the moments their messages come. It only reads."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from icalendar import Calendar
from icalendar import Event as Entry

from campaigns import clock, ledger, rendering, schedule
from campaigns.models import Entrant
from campaigns.web import stops

LOOK_AGAIN = timedelta(hours=12)
READING = timedelta(minutes=15)
RACE = {"half": timedelta(hours=3)}
USUAL_RACE = timedelta(hours=2)


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """`/u/<token>/calendar.ics` (RFC 5545): a calendar program asks again, so a moved race moves in it too."""
    entrant = stops.entrant_of(token=token)
    if entrant is None:
        return render(request, "unknown_link.html", status=404)
    return HttpResponse(calendar_of(entrant, clock.now()), content_type="text/calendar; charset=utf-8")


def calendar_of(entrant: Entrant, now: datetime) -> bytes:
    """The calendar's bytes. It holds no name, number or address of the entrant."""
    name = entrant.event.name
    calendar = Calendar()
    calendar.add("prodid", "-//Aid Station//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    calendar.add("x-published-ttl", "PT12H")
    calendar.add("refresh-interval", LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    for entry in _entries(entrant, now):
        calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _entries(entrant: Entrant, now: datetime) -> Iterator[Entry]:
    event, race = entrant.event, entrant.race
    if entrant.status == "withdrawn" or event.cancelled_at is not None:
        return
    start = schedule.wall_clock(event.date, entrant.wave.start if entrant.wave else race.start, event.zone)
    length = RACE.get(race.slug, USUAL_RACE)
    yield _entry(entrant, "race", now, start, length, f"{event.name}: {race.name}", event.venue)
    warm_up = "Warm up gently, then go to your start. Drink when you feel thirsty. Feel unwell? Do not run."
    yield _entry(
        entrant, "warm-up", now, start - rendering.WARM_UP, rendering.WARM_UP, f"Warm up for {event.name}",
        event.venue, warm_up,
    )  # fmt: skip
    for coming in ledger.coming(entrant, now):
        topic = rendering.topic(coming.version_id)
        yield _entry(entrant, coming.step, now, coming.due_at, READING, f"{event.name}: {topic}")


def _entry(
    entrant: Entrant, what: str, now: datetime, start: datetime, length: timedelta, title: str,
    place: str = "", about: str = "",
) -> Entry:  # fmt: skip
    """One entry; its uid stays when it moves, and does not hold the link's token."""
    entry = Entry()
    digest = hashlib.sha256(f"{entrant.token}/{what}".encode()).hexdigest()[:32]
    entry.add("uid", f"{digest}@aidstation")
    entry.add("dtstamp", now)
    entry.add("dtstart", start)
    entry.add("dtend", start + length)
    entry.add("summary", title)
    entry.add("transp", "OPAQUE" if what == "race" else "TRANSPARENT")
    for field, value in (("location", place), ("description", about)):
        if value:
            entry.add(field, value)
    return entry
