"""`aidstation entrants erase|export`: what people may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from campaigns.cli import output, ready
from campaigns.cli.event import event_named
from campaigns.cli.output import Refused

if TYPE_CHECKING:
    from campaigns.models import Entrant

_person = click.argument("word", metavar="BIB-OR-ID")
_event = click.option("--event", "slug", required=True, metavar="SLUG", help="The event they are entered in.")


@click.command()
@_person
@_event
@click.option("--yes", is_flag=True, help="Do not ask before erasing.")
@output.json_option
@output.as_option
def erase(word: str, slug: str, yes: bool, as_json: bool, who: str) -> None:
    """Erase all that is known of one entrant; importing the list again does not bring them back.

    BIB-OR-ID is a bib, or an id written as id:17. Counts of what was sent stay, without a name or an address. Their
    texts are removed at Twilio as well, as soon as it lets us.
    """
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, privacy

    entrant = _entrant(slug, word)
    if not yes:
        click.confirm(f"Erase all that is known of {_called(entrant)}? This cannot be undone.", abort=True)
    with transaction.atomic():
        done = privacy.erase(entrant)
        audit.record(who, "entrants.erase", event=slug, entrant=entrant.id, closed=done.closed)
    if as_json:
        output.print_json({"entrant": entrant.id, "erased": done.changed, "closed": done.closed})
    else:
        click.echo("Erased." if done.changed else "Erased before.")


@click.command()
@_person
@_event
@click.option("--zip", "file", type=click.Path(path_type=Path), required=True, help="Where to write it.")
@output.json_option
@output.as_option
def export(word: str, slug: str, file: Path, as_json: bool, who: str) -> None:
    """Write all that is known of one entrant to a zip for them: facts, consents, and each message sent.

    BIB-OR-ID is a bib, or an id written as id:17.
    """
    ready.prepare()
    from campaigns import audit, privacy

    entrant = _entrant(slug, word)
    body = privacy.export(entrant)
    try:
        file.write_bytes(body)
    except OSError as error:
        raise Refused(f"{file} cannot be written ({error.strerror}): give another path.") from error
    audit.record(who, "entrants.export", event=slug, entrant=entrant.id)
    if as_json:
        output.print_json({"entrant": entrant.id, "bytes": len(body)})
    else:
        click.echo(f"Wrote all that is known of {_called(entrant)} to {file.name}.")


def _entrant(slug: str, word: str) -> Entrant:
    from campaigns import people

    try:
        return people.find(event_named(slug), word)
    except people.PersonError as error:
        output.refuse(error)


def _called(entrant: Entrant) -> str:
    return f"{entrant.first_name} {entrant.last_name}".strip() or f"id:{entrant.id}"


ENTRANTS_COMMANDS = (erase, export)
