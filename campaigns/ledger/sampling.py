"""Whom an audience is about: how many they are, and a few of them, to look at while it is being written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from campaigns.audience import parse
from campaigns.models import Event, Race, Wave

SAMPLES = 10


@dataclass(frozen=True)
class Crowd:
    """Confirmed entrants of an audience; `samples` are first name and race of some, in no telling order."""

    count: int
    samples: list[tuple[str, str]]
    is_staff: bool = False
    """They are the event's staff contacts, who are not entrants."""


def crowd(event: Event, text: str) -> Crowd:
    """The people that an audience is about as things stand. Raises AudienceError."""
    races = list(Race.objects.filter(event=event).values_list("slug", flat=True))
    waves = list(Wave.objects.filter(race__event=event).values_list("name", flat=True))
    audience = parse(text, races, waves)
    if audience.is_staff:
        return Crowd(event.staff.count(), [], is_staff=True)
    params: dict[str, Any] = {"event": event.id, "most": SAMPLES}
    condition = audience.where(params)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_FROM} AND {condition}", params)
        count = cursor.fetchone()[0]
        cursor.execute(
            f"SELECT e.first_name, r.name {_FROM} AND {condition} ORDER BY e.email_hash, e.id LIMIT %(most)s",
            params,
        )
        return Crowd(count, list(cursor.fetchall()))


# The count reads an event's entrants by entrants_by_event; samples come in the order of entrants_by_email, whose
# hashes are as good as chance, and end after the first ten.
_FROM = """
FROM events ev JOIN entrants e ON e.event_id = ev.id
JOIN races r ON r.id = e.race_id
LEFT JOIN waves w ON w.id = e.wave_id
LEFT JOIN guardians g ON g.entrant_id = e.id
WHERE ev.id = %(event)s AND e.status = 'confirmed'"""
