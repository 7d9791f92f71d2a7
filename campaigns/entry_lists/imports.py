"""One import from the file to the entrants: sniff, map, clean, stage, compare and, if wanted, apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from campaigns import audit, clock
from campaigns.entry_lists import apply as applying
from campaigns.entry_lists import staging
from campaigns.entry_lists.dates import DateOrder
from campaigns.entry_lists.diff import Diff, compare
from campaigns.entry_lists.entries import EventFacts, Problem, Reader, prove_dates
from campaigns.entry_lists.mapping import Layout, recognise
from campaigns.entry_lists.races import RaceFacts
from campaigns.entry_lists.sniff import Row, Sheet, open_sheet
from campaigns.entry_lists.sources import SOURCES
from campaigns.models import Event

Progress = Callable[[int, int], None]
"""Called with the lines of text read so far and all lines of the file."""

PROGRESS_EVERY = 200


@dataclass(frozen=True, slots=True)
class Import:
    """What became, or would become, of each row of a list."""

    source: str
    rows: int
    rejected: int
    diff: Diff
    problems: list[Problem]
    not_read: list[str]
    """Headings of the columns that were dropped unread."""

    @property
    def counts(self) -> dict[str, int]:
        """`rows` and the number of rows that ended in each way, which add up to it."""
        return {"rows": self.rows, **self.diff.outcomes, "rejected": self.rejected}


def import_list(
    path: Path,
    event: Event,
    *,
    who: str,
    dates: DateOrder | None = None,
    confirm: Callable[[Import], bool] = lambda _: True,
    progress: Progress = lambda _done, _all: None,
) -> Import:
    """Bring an event's entrants up to a list: all good rows in one transaction, or nothing at all.

    `confirm` sees what would change and decides whether it does; it is asked outside of any transaction.
    `dates` settles the order of day and month where the list does not prove it. Raises ListError and
    DateOrderError.
    """
    sheet = open_sheet(path)
    layout = recognise(sheet.headings, SOURCES)
    order = dates or layout.mapping.dates or prove_dates(sheet, layout)
    reader = _reader(layout, event, order)
    with staging.staged_table():
        staging.stage(reader.entries(_reported(sheet, progress)), layout.mapping.source)
        repeats = staging.reject_repeats()
        problems = sorted([*reader.problems, *repeats])

        def result(diff: Diff) -> Import:
            rejected = reader.rejected + len(repeats)
            return Import(layout.mapping.source, reader.rows, rejected, diff, problems, layout.not_read)

        preview = result(compare(event, layout))
        if not (preview.diff.changes_something and confirm(preview)):
            return preview
        return _applied(event, layout, who, result)


def _applied(event: Event, layout: Layout, who: str, result: Callable[[Diff], Import]) -> Import:
    with transaction.atomic():
        applying.take_turn(event)
        # Compared again: others may have changed these entrants while somebody thought about the preview.
        done = result(compare(event, layout))
        if done.diff.changes_something:
            audit.record(who, "entrants.import", event=event.slug, source=done.source, **done.counts)
            applying.apply(event, layout.mapping.source, clock.now())
    return done


def _reader(layout: Layout, event: Event, order: DateOrder | None) -> Reader:
    now = clock.now()
    return Reader(layout, facts_of(event), order, now=now, today=now.astimezone(event.zone).date())


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
