"""`aidstation template`: the messages of an event, in which versions, and who stands for their advice."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from campaigns.cli import given, output, ready
from campaigns.cli.output import Refused

if TYPE_CHECKING:
    from campaigns.models import Event, SignOff, Template, Version


@click.group()
def template() -> None:
    """The messages of an event: what they say, and who has signed them off."""


def template_named(event: Event, name: str) -> Template:
    """The template of an event by CHANNEL/NAME. Refuses an unknown one, naming the nearest."""
    known = {f"{found.channel}/{found.name}": found for found in event.templates.all()}
    if name not in known:
        raise Refused(given.no_such("message", name, list(known)))
    return known[name]


def version_of(found: Template, number: int | None) -> Version:
    """A version of a template by its number, the newest when none is given."""
    versions = found.versions.select_related("template__event").order_by("-number")
    version = versions.first() if number is None else versions.filter(number=number).first()
    if version is None:
        raise Refused(
            f"{found.channel}/{found.name} has no version {number}: see `aidstation template show`."
        )
    return version


@template.command("list")
@click.argument("slug")
@output.json_option
def list_templates(slug: str, as_json: bool) -> None:
    """List the messages of event SLUG with their newest version and its sign-off."""
    ready.prepare()
    from campaigns.cli.event import event_named

    event = event_named(slug)
    rows = [_row(found) for found in event.templates.order_by("channel", "name")]
    if as_json:
        output.print_json({"event": slug, "templates": rows})
        return
    table = Table("Message", "Version", "Steps", "Sign-off")
    for row in rows:
        table.add_row(row["name"], str(row["version"]), ", ".join(row["steps"]), escape(_in_words(row)))
    Console().print(table)


def _row(found: Template) -> dict[str, Any]:
    from campaigns import sign_off
    from campaigns.models import Step
    from campaigns.models.words import StepState

    version = version_of(found, None)
    used = Step.objects.filter(template=found) | Step.objects.filter(fallback_template=found)
    steps = used.exclude(state=StepState.OFF).order_by("position").values_list("name", flat=True)
    signed = sign_off.standing(version.id)
    return {
        "name": f"{found.channel}/{found.name}",
        "version": version.number,
        "hash": version.content_hash,
        "health": version.health,
        "steps": list(steps),
        "sign_off": _shown(signed) if signed else None,
    }


def _shown(signed: SignOff) -> dict[str, Any]:
    return {
        "reviewer": signed.reviewer,
        "registration": signed.registration,
        "signed_at": signed.signed_at,
        "review_by": signed.review_by,
        "entered_by": signed.entered_by,
        "sources": signed.sources,
    }


def _in_words(row: dict[str, Any]) -> str:
    from campaigns.content.front_matter import person_date

    signed = row["sign_off"]
    if signed:
        return f"{signed['reviewer']}, until {person_date(signed['review_by'])}"
    return "missing: needed before it can be sent" if row["health"] else "not needed"


@template.command()
@click.argument("slug")
@click.argument("name", metavar="CHANNEL/NAME")
@click.option("--version", "number", type=int, help="An earlier version [default: the newest].")
@output.json_option
def show(slug: str, name: str, number: int | None, as_json: bool) -> None:
    """Show the source of a message, and its versions."""
    ready.prepare()
    from campaigns.cli.event import event_named

    found = template_named(event_named(slug), name)
    version = version_of(found, number)
    versions = [_version(each) for each in found.versions.order_by("number")]
    if as_json:
        output.print_json(
            {"name": name, "version": version.number, "source": version.source, "versions": versions}
        )
        return
    for each in versions:
        signers = "; ".join(_signer(signed) for signed in each["sign_offs"]) or "not signed off"
        made = each["created_at"].astimezone(found.event.zone)
        click.echo(f"Version {each['number']} of {made:%d %b %Y, %H:%M} ({each['hash'][:12]}): {signers}")
    click.echo(f"\n{version.source}", nl=False)


def _version(version: Version) -> dict[str, Any]:
    return {
        "number": version.number,
        "hash": version.content_hash,
        "created_at": version.created_at,
        "sign_offs": [_history(signed) for signed in version.sign_offs.order_by("id")],
    }


def _history(signed: SignOff) -> dict[str, Any]:
    return _shown(signed) | {"revoked_at": signed.revoked_at, "revoked_by": signed.revoked_by}


def _signer(signed: dict[str, Any]) -> str:
    from campaigns.content.front_matter import person_date

    ended = f", revoked by {signed['revoked_by']}" if signed["revoked_at"] else ""
    return f"signed off by {signed['reviewer']} until {person_date(signed['review_by'])}{ended}"


@template.command()
@click.argument("slug")
@click.argument("name", metavar="CHANNEL/NAME")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--version", "number", type=int, help="Refuse unless this is the newest version.")
@click.option("--new", "is_new", is_flag=True, help="Make a message of that name that is not there yet.")
@output.json_option
@output.as_option
def save(
    slug: str, name: str, file: TextIO, number: int | None, is_new: bool, as_json: bool, who: str
) -> None:
    """Save FILE (- is standard input) as the newest version of a message.

    Its sign-off ends with the version before, and the steps that use it wait for approval again.
    """
    ready.prepare()
    from campaigns import audit, content, wording
    from campaigns.cli.event import event_named

    event = event_named(slug)
    if is_new:
        _create(event, name, file, who, as_json=as_json)
        return
    newest = _newest(template_named(event, name), number)
    try:
        saved = wording.save(newest.template, file.read(), over=newest.content_hash)
    except (wording.Overtaken, content.ContentError, UnicodeDecodeError) as error:
        output.refuse(error)
    if saved.is_new:
        audit.record(who, "template.save", event=slug, version=saved.version.id, waiting=len(saved.waiting))
    if as_json:
        output.print_json(
            {"name": name, "version": saved.version.number, "new": saved.is_new, "waiting": saved.waiting}
        )
        return
    said = "is saved" if saved.is_new else "says this already"
    waiting = f" These steps wait for approval again: {', '.join(saved.waiting)}." if saved.waiting else ""
    click.echo(f"{name}, version {saved.version.number}, {said}.{waiting}")


def _create(event: Event, name: str, file: TextIO, who: str, *, as_json: bool) -> None:
    from campaigns import audit, content, wording
    from campaigns.models.words import Channel

    channel, _, short = name.partition("/")
    if channel not in Channel.values:
        raise Refused(f"A message is email/NAME or sms/NAME, not '{name}'.")
    try:
        made = wording.create(event, channel, short, file.read())
    except (wording.WordingError, content.ContentError, UnicodeDecodeError) as error:
        output.refuse(error)
    audit.record(who, "template.create", event=event.slug, version=made.id)
    if as_json:
        output.print_json({"name": name, "version": 1, "new": True, "waiting": []})
    else:
        click.echo(f"{name} is there now; no step sends it yet.")


@template.command("sign-off")
@click.argument("slug")
@click.argument("names", nargs=-1, required=True, metavar="CHANNEL/NAME...")
@click.option("--reviewer", default="", help="The clinician, as emails name them: 'Dr A B, GP'.")
@click.option("--registration", default="", help="Their role or registration: 'GMC 1234567'.")
@click.option("--review-by", metavar="DATE", help="The last day on which the sign-off counts: 2027-12-31.")
@click.option("--version", "number", type=int, help="Refuse unless this is the newest version.")
@click.option("--revoke", is_flag=True, help="End the sign-off instead; its steps stop at once.")
@output.json_option
@output.as_option
def sign_off_command(
    slug: str,
    names: tuple[str, ...],
    reviewer: str,
    registration: str,
    review_by: str | None,
    number: int | None,
    revoke: bool,
    as_json: bool,
    who: str,
) -> None:
    """Record that a clinician has read the newest version of these messages and stands for them.

    Health advice is not approved or sent without. An edit makes a new version, which needs a sign-off of its own.
    """
    if revoke == bool(reviewer or review_by):
        raise click.UsageError("Give --reviewer and --review-by, or --revoke alone.")
    if not revoke and not (reviewer and review_by):
        raise click.UsageError("A sign-off needs --reviewer and --review-by.")
    ready.prepare()
    from campaigns.cli.event import event_named

    event = event_named(slug)
    versions = [_newest(template_named(event, name), number) for name in dict.fromkeys(names)]
    if revoke:
        _revoke(event, versions, who, as_json=as_json)
    else:
        assert review_by is not None
        _sign(event, versions, (reviewer, registration, given.day(review_by)), who, as_json=as_json)


def _newest(found: Template, number: int | None) -> Version:
    newest = version_of(found, None)
    if number not in (None, newest.number):
        raise Refused(
            f"{found.channel}/{found.name} is at version {newest.number} by now, not {number}: have that one read."
        )
    return newest


def _sign(
    event: Event, versions: list[Version], by: tuple[str, str, date], who: str, *, as_json: bool
) -> None:
    from django.db import transaction

    from campaigns import audit, sign_off

    reviewer, registration, review_by = by
    try:
        with transaction.atomic():
            for version in versions:
                sign_off.sign(
                    version, reviewer=reviewer, registration=registration, review_by=review_by, who=who
                )
                audit.record(
                    who, "template.sign-off", event=event.slug, version=version.id, review_by=str(review_by)
                )
    except sign_off.SignOffError as error:
        output.refuse(error)
    if as_json:
        output.print_json({"event": event.slug, "signed": [_name(version) for version in versions]})
        return
    for version in versions:
        click.echo(f"Signed off: {sign_off.shown(version)} ({version.content_hash[:12]}), by {reviewer}.")


def _revoke(event: Event, versions: list[Version], who: str, *, as_json: bool) -> None:
    from django.db import transaction

    from campaigns import audit, sign_off

    stopped: list[str] = []
    try:
        with transaction.atomic():
            for version in versions:
                stopped += sign_off.revoke(version, who)
                audit.record(who, "template.revoke", event=event.slug, version=version.id)
    except sign_off.SignOffError as error:
        output.refuse(error)
    if as_json:
        output.print_json(
            {"event": event.slug, "revoked": [_name(version) for version in versions], "stopped": stopped}
        )
        return
    click.echo(
        "Revoked." + (f" These steps wait for approval again: {', '.join(stopped)}." if stopped else "")
    )


def _name(version: Version) -> str:
    return f"{version.template.channel}/{version.template.name}"
