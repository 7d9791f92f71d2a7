"""From a row of cells to one entry, cleaned and whole, or to the problems that keep it out.

Pure: it knows the event's races and date, but neither the database nor what was imported before. What it
decides where a list is silent or wrong:

| What a row holds | What becomes of it |
| --- | --- |
| fewer cells than headings, more that are not blank, unmatched quotation marks | rejected: may be shifted |
| no first name, or one that is too long or damaged | rejected |
| a race that the event does not have | rejected |
| a birth date that is unreadable, in the future or before 1900 | rejected |
| no birth date, in a race that is not for children | rejected: nobody could tell whether this is a child |
| an email address that cannot be written to | goes in, with a problem; an earlier address stays |
| a phone number that cannot be dialled or was rounded by a spreadsheet | likewise |
| a bib number or club that is too long or damaged | likewise |
| a blank email address or phone number, a lone country code | goes in without, no problem |
| a landline | stored, never texted |
| a wave that the race does not have | goes in without a wave; one notice a race and name |
| a status that is not in the mapping | entrant held |
| a consent that is blank, unknown or no | no consent |
| someone under 18 | the row's phone is dropped: it may be the child's |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypeVar

from campaigns.entry_lists import clean, meeting
from campaigns.entry_lists.clean import CellError
from campaigns.entry_lists.dates import DateOrder, OrderProof, birth_date
from campaigns.entry_lists.mapping import Field, Layout
from campaigns.entry_lists.races import RaceFacts, match_race
from campaigns.entry_lists.sheet import Row, Sheet

LONGEST_WORD = 40
SHOWN_WAVE = 12

Value = TypeVar("Value")


class Problem(NamedTuple):
    """Something wrong in a list, in words without personal data. No `column` means the whole row."""

    row: int
    column: str
    problem: str
    cure: str


class Cause(NamedTuple):
    """One thing that is wrong in `rows` rows, the first of which is `row`."""

    row: int
    column: str
    problem: str
    cure: str
    rows: int


def causes(problems: Sequence[Problem]) -> list[Cause]:
    """Problems that one act cures, once each, in the order of their first rows."""
    counted = Counter(problem[1:] for problem in problems)
    first: dict[tuple[str, str, str], int] = {}
    for problem in problems:
        first.setdefault(problem[1:], problem.row)
    return [Cause(row, *words, counted[words]) for words, row in first.items()]


class Entry(NamedTuple):
    """A row that can go in. None is "this list does not say", and leaves what is known from earlier lists."""

    row: int
    registration_id: str
    race_id: int
    race_slug: str
    for_children: bool
    minor: bool
    wave_id: int | None
    first_name: str
    last_name: str
    email: str | None
    mobile: str | None
    mobile_ok: bool
    birth_date: date | None
    first_timer: bool | None
    club: str | None
    bib: str | None
    status: str | None
    answers: list[bool]
    """To the layout's consents, in their order."""
    answered_at: datetime | None
    """None when the row does not say: an answer without a date is no later than any other."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What reading a list needs to know of an event."""

    race_day: date
    races: tuple[RaceFacts, ...]

    @property
    def adult_from(self) -> date:
        """The latest birth date of those who are 18 on race day, as `audience.MINOR_SQL` has it."""
        try:
            return self.race_day.replace(year=self.race_day.year - 18)
        except ValueError:  # 29 February
            return self.race_day.replace(year=self.race_day.year - 18, day=28)


class _RowError(Exception):
    """The row cannot go in; its problem is on the list."""


def prove_dates(sheet: Sheet, layout: Layout, given: DateOrder | None = None) -> DateOrder | None:
    """Walk the birth dates of a list: does the day or the month stand first? None when no date asks.

    `given` holds where the list proves nothing or both. Raises DateOrderError, also when the list proves
    what `given` denies, and ListError on an unclosed quotation mark.
    """
    proof = OrderProof()
    places = layout.places[Field.BIRTH_DATE]
    for row in sheet.rows():
        if row.cells is not None and len(row.cells) >= len(layout.headings):
            proof.see(row.number, _first_filled(row.cells, places))
    return proof.order(given)


