"""`aidstation event staff`: the people behind an event, who get tests of alerts and news about the sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from campaigns.cli import given, ready
from campaigns.cli.output import Refused, as_option, json_option, print_json

if TYPE_CHECKING:
    from campaigns.models import StaffContact


@click.group()
def staff() -> None:
    """The people behind an event: they get tests of alerts and news about the sending."""


@staff.command()
@click.argument("slug")
@click.option("--name", required=True, help="Who it is; a name that is known gets new addresses.")
@click.option("--email", default="", metavar="EMAIL")
@click.option("--mobile", default="", metavar="NUMBER")
@click.option(
    "--copies", is_flag=True, help="They also get the words of each step by email when it goes out."
)
@json_option
@as_option
def add(slug: str, name: str, email: str, mobile: str, copies: bool, as_json: bool, who: str) -> None:
    """Adds one of the people behind event SLUG, with an email address, a mobile number or both."""
    ready.prepare()
    from campaigns import audit
    from campaigns.cli.event import event_named

    event = event_named(slug)
    if copies and not email:
        raise Refused("--copies needs an --email: copies go by email.")
    fields = {**_addresses(email, mobile), "copies": copies}
    contact, created = event.staff.update_or_create(name=_name(name), defaults=fields)
    audit.record(who, "event.staff.add", event=slug, contact=contact.pk, new=created)
    if as_json:
        print_json({"event": slug, "name": contact.name, "new": created})
    else:
        and_copies = ", and a copy of each step" if copies else ""
        click.echo(f"{contact.name} gets tests of alerts {_by(contact)}{and_copies}.")


@staff.command()
@click.argument("slug")
@click.option("--name", required=True, help="Who it is.")
@json_option
@as_option
def remove(slug: str, name: str, as_json: bool, who: str) -> None:
    """Removes one of the people behind event SLUG."""
    ready.prepare()
    from campaigns import audit
    from campaigns.cli.event import event_named

    event = event_named(slug)
    contact = event.staff.filter(name=name).first()
    if contact is None:
        raise Refused(given.no_such("contact", name, list(event.staff.values_list("name", flat=True))))
    audit.record(who, "event.staff.remove", event=slug, contact=contact.pk)
    contact.delete()
    if as_json:
        print_json({"event": slug, "removed": name})
    else:
        click.echo(f"{name} is removed.")


@staff.command("list")
@click.argument("slug")
@json_option
def list_staff(slug: str, as_json: bool) -> None:
    """Lists the people behind event SLUG."""
    ready.prepare()
    from campaigns.cli.event import event_named

    contacts = list(event_named(slug).staff.all())
    if as_json:
        print_json([_described(contact) for contact in contacts])
    elif not contacts:
        click.echo(f"Nobody yet: aidstation event staff add {slug} --name … --email … --mobile …")
    for contact in [] if as_json else contacts:
        click.echo("  ".join(filter(None, (contact.name, contact.email, contact.mobile))))


def _name(name: str) -> str:
    from campaigns.entry_lists import clean

    try:
        known = clean.text(name)
    except clean.CellError as error:
        raise Refused(f"--name {error.problem}: {error.cure}.") from error
    if not known:
        raise Refused("--name is empty: say who it is.")
    return known


def _addresses(email: str, mobile: str) -> dict[str, str]:
    """Both addresses as they are stored. Refuses what cannot be written to, and no address at all."""
    from campaigns.entry_lists import clean

    try:
        address = clean.email(email)
    except clean.CellError as error:
        raise Refused(f"--email {error.problem}: {error.cure}.") from error
    try:
        phone = clean.phone(mobile)
    except clean.CellError as error:
        raise Refused(f"--mobile {error.problem}: {error.cure}.") from error
    if phone.number and not phone.mobile_ok:
        raise Refused("--mobile is not a mobile number: texts do not arrive there.")
    if not (address or phone.number):
        raise Refused("Give --email, --mobile or both: without an address nothing can be sent.")
    return {"email": address, "mobile": phone.number}


def _by(contact: StaffContact) -> str:
    return " and ".join(filter(None, ("by email" * bool(contact.email), "by text" * bool(contact.mobile))))


def _described(contact: StaffContact) -> dict[str, Any]:
    return {"name": contact.name, "email": contact.email, "mobile": contact.mobile, "copies": contact.copies}
