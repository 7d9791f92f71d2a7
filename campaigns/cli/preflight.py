"""`aidstation campaign preflight`: everything that can be known of a plan's messages before the first one goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from campaigns import said
from campaigns.cli import output, ready

if TYPE_CHECKING:
    from campaigns.preflight import Finding, Report, StepFigures

MARKS = {"error": "[bold red]Error[/]", "warning": "[yellow]Look[/]", "note": "[dim]Note[/]"}


@click.command()
@click.argument("slug")
@click.option("--step", "steps", multiple=True, metavar="NAME", help="Only this step; may be given again.")
@click.option("--offline", is_flag=True, help="Do not look up SPF, DKIM and DMARC.")
@output.json_option
def preflight(slug: str, steps: tuple[str, ...], offline: bool, as_json: bool) -> None:
    """Make every message of event SLUG's plan for every entrant, and say what is wrong before it goes.

    Nothing is sent and nothing is changed. Exits with 1 when something has to be put right first.
    """
    ready.prepare()
    from campaigns.cli.event import event_named
    from campaigns.preflight import PreflightError, look

    event = event_named(slug)
    try:
        with drawn(not as_json) as draw:
            report = look(event, steps, ask_dns=not offline, progress=draw)
    except PreflightError as error:
        output.refuse(error)
    if as_json:
        output.print_json(_plain(report))
    else:
        _show(report)
    if report.errors:
        raise SystemExit(output.REFUSED)


@contextmanager
def drawn(wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar of how many messages are made, on a terminal alone."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("Making every message"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeRemainingColumn(),
        console=console,
        disable=not (wanted and console.is_terminal),
        # A thread that draws would be copied, stopped, into the processes that make the messages.
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task("", total=1)

    def draw(done: int, total: int) -> None:
        bar.update(task, completed=done, total=max(total, 1))
        bar.refresh()

    with bar:
        yield draw


def _show(report: Report) -> None:
    console = Console()
    zone = ZoneInfo(report.timezone)
    table = Table("Step", "By", f"Leaves ({report.timezone})", "Messages", "People", "Left out", "Weight")
    for step in report.steps:
        table.add_row(
            step.name, step.channel, _leaves(step, zone), f"{step.messages:,}", f"{step.people:,}",
            _left_out(step), _weight(step),
        )  # fmt: skip
    console.print(table)
    console.print(_total(report))
    for finding in report.findings:
        where = f"{finding.step}: " if finding.step else ""
        how = f" Run `{finding.command}`." if finding.command else ""
        console.print(
            f"{MARKS[finding.severity]} {escape(where + finding.words + how)}{_who(finding)}", highlight=False
        )
    errors = len(report.errors)
    console.print(
        "Nothing stands in the way of approval." if not errors else f"{errors} to put right before approval."
    )


def _leaves(step: StepFigures, zone: ZoneInfo) -> str:
    """ "Tue 3 Aug 2027, 10:00-10:07"."""
    first, last = step.first_minute or step.first, step.last_minute
    if first is None:
        return "after a late entry" if step.kind == "catch_up" else "-"
    begins = first.astimezone(zone)
    words = f"{begins:%a} {begins.day} {begins:%b %Y, %H:%M}"
    if last is None or _minute(last) == _minute(first):
        return words
    ends = last.astimezone(zone)
    return f"{words}-{ends:%H:%M}" if ends.date() == begins.date() else f"{words} to {ends:%a %H:%M}"


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _left_out(step: StepFigures) -> str:
    return ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in step.left_out.most_common())


def _weight(step: StepFigures) -> str:
    words = []
    if step.largest_bytes:
        words.append(f"up to {step.largest_bytes:,} bytes")
    if step.texts:
        cost = f", {step.cost:,.2f}" if step.cost is not None else ""
        words.append(f"{said.texts(step.texts, step.segments)}{cost}")
    return "; ".join(words)


def _total(report: Report) -> str:
    emails, texts = (sum(getattr(step, kind) for step in report.steps) for kind in ("emails", "texts"))
    if not texts:
        return f"In all {said.count(emails, 'email')}."
    words = f"In all {said.count(emails, 'email')} and {said.texts(texts, report.segments)}"
    if report.cost is None:
        return f"{words}. What the texts cost is shown when the price of one is set (SMS_PRICE)."
    return f"{words}, which cost {report.cost:,.2f} at {report.price} each."


def _who(finding: Finding) -> str:
    if not finding.entrants:
        return ""
    more = " …" if finding.people > len(finding.entrants) else ""
    return f" [dim]({', '.join(f'id:{entrant}' for entrant in finding.entrants[:5])}{more})[/]"


def _plain(report: Report) -> dict[str, Any]:
    """For scripts: moments in UTC, money as text."""
    return {
        "event": report.slug,
        "at": report.at,
        "steps": [_step(step) for step in report.steps],
        "findings": [
            {
                "severity": finding.severity,
                "code": finding.code,
                "step": finding.step,
                "words": finding.words,
                "command": finding.command,
                "people": finding.people,
                "entrants": list(finding.entrants),
            }
            for finding in report.findings
        ],
        "errors": len(report.errors),
        "sms_segments": report.segments,
        "cost": report.cost,
    }


def _step(step: StepFigures) -> dict[str, Any]:
    return {
        "name": step.name,
        "channel": step.channel,
        "state": step.state,
        "due_at": step.first,
        "first_leaves_at": step.first_minute,
        "last_leaves_at": step.last_minute,
        "audience": step.audience,
        "recipients": step.people,
        "emails": step.emails,
        "texts": step.texts,
        "left_out": dict(step.left_out),
        "segments": step.segments,
        "most_segments": step.most_segments,
        "largest_bytes": step.largest_bytes,
        "cost": step.cost,
    }
