"""The entrants of an event to look through: page by page in the order of their names, or found by a few letters.

It only reads. Folded means: small letters without accents, so that "zoe" finds Zoë.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import connection

from campaigns import addresses, clock, people, revision
from campaigns.audience import MINOR_SQL
from campaigns.entry_lists import clean
from campaigns.models import Event

T = TypeVar("T")

MINUTE = 60
"""Seconds."""

PAGE = 50
"""Entrants on one page."""

MOST_FOUND = 1000
"""Of more than this, nobody looks for one: they are asked for another letter."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entrant as a list shows them."""

    token: str
    first_name: str
    last_name: str
    bib: str
    race: str
    wave: str
    status: str
    race_status: str
    waits_for: str
    """What a person has to do before anything goes to them, or empty."""


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the list, and the tokens to go on from: empty where nothing comes before or after."""

    lines: list[Line]
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to: the first `PAGE` by name, an equal bib first, and how many there are."""

    lines: list[Line]
    count: int
    """At most `MOST_FOUND` + 1, which means more than that."""


@dataclass(frozen=True, slots=True)
class RaceCount:
    """How many entrants a race has, by their status."""

    race: str
    confirmed: int
    unguarded: int
    """Those of the confirmed who are children and wait for somebody to name a guardian."""
    held: int
    withdrawn: int


def page(event: Event, *, after: str = "", before: str = "") -> Page:
    """The entrants that follow or precede the one with that token, from the start without one."""
    place = _place(event, after or before)
    if place is None:
        after = before = ""
    backwards = bool(before)
    rows = _rows(event, _SIDE[backwards] if place else "TRUE", place or {}, backwards=backwards)
    more = len(rows) > PAGE
    rows = rows[:PAGE][:: -1 if backwards else 1]
    if not rows:
        return Page([])
    ahead, behind = (bool(before), more) if backwards else (more, bool(after))
    return Page(rows, before=rows[0].token if behind else "", after=rows[-1].token if ahead else "")


def search(event: Event, text: str) -> Found:
    """Whoever has that phone number or address; else every word of `text` at the start of a name, bib or address.

    Of an address, what stands before its @ is its words. Served by entrants_by_mobile, entrants_by_email and
    entrants_by_words.
    """
    number, words = _number(text), words_of(text.partition("@")[0])
    found = Found([], 0)
    if number:
        found = _found(event, text, "mobile_hash = %(hash)s", hash=addresses.address_hash(number))
    elif "@" in text:
        whole = addresses.address_hash(text.strip().lower())
        found = _found(event, text, "email_hash = %(hash)s", hash=whole)
    if found.count or not words:
        return found
    return _found(event, text, _BY_WORDS["@" in text], words=" & ".join(f"'{word}':*" for word in words))


def _number(text: str) -> str:
    """The text as a number of a phone in E.164, however it is written; "" for anything else."""
    if not _DIALLED.fullmatch(text.strip()):
        return ""
    try:
        return clean.phone(text).number
    except clean.CellError:
        return ""


def _found(event: Event, text: str, who: str, **given: Any) -> Found:
    written = text.strip().lower()
    params = given | {"event": event.pk, "text": written, "most": MOST_FOUND + 1, "page": PAGE}
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH.format(who=who), params)
        rows = cursor.fetchall()
    return Found([Line(*row[1:]) for row in rows], rows[0][0] if rows else 0)


def counts(event: Event) -> list[RaceCount]:
    """Each race with its entrants, in the order of their starts."""
    counted = _by_race(event)
    return [
        RaceCount(race.name, *counted.get(race.pk, (0, 0, 0, 0)))
        for race in event.races.order_by("start", "id")
    ]


def _by_race(event: Event) -> dict[int, tuple[int, int, int, int]]:
    """Confirmed, unguarded, held and withdrawn by race."""
    return _kept("of-races", event, lambda: _counted(event), 5 * MINUTE)


def _counted(event: Event) -> dict[int, tuple[int, int, int, int]]:
    """One pass over the event's entrants, by entrants_by_event."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT e.race_id, count(*) FILTER (WHERE status = 'confirmed'),
                count(*) FILTER (WHERE status = 'confirmed' AND {MINOR_SQL} AND g.entrant_id IS NULL),
                count(*) FILTER (WHERE status = 'held'), count(*) FILTER (WHERE status = 'withdrawn')
            FROM entrants e JOIN races r ON r.id = e.race_id JOIN events ev ON ev.id = e.event_id
                LEFT JOIN guardians g ON g.entrant_id = e.id
            WHERE e.event_id = %s AND erased_at IS NULL GROUP BY e.race_id""",
            [event.pk],
        )
        return {race: counts for race, *counts in cursor.fetchall()}


