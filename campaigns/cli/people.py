"""`aidstation entrants guardian|guardians|hold|release|release-all|keep-all|mark`: done by hand, to one bib or many."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import click

from campaigns.cli import output, ready
from campaigns.cli.event import event_named
from campaigns.cli.output import Refused

if TYPE_CHECKING:
    from campaigns.models import Entrant, Event
    from campaigns.people import Contact, Marked

HEADINGS = frozenset({"bib", "bib number", "number", "race number"})
"""What may stand above the bibs of a file."""

SHOWN_BIBS = 20

_person = click.argument("word", metavar="BIB-OR-ID")
_event = click.option("--event", "slug", required=True, metavar="SLUG", help="The event they are entered in.")


@click.command()
@_person
@_event
@click.option("--name", required=True, help="The guardian's name.")
@click.option("--email", default="", metavar="ADDRESS", help="The guardian's email address.")
@click.option("--mobile", default="", metavar="NUMBER", help="The guardian's mobile number.")
@click.option("--keep-address", is_flag=True, help="The entry's address is the guardian's already.")
@output.json_option
@output.as_option
def guardian(
    word: str, slug: str, name: str, email: str, mobile: str, keep_address: bool, as_json: bool, who: str
) -> None:
    """Say whose address stands in a child's entry.

    BIB-OR-ID is a bib, or an id written as id:17. The guardian's address takes the place of the entry's, whose
    number goes as well unless --mobile gives another: both may be the child's own. What was held for want of a
    guardian goes out if it is still in time.
    """
    if keep_address == bool(email) or (keep_address and mobile):
        raise click.UsageError("Give the guardian's --email (and --mobile), or --keep-address alone.")
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, people

    entrant = _entrant(event_named(slug), word)
    contact = None if keep_address else _contact(email, mobile)
    try:
        with transaction.atomic():
            people.name_guardian(entrant, name, contact, source=f"said by {who}")
            audit.record(who, "entrants.guardian", event=slug, entrant=entrant.id, kept=keep_address)
    except people.PersonError as error:
        output.refuse(error)
    if as_json:
        output.print_json({"entrant": entrant.id, "address": "kept" if keep_address else "replaced"})
    else:
        click.echo(f"Messages for {_called(entrant)} go to {name}{_not_texted(contact)}.")


@click.command()
@_event
@click.option(
    "--keep-addresses", is_flag=True, required=True, help="The entries' addresses are the guardians'."
)
@output.json_option
@output.as_option
def guardians(slug: str, keep_addresses: bool, as_json: bool, who: str) -> None:  # noqa: ARG001 - it has to be said
    """Say of all children who wait for a guardian that the address in the entry is a parent's or guardian's.

    Right only where the entry form asks for such an address of whoever is under 18. Who has no address waits on.
    """
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, people

    event = event_named(slug)
    with transaction.atomic():
        named = people.name_all_guardians(event, source=f"said of all by {who}")
        audit.record(who, "entrants.guardians", event=slug, entrants=named)
    if as_json:
        output.print_json({"named": named})
    else:
        children = "1 child" if named == 1 else f"{named:,} children"
        click.echo(f"Messages for {children} go to the addresses in their entries.")


@click.command()
@_person
@_event
@click.option("--reason", default="", help="Why, for whoever looks at this next.")
@output.json_option
@output.as_option
def hold(word: str, slug: str, reason: str, as_json: bool, who: str) -> None:
    """Send nothing to one entrant until they are released.

    BIB-OR-ID is a bib, or an id written as id:17.
    """
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, people

    entrant = _entrant(event_named(slug), word)
    try:
        with transaction.atomic():
            changed = people.hold(entrant, reason)
            if changed:
                audit.record(who, "entrants.hold", event=slug, entrant=entrant.id)
    except people.PersonError as error:
        output.refuse(error)
    _tell(entrant, "held", changed, as_json)


@click.command()
@_person
@_event
@output.json_option
@output.as_option
def release(word: str, slug: str, as_json: bool, who: str) -> None:
    """End a hold: what waited goes out if it is still in time.

    BIB-OR-ID is a bib, or an id written as id:17.
    """
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, people

    entrant = _entrant(event_named(slug), word)
    try:
        with transaction.atomic():
            changed = people.release(entrant)
            if changed:
                audit.record(who, "entrants.release", event=slug, entrant=entrant.id)
    except people.PersonError as error:
        output.refuse(error)
    _tell(entrant, "confirmed", changed, as_json)


def _together(name: str, help_text: str, said: str) -> click.Command:
    """A command for all whom one reason holds."""

    @click.command(name, help=help_text)
    @_event
    @click.option(
        "--reason",
        required=True,
        metavar="TEXT",
        help="As `entrants show --held` says it, whole and unchanged.",
    )
    @output.json_option
    @output.as_option
    def act(slug: str, reason: str, as_json: bool, who: str) -> None:
        ready.prepare()
        from django.db import transaction

        from campaigns import audit, held

        event = event_named(slug)
        change, noted = {
            "release-all": (held.release, "entrants.release"),
            "keep-all": (held.keep, "entrants.hold"),
        }[name]
        with transaction.atomic():
            ids = change(event, reason)
            if ids:
                audit.record(who, noted, event=slug, entrants=len(ids), ids=ids[: held.MOST_NAMED])
        if as_json:
            output.print_json({"entrants": len(ids)})
        elif ids:
            click.echo(f"{_entrants(len(ids))} {said}.")
        else:
            click.echo(f"Nobody is held for this reason.{_reasons(event)}")

    return act


release_all = _together(
    "release-all",
    "End the hold of all whom one reason holds: what waited goes out if it is still in time.\n\n"
    "A child for whom nobody has named a guardian goes on waiting for that.",
    "released",
)
keep_all = _together(
    "keep-all",
    "Keep all held whom one reason of a list holds, so that no later list releases them.",
    "kept held, whatever a later list says",
)


def _reasons(event: Event) -> str:
    from campaigns import held

    found = [f"“{one.reason}” ({len(one.ids):,})" for one in held.together(event)]
    return f" Those that hold somebody: {', '.join(found)}." if found else ""


@click.command()
@click.argument("status", type=click.Choice(["started", "finished", "dns", "dnf"]))
@click.argument("bibs", nargs=-1, metavar="[BIB]...")
@_event
@click.option(
    "--file", "file", type=click.Path(path_type=Path), help="Bibs from a file, the first thing on each line."
)
@output.json_option
@output.as_option
def mark(status: str, bibs: tuple[str, ...], slug: str, file: Path | None, as_json: bool, who: str) -> None:
    """Mark who started, finished, did not start (dns) or did not finish (dnf), by bib.

    All bibs that are known are marked together; those that nobody has, or more than one entrant has, are named
    and change nothing. The exit code is 1 only when not one bib was known. Who is dns gets no planned message
    from race day on. A later mark replaces an earlier one.
    """
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, people
    from campaigns.models.words import RaceStatus

    event = event_named(slug)
    wanted = [bib.strip() for bib in (*bibs, *(_bibs_in(file) if file else ())) if bib.strip()]
    if not wanted:
        raise Refused("No bib was given: write bibs after the word, or name a file with --file.")
    with transaction.atomic():
        marked = people.mark(event, wanted, RaceStatus(status))
        if not marked.known:
            raise Refused(f"No entrant of {slug} was marked. {' '.join(_left_out(marked))}")
        counts = {"changed": marked.changed, "left_out": len(marked.unknown) + len(marked.shared)}
        audit.record(who, "entrants.mark", event=slug, status=status, **counts)
    if as_json:
        output.print_json(
            {
                "status": status,
                "changed": marked.changed,
                "as_before": marked.as_before,
                "unknown": marked.unknown,
                "shared": marked.shared,
            }
        )
        return
    click.echo(f"{_entrants(marked.changed)} marked {status}, {marked.as_before:,} as before.")
    for sentence in _left_out(marked):
        click.echo(sentence, err=True)


COMMANDS = (guardian, guardians, hold, release, release_all, keep_all, mark)
"""For the group `entrants`."""


def _entrant(event: Event, word: str) -> Entrant:
    from campaigns import people

    try:
        return people.find(event, word)
    except people.PersonError as error:
        output.refuse(error)


def _contact(email: str, mobile: str) -> Contact:
    from campaigns.entry_lists import clean
    from campaigns.people import Contact

    option = "--email"
    try:
        address = clean.email(email)
        option = "--mobile"
        phone = clean.phone(mobile)
    except clean.CellError as error:
        raise Refused(f"{option} {error.problem}: {error.cure}.") from error
    if not address:
        raise Refused("--email is blank: give the guardian's address.")
    if mobile and not phone.number:
        raise Refused("--mobile is not a whole number: write it with its area code, or leave it out.")
    return Contact(address, phone.number, phone.mobile_ok)


def _not_texted(contact: Contact | None) -> str:
    if contact is None or not contact.mobile or contact.mobile_ok:
        return ""
    return ", by email only: the number is not a mobile number"


def _bibs_in(file: Path) -> list[str]:
    """The first cell of each line, without the heading. The bibs of results are often exported as CSV."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            cells = [row[0].strip() for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{file} cannot be read: give a text file with one bib a line.") from error
    return cells[1:] if cells and cells[0].lower() in HEADINGS else cells


def _left_out(marked: Marked) -> list[str]:
    sentences = []
    if marked.unknown:
        sentences.append(f"Nobody who is entered has {_listed(marked.unknown)}.")
    if marked.shared:
        sentences.append(
            f"More than one entrant has {_listed(marked.shared)}: give each a number of their own."
        )
    return sentences


def _listed(bibs: list[str]) -> str:
    shown = ", ".join(bibs[:SHOWN_BIBS])
    more = f" and {len(bibs) - SHOWN_BIBS:,} more" if len(bibs) > SHOWN_BIBS else ""
    return f"{'bib' if len(bibs) == 1 else 'bibs'} {shown}{more}"


def _tell(entrant: Entrant, status: str, changed: bool, as_json: bool) -> None:
    if as_json:
        output.print_json({"entrant": entrant.id, "status": status, "changed": changed})
    else:
        click.echo(f"{_called(entrant)} is {status}{'' if changed else ' already'}.")


def _called(entrant: Entrant) -> str:
    return f"{entrant.first_name} {entrant.last_name}".strip()


def _entrants(count: int) -> str:
    return "1 entrant" if count == 1 else f"{count:,} entrants"
