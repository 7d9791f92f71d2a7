"""`aidstation check`: whether this station is fit to send to real people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from campaigns.cli import output, ready
from campaigns.cli.output import Refused

if TYPE_CHECKING:
    from campaigns.checking import Check

MARKS = {"good": "[green]good[/]", "look": "[yellow]look[/]", "wrong": "[red]WRONG[/]"}


@click.command()
@click.option(
    "--deploy", is_flag=True, help="Everything, as for real people; calls our own address and the providers."
)
@output.json_option
def check(deploy: bool, as_json: bool) -> None:
    """Say what is missing before this station sends to real people, each with its cure. Exits 1 when something is.

    Without --deploy only the running station is looked at: tables, processes, backups and people.
    """
    ready.prepare_without_tables()
    found = list(_all(deploy))
    wrongs = [one for one in found if one.state == "wrong"]
    if as_json:
        rows = [
            {"name": one.name, "state": str(one.state), "words": one.words, "cure": one.cure} for one in found
        ]
        output.print_json({"checks": rows, "wrong": len(wrongs)})
    else:
        _draw(found)
    if wrongs:
        raise Refused(f"{len(wrongs)} of {len(found)} are wrong: {', '.join(one.name for one in wrongs)}.")


def _all(deploy: bool) -> Iterator[Check]:
    from campaigns.deployment import reach_checks, settings_checks

    if deploy:
        yield from settings_checks.checks()
    yield from _station()
    if deploy:
        yield from reach_checks.checks()


def _station() -> Iterator[Check]:
    from django.db import Error

    from campaigns.checking import wrong
    from campaigns.deployment import station_checks

    try:
        yield from station_checks.checks()
    except Error:
        yield wrong(
            "database",
            "Postgres does not answer, or its tables are not there.",
            "See that it runs where DATABASE_URL says, and run `aidstation migrate`.",
        )


def _draw(found: list[Check]) -> None:
    table = Table("", "What", "How it stands")
    for one in found:
        cure = f"\n[bold]{one.cure}[/]" if one.cure else ""
        table.add_row(MARKS[one.state], one.name, f"{one.words}{cure}")
    Console().print(table)
