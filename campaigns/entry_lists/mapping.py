"""Which column of a list is which field: headings in, positions out. It must not look into any row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from campaigns.entry_lists.dates import DateOrder
from campaigns.entry_lists.sheet import ListError

Status = Literal["confirmed", "held", "withdrawn"]
Grant = tuple[str, str]
"""A channel and a purpose."""


class Field(StrEnum):
    """All that is ever read of a list; every other column is dropped unread."""

    REGISTRATION_ID = "registration id"
    FIRST_NAME = "first name"
    LAST_NAME = "last name"
    EMAIL = "email"
    PHONE = "phone"
    BIRTH_DATE = "birth date"
    RACE = "race"
    WAVE = "wave"
    BIB = "bib"
    CLUB = "club"
    FIRST_TIMER = "first-timer"
    STATUS = "status"
    ANSWERED_AT = "answered at"


REQUIRED = (Field.FIRST_NAME, Field.EMAIL, Field.BIRTH_DATE, Field.RACE)
"""Without birth dates nobody could tell who is under 18."""


@dataclass(frozen=True, slots=True)
class ConsentColumn:
    """A question of the entry form, and what a yes to it allows."""

    headings: tuple[str, ...]
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """One entry platform's list. Headings are matched whatever their case, spaces and punctuation."""

    source: str
    title: str
    """What people call it."""
    marks: tuple[str, ...]
    """Headings that together only this list has."""
    columns: Table[Field, tuple[str, ...]]
    """The headings a field may have, best first: of several in a list, the first that is not blank counts."""
    consents: tuple[ConsentColumn, ...] = ()
    dates: DateOrder | None = None
    """The order of day and month, where the platform always writes the same."""
    statuses: Table[str, Status] = field(default_factory=dict)
    """The platform's words in lower case; a word that is not here holds the entrant."""

    @property
    def needs(self) -> list[str]:
        """The headings by which a list is known and without which it cannot be read."""
        return list(dict.fromkeys([*self.marks, *(self.columns[wanted][0] for wanted in REQUIRED)]))


@dataclass(frozen=True, slots=True)
class BoundConsent:
    """A consent column found in a list."""

    place: int
    wording: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A mapping bound to one list's headings, by positions from 0: equal headings cannot be confused."""

    mapping: Mapping
    headings: tuple[str, ...]
    places: Table[Field, tuple[int, ...]]
    consents: tuple[BoundConsent, ...]

    def has(self, wanted: Field) -> bool:
        return wanted in self.places

    def heading(self, wanted: Field) -> str:
        """The heading of a field's best column, to name it to a person."""
        return self.headings[self.places[wanted][0]]

    @property
    def read(self) -> list[int]:
        """The positions that are read, in order."""
        fields = [place for places in self.places.values() for place in places]
        return sorted({*fields, *(consent.place for consent in self.consents)})

    @property
    def not_read(self) -> list[str]:
        """The headings of the columns that are dropped."""
        read = set(self.read)
        return [heading for place, heading in enumerate(self.headings) if heading and place not in read]

    @property
    def doubled(self) -> list[str]:
        """Headings that are read and stand above a second column too, of which the first is taken."""
        keys = [heading_key(heading) for heading in self.headings]
        return [self.headings[place] for place in self.read if keys.count(keys[place]) > 1]


class UnknownList(ListError):
    """No source that is known has a list with these headings."""


class MissingColumn(UnknownList):
    """A known platform's list without a column that is needed: it may only be called something else."""


def platform_of(headings: tuple[str, ...], sources: Iterable[Mapping]) -> Mapping | None:
    """The source whose marks stand in a list's headings, whatever else does."""
    keys = {heading_key(heading) for heading in headings}
    return next((one for one in sources if all(heading_key(mark) in keys for mark in one.marks)), None)


def recognise(headings: tuple[str, ...], sources: Iterable[Mapping]) -> Layout:
    """The source that a list's headings belong to, bound to them. Raises UnknownList: what it needs."""
    known = list(sources)
    if found := platform_of(headings, known):
        return bind(found, headings)
    needs = "; ".join(f"a {mapping.title} list has {_quoted(mapping.needs)}" for mapping in known)
    if _is_an_entrant(headings):
        raise ListError(
            f"The first row seems to be an entrant, and the row of headings to be missing: {needs}."
        )
    raise UnknownList(
        f"{_found(headings)} That is no list known here: {needs}. For another list, write down which column "
        "is what and give it with --mapping; --suggest-mapping prints a file to start from."
    )


def bind(mapping: Mapping, headings: tuple[str, ...]) -> Layout:
    """Find a mapping's columns in a list. Raises MissingColumn."""
    keys = [heading_key(heading) for heading in headings]
    places = {wanted: found for wanted, names in mapping.columns.items() if (found := _places(names, keys))}
    consents = tuple(
        BoundConsent(place, headings[place], column.grants)
        for column in mapping.consents
        for place in _places(column.headings, keys)[:1]
    )
    missing = [mapping.columns[wanted][0] for wanted in REQUIRED if wanted not in places]
    if missing:
        raise MissingColumn(
            f"This looks like a {mapping.title} list but has no column {_quoted(missing)}: "
            "say which column it is, or export the list with it."
        )
    return Layout(mapping, headings, places, consents)


def refuse_absent(mapping: Mapping, headings: tuple[str, ...]) -> None:
    """Raises ListError where a person's mapping names a column that the list does not have.

    A status or consent with a slip of the pen in its heading would else be passed over in silence.
    """
    keys = {heading_key(heading) for heading in headings}
    columns = [name for names in mapping.columns.values() for name in names]
    wanted = [*columns, *(name for consent in mapping.consents for name in consent.headings)]
    if absent := [name for name in wanted if heading_key(name) not in keys]:
        raise ListError(
            f"The mapping '{mapping.source}' names {_quoted(absent)}, but the list has no such column. "
            f"{_found(headings)}"
        )


def _places(names: tuple[str, ...], keys: list[str]) -> tuple[int, ...]:
    return tuple(keys.index(key) for name in names if (key := heading_key(name)) in keys)


def heading_key(heading: str) -> str:
    """A heading without case, spaces and punctuation."""
    return "".join(character for character in heading.casefold() if character.isalnum())


def _is_an_entrant(headings: tuple[str, ...]) -> bool:
    """Whether they must not be printed."""
    return any("@" in heading or len(re.findall(r"\d", heading)) > 3 for heading in headings)


def _found(headings: tuple[str, ...]) -> str:
    shown = [heading[:40] for heading in headings if heading][:12]
    more = ", …" if len(headings) > len(shown) else ""
    return f"The headings found are {_quoted(shown)}{more}."


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
