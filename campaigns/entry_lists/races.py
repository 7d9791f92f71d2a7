"""A platform's name for a race to the event's own: by its slug, its name, or the distance both speak of."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from campaigns.entry_lists.clean import CellError


@dataclass(frozen=True, slots=True)
class RaceFacts:
    """What reading a list needs to know of a race."""

    id: int
    slug: str
    name: str
    for_children: bool
    waves: tuple[tuple[str, int], ...] = ()
    """Name and id of each wave."""

    def wave(self, name: str) -> int | None:
        """The id of the wave of this name, upper and lower case alike."""
        return next((found for known, found in self.waves if known.casefold() == name.casefold()), None)


_CHILDREN = re.compile(r"\b(?:kids?|child|children|childrens|juniors?)\b")
_HALF = re.compile(r"\bhalf|\bhm\b")
_MARATHON = re.compile(r"\bmarathon\b")
_DISTANCE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?) ?(k|km|kms|kilomet(?:er|re)s?|miles?|mi)?\b")
_HALF_DISTANCES = {"13.1", "13.1m", "21k", "21.1k", "21.0975k"}
_MARATHON_DISTANCES = {"26.2", "26.2m", "42k", "42.2k", "42.195k"}

# A cell may be repeated to people only where it plainly names a race: in a shifted row it may name somebody.
_PLAINLY_A_RACE = re.compile(
    r"\b(?:race|run|walk|marathon|half|ultra|relay|mile|kids?|junior|fun|trail)\b"
    r"|\b\d{1,3}(?:\.\d)? ?(?:k|km|miles?)\b"
)


def kind(name: str) -> str | None:
    """The distance a name speaks of: "half", "marathon", "kids", "10k", "10m"; None when none or several."""
    words = re.sub(r"[\s_\-–—']+", " ", name.casefold())
    if _CHILDREN.search(words):
        return "kids"
    found = {_distance(match) for match in _DISTANCE.finditer(words)} - {None}
    if _HALF.search(words):
        found.add("half")
    elif _MARATHON.search(words):
        found.add("marathon")
    return found.pop() if len(found) == 1 else None


def _distance(match: re.Match[str]) -> str | None:
    distance = match[1] + (match[2] or "")[:1]
    if distance in _HALF_DISTANCES:
        return "half"
    if distance in _MARATHON_DISTANCES:
        return "marathon"
    return distance if match[2] else None


def match_race(cell: str, races: Collection[RaceFacts]) -> RaceFacts:
    """The event's race that a cell names. Raises CellError when there is none, or more than one."""
    key = _key(cell)
    for race in races:
        if key in (_key(race.slug), _key(race.name)):
            return race
    wanted = kind(cell)
    alike = [race for race in races if wanted and wanted in (kind(race.slug), kind(race.name))]
    if len(alike) == 1:
        return alike[0]
    slugs = ", ".join(race.slug for race in races) or "none yet: create the event's races first"
    raise CellError(
        f"{_shown(cell)} is not a race of this event",
        f"the event's races are {slugs}: take the list of this event, or add the race to it",
    )


def _key(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum() or character == ".")


def _shown(cell: str) -> str:
    if not cell:
        return "a blank"
    plain = len(cell) <= 40 and "@" not in cell and _PLAINLY_A_RACE.search(cell.casefold())
    return f"'{cell}'" if plain else "this"
