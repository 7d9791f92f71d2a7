"""`aidstation rehearse`: the whole campaign on a virtual clock, in words, JSON or one HTML page."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from campaigns.cli import given, output, ready
from campaigns.cli.event import event_named

if TYPE_CHECKING:
    from campaigns.models import Event
    from campaigns.rehearsal import Line, Person, Rehearsal, StepFigures, WhatIf


@click.command()
@click.argument("slug")
@click.option(
    "--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the report as one HTML page."
)
@click.option("--entrant", "who", metavar="WHO", help="One timeline: by bib, id:17, or part of a name.")
@click.option("--move-race", "move_to", metavar="DATE", help="What if the race moves to this day?")
@click.option("--withdraw", metavar="WHO|N%", help="What if this entrant, or this share of all, withdraws?")
@click.option("--on", "on", metavar="DATE", help="The day of the move or the withdrawal [default: now].")
@click.option("--late-entrant", "late", metavar="DATE", help="What comes to somebody who enters on this day?")
@click.option(
    "--worker-down",
    "down",
    nargs=2,
    metavar="FROM TO",
    help="What if nothing is sent between these moments, such as 2027-08-03T09:00 2027-08-04T12:00?",
)
@output.json_option
def rehearse(slug: str, html: Path | None, who: str | None, as_json: bool, **asked: Any) -> None:
    """Run the campaign of event SLUG on a virtual clock: who gets what, when, and at what cost.

    Nothing is sent and nothing is changed. Steps that nobody has approved yet run as if they were.
    """
    ready.prepare()
    from campaigns import rehearsal

    event = event_named(slug)
    try:
        found = rehearsal.rehearse(event, _what_if(event, **asked))
    except rehearsal.RehearsalError as error:
        output.refuse(error)
    people = _named(found, who) if who else []
    if html:
        _write_page(html, found)
    if as_json:
        output.print_json(_as_json(found, people or found.people))
    elif people:
        for person in people:
            _show_person(person, found)
    else:
        _show(found)
    if html and not as_json:
        click.echo(f"The report is in {html}: it has names in it, and is for the organisers alone.")


def _write_page(file: Path, found: Rehearsal) -> None:
    """Readable by its owner alone: entrants' names stand in it."""
    from campaigns.web.rehearsal_page import page

    text = page(found)
    try:
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise output.Refused(
            f"{file} cannot be written ({error.strerror}): give another path for the report."
        ) from error


def _what_if(
    event: Event,
    move_to: str | None,
    withdraw: str | None,
    on: str | None,
    late: str | None,
    down: tuple[str, str] | None,
) -> WhatIf:
    from campaigns.rehearsal import WhatIf

    if on and not (move_to or withdraw):
        raise output.Refused("--on is the day of --move-race or --withdraw: give one of them too.")
    return WhatIf(
        move_to=given.day(move_to) if move_to else None,
        withdraw=_withdrawing(event, withdraw) if withdraw else (),
        on=given.day(on) if on else None,
        late_entrant=given.day(late) if late else None,
        down=_span(down, event) if down else None,
    )


