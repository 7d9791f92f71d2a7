"""`aidstation entrants`: bring in an entry list, and look at who is entered."""

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

from campaigns.cli import output, ready
from campaigns.cli.event import event_named

if TYPE_CHECKING:
    from campaigns.entry_lists.imports import Import
    from campaigns.models import Entrant, Event

SHOWN_PROBLEMS = 20
PIPED_WIDTH = 200


@click.group()
def entrants() -> None:
    """Entry lists and the people on them."""


@entrants.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--event", "slug", required=True, metavar="SLUG", help="The event that the list belongs to.")
@click.option(
    "--dates",
    type=click.Choice(["day-first", "month-first"]),
    help="Which stands first in birth dates, when the list itself does not prove it.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before changing anything.")
@output.json_option
@output.as_option
def import_(
    file: Path, slug: str, dates: str | None, dry_run: bool, yes: bool, as_json: bool, who: str
) -> None:
    """Import the entry list FILE: new entrants in, known ones brought up to date.

    Rows with a problem are listed with its cure and stay out; all others go in together or not at all.
    The same file may be imported again and again.
    """
    ready.prepare()
    from campaigns.entry_lists.dates import DateOrder, DateOrderError
    from campaigns.entry_lists.imports import import_list
    from campaigns.entry_lists.sniff import ListError

    event = event_named(slug)
    shown = not as_json and Console(stderr=True).is_terminal
    try:
        with _progress(shown) as (progress, finish):

            def confirm(preview: Import) -> bool:
                finish()
                return not dry_run and (yes or as_json or _agreed(preview))

            done = import_list(
                file,
                event,
                who=who,
                dates=DateOrder(dates) if dates else None,
                confirm=confirm,
                progress=progress,
            )
    except (ListError, DateOrderError) as error:
        output.refuse(error)
    if as_json:
        output.print_json(_as_json(done, dry_run))
    else:
        _print(done, slug, dry_run)


@entrants.command()
@click.argument("search", required=False, default="")
@click.option("--event", "slug", required=True, metavar="SLUG", help="The event whose entrants to show.")
@output.json_option
def show(search: str, slug: str, as_json: bool) -> None:
    """Show the entrants of an event, or those whose name or bib number holds SEARCH."""
    ready.prepare()
    found = _entrants(event_named(slug), search)
    if as_json:
        for entrant in found:
            output.print_json(_facts(entrant))
        return
    table = Table("Bib", "Name", "Race", "Wave", "Status", "Consents")
    for entrant in found:
        facts = _facts(entrant)
        status = f"{facts['status']}: {facts['hold_reason']}" if facts["hold_reason"] else facts["status"]
        cells = (
            facts["bib"],
            facts["name"],
            facts["race"],
            facts["wave"],
            status,
            ", ".join(facts["consents"]),
        )
        table.add_row(*(Text(cell) for cell in cells))
    _print_table(table)
    click.echo("1 entrant" if table.row_count == 1 else f"{table.row_count:,} entrants")


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


def _agreed(preview: Import) -> bool:
    """Ask a person at the terminal; a script that calls without one has decided already."""
    if not _at_a_terminal():
        return True
    _print_preview(preview)
    return click.confirm("Import this?", abort=True)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _as_json(done: Import, dry_run: bool) -> dict[str, Any]:
    return {
        **done.counts,
        "problems": [problem._asdict() for problem in done.problems],
        "not_read": done.not_read,
        "source": done.source,
        "dry_run": dry_run,
        "columns": done.diff.columns,
        "changes": [{"row": row, "columns": columns} for row, columns in done.diff.changes],
    }


def _print(done: Import, slug: str, dry_run: bool) -> None:
    if dry_run:
        _print_preview(done)
    else:
        click.echo(f"{_rows(done)} imported into {slug}: {_outcomes(done)}.")
    if done.not_read:
        click.echo(f"Not read: {', '.join(done.not_read)}.")
    _print_problems(done)


def _print_preview(preview: Import) -> None:
    click.echo(f"{_rows(preview)} would go in as: {_outcomes(preview)}.")
    if preview.diff.columns:
        columns = ", ".join(f"{name} in {count:,}" for name, count in preview.diff.columns.items())
        click.echo(f"Would change: {columns}.")
    for row, changed in preview.diff.changes:
        click.echo(f"  row {row}: {', '.join(changed)}")


def _rows(done: Import) -> str:
    return "1 row" if done.rows == 1 else f"{done.rows:,} rows"


def _outcomes(done: Import) -> str:
    counts = {name: count for name, count in done.counts.items() if count and name != "rows"}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing to import"


def _print_problems(done: Import) -> None:
    if not done.problems:
        return
    table = Table("Row", "Column", "Problem", "Cure", title="Problems", title_justify="left")
    for problem in done.problems[:SHOWN_PROBLEMS]:
        table.add_row(*(Text(str(cell)) for cell in problem))
    _print_table(table)
    if len(done.problems) > SHOWN_PROBLEMS:
        click.echo(f"and {len(done.problems) - SHOWN_PROBLEMS:,} more: --json lists them all.")


def _print_table(table: Table) -> None:
    """As wide as the terminal; in a file or a pipe, wide enough to be searched line by line."""
    Console(width=None if Console().is_terminal else PIPED_WIDTH).print(table)


def _entrants(event: Event, search: str) -> Iterator[Entrant]:
    from django.db.models import Q, TextField, Value
    from django.db.models.functions import Concat

    found = event.entrants.annotate(
        name=Concat("first_name", Value(" "), "last_name", output_field=TextField())
    )
    if search:
        found = found.filter(Q(name__icontains=search) | Q(bib__iexact=search))
    return iter(
        found.select_related("race", "wave")
        .prefetch_related("consents")
        .order_by("last_name", "first_name", "id")
        .iterator(chunk_size=2000)
    )


def _facts(entrant: Entrant) -> dict[str, Any]:
    given = [consent for consent in entrant.consents.all() if consent.granted]
    return {
        "id": entrant.id,
        "bib": entrant.bib,
        "name": f"{entrant.first_name} {entrant.last_name}".strip(),
        "race": entrant.race.slug,
        "wave": entrant.wave.name if entrant.wave else "",
        "status": entrant.status,
        "hold_reason": entrant.hold_reason,
        "consents": sorted(f"{consent.channel} {consent.purpose}" for consent in given),
    }
