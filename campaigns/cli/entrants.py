"""`aidstation entrants`: bring in an entry list, and look at who is entered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from campaigns.cli import importing, output, people, ready, rights
from campaigns.cli.event import event_named

if TYPE_CHECKING:
    from campaigns.models import Entrant, Event


@click.group()
def entrants() -> None:
    """Entry lists and the people on them."""


@entrants.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--event", "slug", required=True, metavar="SLUG", help="The event that the list belongs to.")
@click.option(
    "--mapping",
    "mapping_file",
    type=click.Path(path_type=Path),
    metavar="TOML",
    help="Which column is what, for a list that is not known. It is remembered for lists with these headings.",
)
@click.option(
    "--suggest-mapping",
    is_flag=True,
    help="Print a guess at such a file, to be corrected, and import nothing.",
)
@click.option(
    "--dates",
    type=click.Choice(["day-first", "month-first"]),
    help="Which stands first in birth dates, when the list itself does not prove it.",
)
@click.option(
    "--complete",
    is_flag=True,
    help="Everybody is on this list: withdraw who is missing from it. More than 5 % of the entrants are "
    "withdrawn only by a yes at the terminal, or with --yes.",
)
@click.option(
    "--same",
    multiple=True,
    type=int,
    metavar="ROW",
    help="This row of a held pair is the entrant who leaves, with a correction. May be given often.",
)
@click.option(
    "--different",
    multiple=True,
    type=int,
    metavar="ROW",
    help="This row of a held pair is somebody else. May be given often.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before changing anything.")
@output.json_option
@output.as_option
def import_(file: Path, slug: str, suggest_mapping: bool, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Import the entry list FILE (CSV or .xlsx): new entrants in, known ones brought up to date.

    Lists of Let's Do This, RunSignup, SI Entries and Eventbrite are known; any other is read by a mapping
    that you confirm once. Rows with a problem are listed with its cure and stay out; all others go in
    together or not at all. The same file may be imported again and again. Who is missing from a later list
    stays, unless you say that it is --complete.
    """
    ready.prepare()
    from campaigns.entry_lists.dates import DateOrderError
    from campaigns.entry_lists.imports import NotComplete
    from campaigns.entry_lists.sheet import ListError

    event = event_named(slug)
    try:
        if suggest_mapping:
            click.echo(importing.suggestion(file, event), nl=False)
            return
        done = importing.run(file, event, as_json=as_json, dry_run=dry_run, **given)
    except NotComplete as error:
        raise output.Refused(
            f"{error}: correct what --dry-run without --complete shows, or import it without --complete."
        ) from error
    except (ListError, DateOrderError) as error:
        output.refuse(error)
    except KeyboardInterrupt:
        raise output.Refused(
            "Interrupted: nothing is half done, import the list again when you like."
        ) from None
    if as_json:
        output.print_json(importing.as_json(done, dry_run))
    else:
        importing.tell(done, slug, dry_run)


@entrants.command()
@click.argument("search", required=False, default="")
@click.option("--event", "slug", required=True, metavar="SLUG", help="The event whose entrants to show.")
@click.option("--held", is_flag=True, help="Only those who wait for a person to act, and what for.")
@click.option("--flagged", is_flag=True, help="Only those whose address or phone nothing reaches, and why.")
@output.json_option
def show(search: str, slug: str, held: bool, flagged: bool, as_json: bool) -> None:
    """Show the entrants of an event, or those whose name or bib number holds SEARCH."""
    ready.prepare()
    found = _shown(event_named(slug), search, held, flagged)
    if as_json:
        for facts in found:
            output.print_json(facts)
        return
    table = Table("Bib or id", "Name", "Race", "Wave", "Status", "Consents")
    for facts in found:
        status = ": ".join(filter(None, (facts["status"], facts["hold_reason"], *facts["flags"])))
        cells = (
            facts["bib"] or f"id:{facts['id']}",
            facts["name"],
            facts["race"],
            facts["wave"],
            status,
            ", ".join(facts["consents"]),
        )
        table.add_row(*(Text(cell) for cell in cells))
    importing.print_table(table)
    click.echo("1 entrant" if table.row_count == 1 else f"{table.row_count:,} entrants")


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


def _shown(event: Event, search: str, held: bool, only_flagged: bool) -> Iterator[dict[str, Any]]:
    """What to show of each entrant; of those alone who wait for a person to act (`held`) or have a flag."""
    from campaigns.flags import flagged
    from campaigns.people import waiting

    why = waiting(event) if held else {}
    flags = flagged(event)
    for entrant in _entrants(event, search):
        if (held and entrant.id not in why) or (only_flagged and entrant.id not in flags):
            continue
        facts = _facts(entrant, flags.get(entrant.id, []))
        yield {**facts, "hold_reason": why[entrant.id]} if held else facts


def _facts(entrant: Entrant, flags: list[str]) -> dict[str, Any]:
    given = [consent for consent in entrant.consents.all() if consent.granted]
    return {
        "id": entrant.id,
        "bib": entrant.bib,
        "name": f"{entrant.first_name} {entrant.last_name}".strip(),
        "race": entrant.race.slug,
        "wave": entrant.wave.name if entrant.wave else "",
        "status": entrant.status,
        "hold_reason": entrant.hold_reason,
        "flags": flags,
        "consents": sorted(f"{consent.channel} {consent.purpose}" for consent in given),
    }


for command in (*people.COMMANDS, *rights.ENTRANTS_COMMANDS):
    entrants.add_command(command)
