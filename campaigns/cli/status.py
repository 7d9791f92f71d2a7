"""`aidstation status` and `aidstation deliveries`: how things stand."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from campaigns.cli import output, ready

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@click.command()
@click.argument("slug")
@output.json_option
def status(slug: str, as_json: bool) -> None:
    """Counts per step and state of event SLUG, what comes next, lateness, doubts and stopped providers."""
    ready.prepare()
    from campaigns import alerts, report
    from campaigns.cli.event import event_named

    event = event_named(slug)
    found = report.status(event)
    if as_json:
        output.print_json(found)
        return
    click.echo(sentence(event.name, found, event.zone))
    table = Table("Step", "By", "State", f"Moment ({event.timezone})", "Deliveries")
    for step in found["steps"]:
        moment = shown_moment(step["due_at"], event.zone)
        table.add_row(step["name"], step["channel"], step["state"], moment, _in_words(step))
        if step["state_reason"]:
            table.add_row("", "", step["state_reason"])
    Console().print(table)
    for name, problem in found["unsigned"].items():
        click.echo(f"Step '{name}' is held back: {problem}.")
    for name, people in found["audiences_grown"].items():
        click.echo(
            f"The audience of '{name}' has grown by more than a fifth since its approval, to {people:,}."
        )
    if found["flagged"]:
        click.echo(
            f"Addresses or phones that nothing reaches: {found['flagged']:,}. "
            f"See aidstation entrants show --event {slug} --flagged."
        )
    for channel, reason in found["stopped_providers"].items():
        click.echo(f"Sending by {channel} has stopped: {reason}")
    for channel, waiting in found["stopped_alerts"].items():
        click.secho(
            f"ALERTS WAIT: {waiting:,} by {channel} have not left. They are tried every few seconds: "
            "see to the provider, or tell people another way.",
            fg="red",
            bold=True,
        )
    for warning in alerts.standing(event)[1]:
        click.secho(warning, fg="yellow")


def _in_words(step: dict[str, Any]) -> str:
    """ "336 sent, 100 skipped (no consent 100)"."""
    counts = ", ".join(f"{count:,} {state}" for state, count in step["counts"].items())
    reasons = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in step["reasons"].items())
    return f"{counts} ({reasons})" if reasons else counts


def sentence(name: str, found: dict[str, Any], zone: ZoneInfo) -> str:
    """One sentence that says how things stand and what comes next."""
    words = f"{name} on {found['date']:%a} {found['date'].day} {found['date']:%b %Y}: {found['entrants']:,} entrants"
    words += f", campaign {found['campaign']}"
    if found["incident_hold"]:
        words += ", INCIDENT HOLD"
    ahead = sorted((step for step in found["steps"] if step["ahead"]), key=lambda step: step["due_at"])
    if ahead:
        words += f". Next: {ahead[0]['name']} on {shown_moment(ahead[0]['due_at'], zone)}"
    if found["doubts"]:
        words += f". Doubts: {found['doubts']:,}"
    return f"{words}."


def shown_moment(moment: datetime | None, zone: ZoneInfo) -> str:
    """A moment as people of the race read it: "Tue 3 Aug 2027, 10:00"."""
    if moment is None:
        return ""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


@click.command()
@click.argument("slug")
@click.option("--step", default="", metavar="NAME", help="Only this step.")
@click.option("--state", default="", metavar="STATE", help="Only deliveries in this state.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@output.json_option
def deliveries(slug: str, step: str, state: str, as_csv: bool, as_json: bool) -> None:
    """The ledger of event SLUG: one line a delivery, as a table, CSV, or JSON lines with --json."""
    ready.prepare()
    from campaigns import report
    from campaigns.cli.event import event_named
    from campaigns.models.words import DeliveryState

    if state and state not in DeliveryState.values:
        raise output.Refused(
            f"There is no state '{state}': the states are {', '.join(DeliveryState.values)}."
        )
    event = event_named(slug)
    rows = report.deliveries(event, step=step, state=state)
    if as_json:
        for row in rows:
            output.print_json(row)
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, report.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    else:
        Console().print(_ledger_table(rows, event.zone))


def _ledger_table(rows: Iterable[dict[str, Any]], zone: ZoneInfo) -> Table:
    """What a person wants to see of each row; the rest stands in CSV and JSON."""
    table = Table("Step", "Entrant", "By", "State", "Reason", "Tries", "Due", "Sent")
    for row in rows:
        words = [row[name] for name in ("step", "entrant", "channel", "state", "reason", "attempts")]
        moments = [
            f"{row[name].astimezone(zone):%d %b %H:%M}" if row[name] else "" for name in ("due_at", "sent_at")
        ]
        table.add_row(*(str(word).replace("_", " ") for word in words), *moments)
    return table
