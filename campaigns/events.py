"""Makes an event and changes what it is: name, place, sender, races and waves. It must not know commands or pages."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.text import slugify

from campaigns import revision
from campaigns.audience import RESERVED_WORDS
from campaigns.models import Event, Organiser, Race, Wave

RACE_NAMES = {"half": "Half Marathon", "10k": "10K", "5k": "5K", "kids": "Kids Race", "marathon": "Marathon"}
"""What a race with one of these short names is called unless somebody calls it otherwise."""

FOR_CHILDREN = frozenset({"kids"})
"""Races that are for children unless somebody says otherwise."""


class EventError(Exception):
    """One sentence for a person: what cannot be done with this event, and what to do."""


@transaction.atomic
def create(
    organiser: Organiser, slug: str, name: str, fields: dict[str, Any], races: list[dict[str, Any]]
) -> Event:
    """A new event with its races. Raises EventError when the short name is taken."""
    if Event.objects.filter(slug=slug).exists():
        raise EventError(f"There is already an event '{slug}': choose another short name.")
    made = Event.objects.create(organiser=organiser, slug=slug, name=name, **fields)
    for race in races:
        _refuse_reserved(race["slug"])
    Race.objects.bulk_create(Race(event=made, **race) for race in races)
    return made


def race_slug(name: str) -> str:
    """The short name of a race, by which audiences speak of it: "half" of Half Marathon."""
    usual = {called.casefold(): slug for slug, called in RACE_NAMES.items()}
    return usual.get(name.strip().casefold()) or slugify(name)[:50].strip("-")


@transaction.atomic
def add_race(event: Event, name: str, start: time, *, for_children: bool, slug: str = "") -> Race:
    """One more race of an event; its short name is made of its name unless it is given. Raises EventError."""
    short = slug or race_slug(name)
    if not short:
        raise EventError(f"'{name}' has no letters to make a short name of: call the race otherwise.")
    _refuse_reserved(short)
    if event.races.filter(slug=short).exists():
        raise EventError(f"There is a race '{short}' already: change its start instead.")
    race = Race.objects.create(event=event, slug=short, name=name, start=start, for_children=for_children)
    _date_anew(event)
    return race


@transaction.atomic
def set_starts(event: Event, races: dict[int, time], waves: dict[int, time]) -> int:
    """Sets starts of races and waves by their numbers; how many have changed.

    Every delivery dated by the old starts is dated anew before it may be claimed.
    """
    changed = sum(
        rows.filter(id=number).exclude(start=start).update(start=start)
        for rows, starts in (
            (Race.objects.filter(event=event), races),
            (Wave.objects.filter(race__event=event), waves),
        )
        for number, start in starts.items()
    )
    if changed:
        _date_anew(event)
    return changed


@transaction.atomic
def save_waves(race: Race, starts: dict[str, time]) -> list[str]:
    """Adds waves to a race, or sets their starts; the names of those that changed. Names differ by more than case."""
    changed = [name for name, start in starts.items() if _save_wave(race, name, start)]
    if changed:
        _date_anew(race.event)
    return changed


def _refuse_reserved(slug: str) -> None:
    if slug in RESERVED_WORDS:
        raise EventError(f"A race cannot be called '{slug}', which is a word of audiences: choose another.")


def _save_wave(race: Race, name: str, start: time) -> bool:
    found = Wave.objects.filter(race=race, name__iexact=name).first()
    if found is None:
        Wave.objects.create(race=race, name=name, start=start)
        return True
    return Wave.objects.filter(pk=found.pk).exclude(start=start).update(start=start) > 0


def _date_anew(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(plan_version=F("plan_version") + 1)
    revision.bump(event.pk)
