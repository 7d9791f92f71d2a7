"""What `aidstation entrants import` asks, shows and tells; the import itself is `campaigns.entry_lists`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from campaigns.cli.output import Refused

if TYPE_CHECKING:
    from campaigns.entry_lists.guessing import Guess
    from campaigns.entry_lists.imports import Import
    from campaigns.entry_lists.mapping import Mapping
    from campaigns.models import Event

SHOWN_PROBLEMS = 20
PIPED_WIDTH = 200
LARGEST_DROP = 0.05
"""A complete list that leaves out a larger share of the entrants may be half a list."""


def run(
    file: Path,
    event: Event,
    *,
    who: str,
    mapping_file: Path | None,
    dates: str | None,
    complete: bool,
    same: tuple[int, ...],
    different: tuple[int, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> Import:
    """Import a list, asking a person where there is one. Raises ListError, DateOrderError and Refused."""
    from campaigns.entry_lists.dates import DateOrder
    from campaigns.entry_lists.imports import import_list
    from campaigns.entry_lists.mapping import UnknownList
    from campaigns.entry_lists.mapping_files import load_mapping
    from campaigns.entry_lists.matching import Word

    asking = _at_a_terminal() and not (yes or as_json)

    def imported(mapping: Mapping | None) -> Import:
        with _progress(not as_json and Console(stderr=True).is_terminal) as (progress, finish):

            def confirm(preview: Import) -> bool:
                finish()
                return not dry_run and (yes or _agreed(preview, asking))

            return import_list(
                file,
                event,
                who=who,
                mapping=mapping,
                dates=DateOrder(dates) if dates else None,
                word=Word(complete, same, different),
                confirm=confirm,
                progress=progress,
            )

    try:
        return imported(load_mapping(mapping_file) if mapping_file else None)
    except UnknownList:
        if not asking:
            raise
        return imported(_confirmed(_guess(file, event)))


def suggestion(file: Path, event: Event) -> str:
    """A guess at a list's mapping, as a file to start from."""
    from campaigns.entry_lists.guessing import as_toml

    return as_toml(_guess(file, event))


def _guess(file: Path, event: Event) -> Guess:
    from campaigns.entry_lists.guessing import guess
    from campaigns.entry_lists.imports import facts_of
    from campaigns.entry_lists.sniff import open_sheet

    return guess(open_sheet(file), facts_of(event).races)


def _confirmed(guessed: Guess) -> Mapping:
    """Show a person what the columns seem to be, and take a yes. Refuses when that cannot be enough."""
    click.echo("This list is not known yet. Its columns seem to be:")
    table = Table("Column", "Is read as")
    for wanted, headings in guessed.mapping.columns.items():
        for heading in headings:
            table.add_row(Text(heading), wanted.value)
    for heading in guessed.consents:
        table.add_row(Text(heading), "not read: a consent? Say so in a mapping file")
    print_table(table)
    if guessed.dropped:
        click.echo(f"Dropped unread: {', '.join(guessed.dropped)}.")
    if guessed.missing:
        raise Refused(
            f"No column seems to be the {' or the '.join(guessed.missing)}: write a mapping file "
            "(--suggest-mapping prints one to start from) and give it with --mapping."
        )
    click.confirm("Read it so, and remember it for lists with these headings?", abort=True)
    return guessed.mapping


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Any) -> Text:
        return Text(f"{task.speed:,.0f} rows/s" if task.speed else "")


