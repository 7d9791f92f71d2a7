"""Makes an event and changes what it is: name, place, sender, races and waves. It must not know commands or pages."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.text import slugify

from campaigns import ledger, revision
from campaigns.audience import RESERVED_WORDS, AudienceError, parse
from campaigns.campaign import MOVABLE
from campaigns.models import Delivery, Event, Organiser, Race, Step, Wave
from campaigns.models.words import StepKind, StepState

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
def rename_race(event: Event, slug: str, name: str) -> str:
    """Gives a race another name, as runners read it, and returns the one it had. Raises EventError.

    What has left keeps the old one. Lists find the race by either its short name or its new one.
    """
    race = _race(event, slug)
    if not name.strip():
        raise EventError("A race needs a name that runners read.")
    if event.races.exclude(pk=race.pk).filter(name__iexact=name).exists():
        raise EventError(f"Another race is called {name} already: lists could not tell the two apart.")
    Race.objects.filter(pk=race.pk).update(name=name)
    return race.name


@transaction.atomic
def remove_race(event: Event, slug: str) -> str:
    """Takes away a race that nobody was ever entered in and no step is for; returns its name. Raises EventError."""
    Event.objects.select_for_update(no_key=True).get(pk=event.pk)
    race = _race(event, slug)
    if not event.races.exclude(pk=race.pk).exists():
        raise EventError(f"{race.name} is the only race: add the right one first.")
    if entered := race.entrants.count():
        people = "1 entrant is" if entered == 1 else f"{entered:,} entrants are"
        raise EventError(f"{people} in {race.name}, also counting who has withdrawn: it can only be renamed.")
    _refuse_if_named(event, race)
    race.delete()
    _date_anew(event)
    return race.name


@transaction.atomic
def change_zone(event: Event, zone: str) -> int:
    """Has every time of the event be by the clocks of another zone; how many steps ask for approval again.

    Raises EventError once the first message is in the ledger: its moment is history, and others hang on it.
    """
    locked = Event.objects.select_for_update(no_key=True).get(pk=event.pk)
    if locked.timezone == zone:
        return 0
    if Delivery.objects.filter(step__campaign__event=event).exists():
        raise EventError(
            f"The first messages have had their moment by the clocks of {locked.timezone}: the zone stays. "
            "Starts can still be changed, and the race moved."
        )
    Event.objects.filter(pk=event.pk).update(timezone=zone)
    steps = Step.objects.filter(campaign__event=event).exclude(kind=StepKind.ALERT)
    # Whoever enters is not late for a step that was opened while it was for nobody.
    steps.update(first_opened_revision=None, opened_revision=None, opening_cursor=None, opening_revision=None)
    asked = steps.filter(state__in=MOVABLE).update(state=StepState.WAITING)
    _date_anew(event)
    ledger.bump_stop_signal()
    return asked


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


def _race(event: Event, slug: str) -> Race:
    found = event.races.filter(slug=slug).first()
    if found is None:
        raise EventError(f"There is no race '{slug}' in this event.")
    return found


def _refuse_if_named(event: Event, race: Race) -> None:
    """An audience that names it, or a wave of it, could not be read any more."""
    races = list(event.races.exclude(pk=race.pk).values_list("slug", flat=True))
    waves = list(Wave.objects.filter(race__event=event).exclude(race=race).values_list("name", flat=True))
    for step in Step.objects.filter(campaign__event=event).order_by("position"):
        try:
            parse(step.audience, races, waves)
        except AudienceError as error:
            raise EventError(
                f"The step '{step.name}' is for {step.audience}: change its audience first."
            ) from error


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