class Reader:
    """Reads the rows of one list, and keeps the problems found on the way."""

    def __init__(
        self,
        layout: Layout,
        facts: EventFacts,
        order: DateOrder | None,
        *,
        today: date,
        heading_row: int = 1,
    ) -> None:
        self.problems = [_doubled(heading_row, heading) for heading in layout.doubled]
        self.rows = self.rejected = 0
        self.first_rejected: Problem | None = None
        self.unknown_statuses: Counter[str] = Counter()
        """Words of the status column that the mapping does not know, each of which holds its entrant."""
        self.meetings: Counter[str] = Counter()
        """How many rows name the meeting so."""
        self._meeting = meeting.column(layout.headings, layout.read)
        self._layout, self.facts, self._order = layout, facts, order
        self._today = today
        self._race_names: dict[str, RaceFacts] = {}
        self._unknown_waves: set[tuple[int, str]] = set()
        self._row = Row(0, 0, [])

    def entries(self, rows: Iterator[Row]) -> Iterator[Entry]:
        """The entries of all rows that can go in, one at a time."""
        for row in rows:
            self.rows += 1
            self._row = row
            try:
                cells = self._cells(row)
                if self._meeting is not None:
                    self.meetings[cells[self._meeting][: meeting.LONGEST]] += 1
                yield self._entry(cells)
            except _RowError:
                self.rejected += 1
                self.first_rejected = self.first_rejected or self.problems[-1]

    def _cells(self, row: Row) -> list[str]:
        wanted = len(self._layout.headings)
        if row.cells is None:
            raise self._reject("", "The row's quotation marks do not match", "close or double the stray one")
        if len(row.cells) < wanted or any(cell.strip() for cell in row.cells[wanted:]):
            raise self._reject(
                "",
                f"The row has {len(row.cells)} cells and the headings have {wanted}",
                "look for a missing or an extra delimiter, or a stray quotation mark",
            )
        return row.cells

    def _entry(self, cells: list[str]) -> Entry:
        race = self._race(cells)
        first_name = self._name(cells, Field.FIRST_NAME)
        if not first_name:
            raise self._reject_field(Field.FIRST_NAME, "is blank", "fill in the name")
        born = self._birth_date(cells, race)
        minor = race.for_children or (born is not None and born > self.facts.adult_from)
        phone = self._optional(cells, Field.PHONE, clean.phone)
        # A child's own number must not be kept: the list does not say whose this is.
        mobile, mobile_ok = phone if phone and not minor else (None, False)
        return Entry(
            row=self._row.number,
            registration_id=self._optional(cells, Field.REGISTRATION_ID, _word) or "",
            race_id=race.id,
            race_slug=race.slug,
            for_children=race.for_children,
            minor=minor,
            wave_id=self._wave(cells, race),
            first_name=first_name,
            last_name=self._name(cells, Field.LAST_NAME),
            email=self._optional(cells, Field.EMAIL, clean.email),
            mobile=mobile,
            mobile_ok=mobile_ok,
            birth_date=born,
            first_timer=self._first_timer(cells),
            club=self._optional(cells, Field.CLUB, clean.text),
            bib=self._optional(cells, Field.BIB, _word),
            status=self._status(cells),
            answers=[clean.is_yes(cells[consent.place]) for consent in self._layout.consents],
            answered_at=self._answered_at(cells),
        )

    def _race(self, cells: list[str]) -> RaceFacts:
        cell = self._cell(cells, Field.RACE)
        if cell not in self._race_names:
            self._race_names[cell] = self._required(
                Field.RACE, lambda: match_race(clean.text(cell), self.facts.races)
            )
        return self._race_names[cell]

    def _name(self, cells: list[str], field: Field) -> str:
        cell = self._cell(cells, field)
        return self._required(field, lambda: clean.text(cell))

    def _birth_date(self, cells: list[str], race: RaceFacts) -> date | None:
        cell = self._cell(cells, Field.BIRTH_DATE)
        born = self._required(
            Field.BIRTH_DATE, lambda: birth_date(clean.text(cell), self._order, self._today)
        )
        if born is None and not race.for_children:
            raise self._reject_field(
                Field.BIRTH_DATE,
                "is blank, so nobody can tell whether this is a child",
                "fill in the birth date",
            )
        return born

    def _wave(self, cells: list[str], race: RaceFacts) -> int | None:
        name = self._optional(cells, Field.WAVE, _word)
        if not name:
            return None
        wave = race.wave(name)
        if wave is None and (race.id, name) not in self._unknown_waves:
            self._unknown_waves.add((race.id, name))
            shown = f"'{name}'" if len(name) <= SHOWN_WAVE else "this"
            self._note(
                self._layout.heading(Field.WAVE),
                f"{shown} is not a wave of {race.slug}; all rows with it go in without a wave",
                "add the wave to the event, then bring the list in again",
            )
        return wave

    def _first_timer(self, cells: list[str]) -> bool | None:
        cell = self._cell(cells, Field.FIRST_TIMER)
        return clean.is_yes(cell) if cell else None

    def _status(self, cells: list[str]) -> str | None:
        """None when the list has no statuses: then those given here stand."""
        if not self._layout.has(Field.STATUS):
            return None
        word = (self._optional(cells, Field.STATUS, clean.text) or "").lower()
        status = self._layout.mapping.statuses.get(word)
        if status is None and word:
            self.unknown_statuses[word[:LONGEST_WORD]] += 1
        return status or "held"

    def _answered_at(self, cells: list[str]) -> datetime | None:
        places = self._layout.places.get(Field.ANSWERED_AT, ())
        return next((found for place in places if (found := clean.moment(cells[place]))), None)

    def _cell(self, cells: list[str], field: Field) -> str:
        return _first_filled(cells, self._layout.places.get(field, ()))

    def _optional(self, cells: list[str], field: Field, read: Callable[[str], Value]) -> Value | None:
        """None when the list has no such column or the cell has a problem: neither means "there is none"."""
        if not self._layout.has(field):
            return None
        try:
            return read(self._cell(cells, field))
        except CellError as error:
            self._note(self._layout.heading(field), error.problem, error.cure)
            return None

    def _required(self, field: Field, read: Callable[[], Value]) -> Value:
        try:
            return read()
        except CellError as error:
            raise self._reject_field(field, error.problem, error.cure) from error

    def _reject_field(self, field: Field, problem: str, cure: str) -> _RowError:
        return self._reject(self._layout.heading(field), problem, cure)

    def _reject(self, column: str, problem: str, cure: str) -> _RowError:
        self._note(column, problem, cure)
        return _RowError()

    def _note(self, column: str, problem: str, cure: str) -> None:
        self.problems.append(Problem(self._row.number, column, problem, cure))


def _first_filled(cells: list[str], places: tuple[int, ...]) -> str:
    for place in places:
        if (cell := cells[place]).strip():
            return cell
    return ""


def _word(cell: str) -> str:
    return clean.text(cell, LONGEST_WORD)


def _doubled(row: int, heading: str) -> Problem:
    return Problem(
        row,
        heading,
        "stands above more than one column, and the first of them was read",
        "rename the others if that was the wrong one",
    )