@contextmanager
def _progress(shown: bool) -> Iterator[tuple[Callable[[int, int], None], Callable[[], None]]]:
    """A function that draws how far the reading is, and one that ends the drawing before a question."""
    bar = Progress(
        TextColumn("Reading"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )
    task = bar.add_task("", total=1)

    def draw(done: int, lines: int) -> None:
        bar.update(task, completed=done, total=lines)

    with bar:
        yield draw, bar.stop


def _agreed(preview: Import, asking: bool) -> bool:
    """Ask a person at the terminal; a script without one has decided already, but not on so large a drop."""
    if asking:
        _print_preview(preview)
        return click.confirm("Import this?", abort=True)
    if preview.diff.drop > LARGEST_DROP:
        raise Refused(f"{_drop(preview)}: if the list really is complete, import it with --yes.")
    return True


def _drop(preview: Import) -> str:
    drop = preview.diff
    return f"{drop.absent:,} of {drop.standing:,} entrants ({drop.drop:.0%}) are missing from the list"


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def as_json(done: Import, dry_run: bool) -> dict[str, Any]:
    """What a script relies on: the outcomes add up to `rows`."""
    return {
        **done.counts,
        "problems": [problem._asdict() for problem in done.problems],
        "not_read": done.not_read,
        "source": done.source,
        "dry_run": dry_run,
        **done.beside,
        "pairs": [pair._asdict() for pair in done.diff.pairs],
        "says_it_is_for": done.says_it_is_for,
        "elsewhere": [one._asdict() for one in done.elsewhere],
        "columns": done.diff.columns,
        "changes": [{"row": row, "columns": columns} for row, columns in done.diff.changes],
    }


def tell(done: Import, slug: str, dry_run: bool) -> None:
    """Say what became of the list, or what would."""
    if dry_run:
        _print_preview(done)
    else:
        _print_another(done)
        click.echo(f"{_rows(done)} imported into {slug}: {_outcomes(done)}.")
        _print_others(done, "Withdrawn")
    for one in done.elsewhere:
        click.echo(one.words, err=True)
    if done.not_read:
        click.echo(f"Not read: {', '.join(done.not_read)}.")
    _print_problems(done)


def _print_preview(preview: Import) -> None:
    _print_another(preview)
    click.echo(f"{_rows(preview)} would go in as: {_outcomes(preview)}.")
    if preview.diff.columns:
        columns = ", ".join(f"{name} in {count:,}" for name, count in preview.diff.columns.items())
        click.echo(f"Would change: {columns}.")
    for row, changed in preview.diff.changes:
        click.echo(f"  row {row}: {', '.join(changed)}")
    _print_others(preview, "Would be withdrawn")


def _print_another(done: Import) -> None:
    if done.says_it_is_for:
        click.echo(f"This list says it is for “{done.says_it_is_for}”: is it the right list?", err=True)


def _print_others(done: Import, withdrawn: str) -> None:
    """Entrants on no row, and rows that may be the same person as one who leaves."""
    if done.diff.absent:
        click.echo(f"{withdrawn}: {_drop(done)}.")
    if done.diff.transferred:
        click.echo(f"{withdrawn}: {done.diff.transferred:,} whose registration somebody else has now.")
    for pair in done.diff.pairs:
        click.echo(
            f"Held: row {pair.row} and entrant {pair.entrant}, who leaves, differ in the {pair.differs} only. "
            f"Import again with --same {pair.row} if this is one person, else with --different {pair.row}."
        )


def _rows(done: Import) -> str:
    return "1 row" if done.rows == 1 else f"{done.rows:,} rows"


def _outcomes(done: Import) -> str:
    counts = {name: count for name, count in done.counts.items() if count and name != "rows"}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing to import"


def _print_problems(done: Import) -> None:
    if not done.problems:
        return
    from campaigns.entry_lists.entries import causes

    found = causes(done.problems)
    table = Table("Row", "Column", "Problem", "Cure", "Rows", title="Problems", title_justify="left")
    for cause in found[:SHOWN_PROBLEMS]:
        table.add_row(*(Text(str(cell)) for cell in cause))
    print_table(table)
    if len(found) > SHOWN_PROBLEMS:
        click.echo(f"and {len(found) - SHOWN_PROBLEMS:,} more: --json lists the problems of every row.")


def print_table(table: Table) -> None:
    """As wide as the terminal; in a file or a pipe, wide enough to be searched line by line."""
    Console(width=None if Console().is_terminal else PIPED_WIDTH).print(table)