def waiting_count(event: Event) -> int:
    """How many get nothing until a person acts."""
    return _kept("waiting", event, lambda: len(people.waiting(event)))


def children_with_an_address(event: Event) -> int:
    """How many children wait for somebody to say that the address in their entries is a guardian's."""
    return _kept("children", event, lambda: len(people.with_an_address(event)))


def _kept(what: str, event: Event, count: Callable[[], T], seconds: int = MINUTE) -> T:
    """Counted once in so many seconds while nobody changes: each is a pass over the event's entrants.

    A minute alone where more than people counts: whose message waits for a value is in the ledger.
    """
    stamp = revision.stamp(event, clock.now())
    if not stamp:
        return count()
    key = f"entrants-{what}-{stamp}"
    found: T | None = cache.get(key)
    if found is None:
        found = count()
        cache.set(key, found, seconds)
    return found


def waiting(event: Event) -> Found:
    """Those who get nothing until a person acts: see `those`."""
    return those(people.waiting(event))


def those(why: dict[int, str]) -> Found:
    """The first `PAGE` by name of `people.waiting`, each with what they wait for, and how many there are."""
    if not why:
        return Found([], 0)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"ids": list(why), "reasons": list(why.values()), "page": PAGE})
        return Found([Line(*row) for row in cursor.fetchall()], len(why))


def words_of(text: str) -> list[str]:
    """The words of a text, folded as the database folds them."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in plain if not "\u0300" <= letter <= "\u036f")
    return [word for word in re.split(r"[\W_]+", plain.translate(_STROKES).lower()) if word]


_STROKES = str.maketrans("ŁłØøĐđı", "LlOoDdi")

NAME_KEY = "folded(e.last_name || ' ' || e.first_name)"

_SIDE = {
    False: f"({NAME_KEY}, e.id) > (%(key)s, %(id)s)",
    True: f"({NAME_KEY}, e.id) < (%(key)s, %(id)s)",
}

_FACTS = "e.token, e.first_name, e.last_name, e.bib, r.name, COALESCE(w.name, ''), e.status, e.race_status"
_COLUMNS = f"{_FACTS}, CASE WHEN e.status = 'withdrawn' THEN '' ELSE e.hold_reason END"
_RACE = "JOIN races r ON r.id = e.race_id LEFT JOIN waves w ON w.id = e.wave_id"

_WORDS = "person_words(first_name, last_name, bib, email) @@ %(words)s::tsquery"

_BY_WORDS = {False: _WORDS, True: f"{_WORDS} AND starts_with(lower(email), %(text)s)"}
"""With an @ the words are those before it, and the address has to begin as it is written."""

_DIALLED = re.compile(r"\+?[\d\s().-]{7,25}")

_SEARCH = f"""
WITH found AS MATERIALIZED (
    SELECT id FROM entrants
    WHERE event_id = %(event)s AND erased_at IS NULL AND {{who}} LIMIT %(most)s
)
SELECT (SELECT count(*) FROM found), {_COLUMNS} FROM found f JOIN entrants e ON e.id = f.id {_RACE}
ORDER BY lower(e.bib) <> %(text)s, {NAME_KEY}, e.id LIMIT %(page)s"""

_WAITING = f"""
SELECT {_FACTS}, why.reason FROM unnest(%(ids)s::bigint[], %(reasons)s::text[]) AS why (id, reason)
    JOIN entrants e ON e.id = why.id {_RACE}
ORDER BY {NAME_KEY}, e.id LIMIT %(page)s"""


def _place(event: Event, token: str) -> dict[str, Any] | None:
    """Where the entrant with that token stands in the list."""
    if not token:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {NAME_KEY} AS key, e.id FROM entrants e WHERE e.event_id = %s AND e.token = %s",
            [event.pk, token],
        )
        found = cursor.fetchone()
    return {"key": found[0], "id": found[1]} if found else None


def _rows(event: Event, where: str, params: dict[str, Any], *, backwards: bool = False) -> list[Line]:
    """One row more than a page. Served by entrants_by_name."""
    way = "DESC" if backwards else "ASC"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM entrants e {_RACE}
            WHERE e.event_id = %(event)s AND e.erased_at IS NULL AND {where}
            ORDER BY {NAME_KEY} {way}, e.id {way} LIMIT {PAGE + 1}""",
            {**params, "event": event.pk},
        )
        return [Line(*row) for row in cursor.fetchall()]
