"""One import from the file to the entrants: sniff, map, clean, stage, compare and, if wanted, apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from campaigns import audit, clock
from campaigns.entry_lists import apply as applying
from campaigns.entry_lists import meeting, remembered, staging
from campaigns.entry_lists.dates import DateOrder
from campaigns.entry_lists.diff import Diff, compare
from campaigns.entry_lists.elsewhere import Elsewhere, elsewhere
from campaigns.entry_lists.entries import EventFacts, Problem, Reader, prove_dates
from campaigns.entry_lists.mapping import Layout, Mapping, bind, recognise, refuse_absent
from campaigns.entry_lists.matching import Word
from campaigns.entry_lists.races import RaceFacts
from campaigns.entry_lists.sheet import ListError, Row, Sheet
from campaigns.entry_lists.sniff import open_sheet
from campaigns.entry_lists.sources import SOURCES
from campaigns.models import Event


class NotComplete(ListError):
    """A list that is said to be complete has rows that cannot be read; the cure is the caller's to tell."""


Progress = Callable[[int, int], None]
"""Called with the lines of text read so far and all lines of the file."""

PROGRESS_EVERY = 200
NOTHING_SAID = Word()


@dataclass(frozen=True, slots=True)
class Import:
    """What became, or would become, of each row of a list."""

    source: str
    rows: int
    rejected: int
    diff: Diff
    problems: list[Problem]
    layout: Layout
    unknown_statuses: dict[str, int]
    """Words of the status column that hold an entrant because nobody knows them, and in how many rows."""
    says_it_is_for: str = ""
    """The meeting that the list names, where that is another than this event."""
    elsewhere: tuple[Elsewhere, ...] = ()
    """Other events that also write to people of this list."""

    @property
    def not_read(self) -> list[str]:
        """Headings of the columns that were dropped unread."""
        return self.layout.not_read

    @property
    def counts(self) -> dict[str, int]:
        """`rows` and the number of rows that ended in each way, which add up to it."""
        return {"rows": self.rows, **self.diff.outcomes, "rejected": self.rejected}

    @property
    def beside(self) -> dict[str, int]:
        """Entrants on no row: withdrawn for being absent, and those whose registration was handed on."""
        return {"absent": self.diff.absent, "transferred": self.diff.transferred}


def import_list(
    path: Path,
    event: Event,
    *,
    who: str,
    mapping: Mapping | None = None,
    dates: DateOrder | None = None,
    word: Word = NOTHING_SAID,
    confirm: Callable[[Import], bool] = lambda _: True,
    still: Callable[[Import], bool] = lambda _: True,
    progress: Progress = lambda _done, _all: None,
) -> Import:
    """Bring an event's entrants up to a list: all good rows in one transaction, or nothing at all.

    `confirm` sees what would change and decides whether it does; it is asked outside of any transaction. `still`
    sees it once more inside the transaction that changes it, when nobody else can change anything any more; with
    its no nothing is changed.
    `mapping` reads a list of any other platform, and is remembered for the organiser once it was confirmed.
    `dates` settles the order of day and month where the list does not prove it. Raises ListError, also for a
    `word` that the list is complete when not all of its rows can be read, and DateOrderError.
    """
    sheet = open_sheet(path)
    layout = _layout(sheet, event, mapping)
    order = prove_dates(sheet, layout, dates or layout.mapping.dates)
    today = clock.now().astimezone(event.zone).date()
    reader = Reader(layout, facts_of(event), order, today=today, heading_row=sheet.heading_row)
    with staging.staged_table():
        staging.stage(reader.entries(_reported(sheet, progress)), layout.mapping.source)
        _refuse_incomplete(word, reader)
        left_out = [*staging.reject_repeats(), *staging.reject_erased(event)]
        problems = sorted([*reader.problems, *left_out])
        shared = tuple(elsewhere(event))

        def result(diff: Diff) -> Import:
            rejected = reader.rejected + len(left_out)
            unknown = dict(reader.unknown_statuses)
            said = meeting.another(reader.meetings, event.name, event.date.year, reader.facts.races)
            return Import(
                layout.mapping.source, reader.rows, rejected, diff, problems, layout, unknown, said, shared
            )

        def compared() -> Import:
            return result(compare(event, layout, word))

        done = compared()
        # Asked about a mapping even when nothing would change: it is to be remembered.
        wanted = done.diff.changes_something or mapping is not None
        if not (wanted and confirm(done)):
            return done
        if done.diff.changes_something:
            done = _applied(event, who, compared, still)
    if mapping:
        remembered.remember(event, sheet.headings, mapping, who)
    return done


def _layout(sheet: Sheet, event: Event, mapping: Mapping | None) -> Layout:
    """How to read the list: as a person says, or has said of such a list before, or as a known platform's."""
    mapping = mapping or remembered.recall(event, sheet.headings)
    if mapping:
        refuse_absent(mapping, sheet.headings)
    return bind(mapping, sheet.headings) if mapping else recognise(sheet.headings, SOURCES)


def _refuse_incomplete(word: Word, reader: Reader) -> None:
    """A row that cannot be read may be anybody's: nobody could then be told to be absent."""
    if word.complete and reader.first_rejected:
        rows = "1 row" if reader.rejected == 1 else f"{reader.rejected:,} rows"
        first = f"row {reader.first_rejected.row}"
        column = f", column '{reader.first_rejected.column}'" if reader.first_rejected.column else ""
        raise NotComplete(
            f"{rows} of the list cannot be read (first: {first}{column}), so nobody can tell who is missing "
            "from it"
        )


def _applied(
    event: Event, who: str, compared: Callable[[], Import], still: Callable[[Import], bool]
) -> Import:
    with transaction.atomic():
        applying.take_turn(event)
        # Compared again: others may have changed these entrants while somebody thought about the preview.
        done = compared()
        if still(done) and done.diff.changes_something:
            audit.record(
                who, "entrants.import", event=event.slug, source=done.source, **done.counts, **done.beside
            )
            applying.apply(event, done.source, clock.now())
    return done


def facts_of(event: Event) -> EventFacts:
    """What reading a list needs to know of an event: its date, races and waves."""
    races = event.races.prefetch_related("waves").order_by("start", "id")
    return EventFacts(
        event.date,
        tuple(
            RaceFacts(
                race.id,
                race.slug,
                race.name,
                race.for_children,
                tuple((wave.name, wave.id) for wave in race.waves.all()),
            )
            for race in races
        ),
    )


def _reported(sheet: Sheet, progress: Progress) -> Iterator[Row]:
    for count, row in enumerate(sheet.rows()):
        if count % PROGRESS_EVERY == 0:
            progress(row.line, sheet.lines)
        yield row
    progress(sheet.lines, sheet.lines)