def _withdrawing(event: Event, text: str) -> list[int]:
    """The entrant named, or that share of the confirmed ones, spread over the list and the same each time."""
    from campaigns import people
    from campaigns.models.words import EntrantStatus

    share = text.removesuffix("%")
    if share == text:
        try:
            return [people.find(event, text).id]
        except people.PersonError as error:
            output.refuse(error)
    if not share.isdecimal() or not 0 < int(share) <= 100:
        raise output.Refused(f"'{text}' is not a share: write 1% to 100%, or a bib or id:17.")
    ids = list(
        event.entrants.filter(status=EntrantStatus.CONFIRMED).order_by("id").values_list("id", flat=True)
    )
    wanted = ceil(len(ids) * int(share) / 100)
    return [ids[place * len(ids) // wanted] for place in range(wanted)] if ids else []


def _span(down: tuple[str, str], event: Event) -> tuple[datetime, datetime]:
    begin, end = (_moment(text, event) for text in down)
    if begin >= end:
        raise output.Refused("--worker-down ends before it begins: give the earlier moment first.")
    return begin, end


def _moment(text: str, event: Event) -> datetime:
    """A moment by the event's clock, from a day or a day and a time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise output.Refused(
            f"'{text}' is not a moment: write day and time, such as 2027-08-03T09:00."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=event.zone)


def _named(found: Rehearsal, who: str) -> list[Person]:
    """The entrants whom a bib, an id or a part of a name means."""
    kind, _, number = who.partition(":")
    wanted = [
        person
        for person in found.people
        if who.lower() in person.name.lower()
        or who == person.bib
        or (kind == "id" and number == str(person.id))
    ]
    if not wanted:
        raise output.Refused(f"Nobody here is called {who}: give a bib, id:17 or part of a name.")
    return wanted


def _show(found: Rehearsal) -> None:
    """The calendar, what is worth a look, and the timeline of somebody invented."""
    from campaigns.rehearsal import words

    click.echo(words.summary(found))
    for sentence in found.tried:
        click.echo(f"What if: {sentence}")
    if unapproved := words.unapproved(found):
        click.echo(unapproved)
    table = Table("Step", "By", f"Moment ({found.zone.key})", "People", "Left out")
    for step in [*found.planned, *(step for step in found.steps if not step.first)]:
        moment = "\n".join(filter(None, (words.moments(step, found), words.moved(step, found))))
        table.add_row(step.name, step.channel, moment, f"{step.people:,}", words.reasons(step))
    Console().print(table)
    for clash in found.clashes:
        click.echo(f"- {words.clash(clash)}")
    for person in found.people:
        if person.invented:
            _show_person(person, found)


def _show_person(person: Person, found: Rehearsal) -> None:
    from campaigns.rehearsal import words

    click.echo(f"{person.name} (id:{person.id}), {words.place(person)}, {person.status}")
    table = Table("Moment", "Step", "What comes")
    for line in person.lines:
        table.add_row(words.moment(line.at, found), line.step, words.fate(line))
    Console().print(table)


def _as_json(found: Rehearsal, people: list[Person]) -> dict[str, Any]:
    """Everything by number and name of step; of entrants their entry's number, never a name or an address."""
    return {
        "event": found.slug,
        "date": found.day,
        "was_date": found.was_day,
        "begun": found.begun,
        "steps": [_step_json(step) for step in found.steps],
        "entrants": [_person_json(person) for person in people],
        "emails": found.emails,
        "texts": found.texts,
        "sms_segments": found.segments,
        "cost": found.cost,
        "tried": found.tried,
        "clashes": [{"words": clash.words, "people": clash.people} for clash in found.clashes],
    }


def _step_json(step: StepFigures) -> dict[str, Any]:
    return {
        "name": step.name,
        "kind": step.kind,
        "channel": step.channel,
        "state": step.state,
        "as_if_approved": step.as_if_approved,
        "due_at": step.first,
        "last_due_at": step.last,
        "was_due_at": step.was,
        "people": step.people,
        "sent_before": step.earlier,
        "emails": step.emails,
        "texts": step.texts,
        "sms_segments": step.segments,
        "late": step.late,
        "left_out": dict(step.left_out),
    }


def _person_json(person: Person) -> dict[str, Any]:
    return {
        "entrant": person.id,
        "race": person.race,
        "wave": person.wave,
        "status": person.status,
        "invented": person.invented,
        "timeline": [_line_json(line) for line in person.lines],
    }


def _line_json(line: Line) -> dict[str, Any]:
    return {
        "step": line.step,
        "channel": line.channel,
        "state": line.state,
        "reason": line.reason,
        "due_at": line.due_at,
        "sent_at": line.sent_at,
        "carried": line.carried,
    }
