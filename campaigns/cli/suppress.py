"""`aidstation suppress`: closes addresses by hand or by a list, opens them again, and writes the list out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from campaigns.cli import ready
from campaigns.cli.event import organiser_named
from campaigns.cli.output import Refused, as_option, json_option, print_json

if TYPE_CHECKING:
    from campaigns.models.words import Channel

# The words of `models.words.Scope`, which cannot be imported before Django is set up; a test compares them.
SCOPES = ("tips_and_sponsor", "all_but_alerts", "all")
STILL_COMES = {
    "tips_and_sponsor": "no tips or sponsor messages go there; news of the race and alerts still do",
    "all_but_alerts": "nothing but alerts goes there",
    "all": "nothing goes there",
}


@click.group()
def suppress() -> None:
    """Addresses that must not be written to."""


@suppress.command()
@click.argument("address")
@click.option("--organiser", required=True, metavar="SLUG", help="Whose messages.")
@click.option("--scope", type=click.Choice(SCOPES), default=SCOPES[0], show_default=True, help="How much.")
@json_option
@as_option
def add(address: str, organiser: str, scope: str, as_json: bool, who: str) -> None:
    """Closes an email address or a phone number."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, optout
    from campaigns.models.words import Scope, SuppressionReason

    owner = organiser_named(organiser)
    channel, normal = _normal(address)
    with transaction.atomic():
        added = optout.suppress(owner, channel, normal, Scope(scope), SuppressionReason.BY_HAND)
        audit.record(who, "suppress.add", organiser=organiser, channel=channel, scope=scope, changed=added)
    if as_json:
        print_json({"channel": channel, "scope": scope, "added": added})
    else:
        click.echo(f"{'Closed' if added else 'It was closed before'}: {STILL_COMES[scope]}.")


@suppress.command()
@click.argument("address")
@click.option("--organiser", required=True, metavar="SLUG", help="Whose messages.")
@click.option("--scope", type=click.Choice(SCOPES), help="Only this one.  [default: all that close it]")
@json_option
@as_option
def remove(address: str, organiser: str, scope: str | None, as_json: bool, who: str) -> None:
    """Opens an address again. Consents that its owner has withdrawn stay withdrawn."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, optout
    from campaigns.models.words import Scope

    owner = organiser_named(organiser)
    channel, normal = _normal(address)
    with transaction.atomic():
        removed = optout.lift(owner, channel, normal, Scope(scope) if scope else None)
        if not removed:
            raise Refused("This address is not closed for that organiser: check how it is written.")
        audit.record(who, "suppress.remove", organiser=organiser, channel=channel, removed=removed)
    if as_json:
        print_json({"channel": channel, "removed": removed})
    else:
        click.echo("Opened again. Consents that its owner has withdrawn stay withdrawn.")


@suppress.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--organiser", required=True, metavar="SLUG", help="Whose messages.")
@click.option("--scope", type=click.Choice(SCOPES), default=SCOPES[0], show_default=True, help="How much.")
@json_option
@as_option
def import_list(file: Path, organiser: str, scope: str, as_json: bool, who: str) -> None:
    """Closes every address in FILE: one a line or in a column "address", or a file of `suppress export`."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, suppression_lists
    from campaigns.models.words import Scope

    owner = organiser_named(organiser)
    try:
        text = file.read_text(encoding="utf-8")
        rows = suppression_lists.read(text, Scope(scope), _hashed)
    except OSError as error:
        raise Refused(f"{file} cannot be read ({error.strerror}): give the path of a list.") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{file.name} is not UTF-8 text: save it as UTF-8 and try again.") from error
    except suppression_lists.ListError as error:
        raise Refused(f"{file.name}: {error}") from error
    with transaction.atomic():
        added = suppression_lists.closed(owner, rows)
        audit.record(who, "suppress.import", organiser=organiser, rows=len(rows), changed=added)
    if as_json:
        print_json({"rows": len(rows), "added": added})
    else:
        click.echo(f"Closed {added} of {len(rows)} addresses; the others were closed before.")


@suppress.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--organiser", required=True, metavar="SLUG", help="Whose messages.")
@json_option
@as_option
def export(file: Path, organiser: str, as_json: bool, who: str) -> None:
    """Writes all closed addresses to FILE, as hashes that only this SUPPRESSION_KEY can be matched with."""
    ready.prepare()
    from campaigns import audit, suppression_lists

    text = suppression_lists.exported(organiser_named(organiser))
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{file} cannot be written ({error.strerror}): give another path.") from error
    rows = text.count("\n") - 1
    audit.record(who, "suppress.export", organiser=organiser, rows=rows)
    if as_json:
        print_json({"rows": rows})
    else:
        click.echo(f"Wrote {rows} closed addresses to {file.name}, as hashes.")


def _hashed(address: str) -> tuple[Channel, bytes]:
    """For a list: the channel and the hash. Raises ValueError with a sentence."""
    from campaigns import optout

    try:
        channel, normal = _normal(address)
    except Refused as refused:
        raise ValueError(refused.message) from refused
    return channel, optout.hash_of(channel, normal)


def _normal(address: str) -> tuple[Channel, str]:
    """The channel and the address as entrants carry it: with an @ it is an email, else a British number."""
    from campaigns.entry_lists import clean
    from campaigns.models.words import Channel

    try:
        if "@" in address:
            return Channel.EMAIL, clean.email(address)
        number = clean.phone(address).number
    except clean.CellError as error:
        raise Refused(f"The address {error.problem}: {error.cure}.") from error
    if not number:
        raise Refused("The address is neither an email address nor a phone number: check how it is written.")
    return Channel.SMS, number
