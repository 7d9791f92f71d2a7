"""A few of those whom an audience is about, to look at while it is being written."""

from __future__ import annotations

from typing import Any

from django.db import connection

from campaigns.audience import Audience
from campaigns.models import Event

SAMPLES = 10


def samples(event: Event, audience: Audience) -> list[tuple[str, str]]:
    """First name and race of some of its confirmed entrants, in no telling order."""
    params: dict[str, Any] = {"event": event.id, "most": SAMPLES}
    condition = audience.where(params)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.first_name, r.name {_FROM} AND {condition} ORDER BY e.email_hash, e.id LIMIT %(most)s",
            params,
        )
        return list(cursor.fetchall())


# They come in the order of entrants_by_email, whose hashes are as good as chance, and end after the first ten.
_FROM = """
FROM events ev JOIN entrants e ON e.event_id = ev.id
JOIN races r ON r.id = e.race_id
LEFT JOIN waves w ON w.id = e.wave_id
LEFT JOIN guardians g ON g.entrant_id = e.id
WHERE ev.id = %(event)s AND e.status = 'confirmed'"""
