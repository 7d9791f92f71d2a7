"""`aidstation template preview` and `test-send`: one message as one entrant would get it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli import output, ready
from campaigns.cli.output import Refused
from campaigns.cli.template import template, template_named, version_of

if TYPE_CHECKING:
    from campaigns.models import Event
    from campaigns.preview import Preview

PHONE_WIDTH = 36
"""Characters in a line of the phone that is drawn: about what a small one shows."""

HEADERS = ("From", "To", "Reply-To", "Subject", "Date", "List-Unsubscribe")

_reader = click.option(
    "--as-entrant",
    "--as",
    "word",
    required=True,
    metavar="ENTRANT",
    help="As whom: id:17, a bib, an email address or part of a name.",
)
_version = click.option("--version", "number", type=int, help="An earlier version [default: the newest].")


@template.command()
@click.argument("slug")
@click.argument("name", metavar="CHANNEL/NAME")
@_reader
@_version
@click.option("--html", "file", type=click.Path(path_type=Path), help="Write the HTML part to this file.")
@output.json_option
def preview(slug: str, name: str, word: str, number: int | None, file: Path | None, as_json: bool) -> None:
    """Show a message of event SLUG exactly as one entrant would get it, made as it is made for sending."""
    ready.prepare()
    from campaigns import seen
    from campaigns.cli.event import event_named

    found = _previewed(event_named(slug), name, word, number)
    shown = seen.words(found)
    if file:
        _write(file, shown)
    if as_json:
        output.print_json(_facts(found) | shown)
        return
    click.echo(seen.sentence(found))
    if seen.is_email(found):
        headers = [f"{header}: {value}" for header, value in shown["headers"].items() if header in HEADERS]
        click.echo("\n".join(["", *headers, f"Size: {shown['bytes']:,} bytes", "", shown["text"]]))
    else:
        click.echo("\n".join(["", *_phone(shown["sender"], shown["text"]), "", _weight(shown)]))


def _previewed(event: Event, name: str, word: str, number: int | None) -> Preview:
    from campaigns import preview as previews
    from campaigns import seen

    version = version_of(template_named(event, name), number)
    try:
        return seen.look(version, previews.entrant_like(event, word))
    except previews.PreviewError as error:
        output.refuse(error)


def _facts(found: Preview) -> dict[str, Any]:
    return {
        "entrant": found.group[0].entrant,
        "family": [row.entrant for row in found.group[1:]],
        "step": found.step.name,
        "version": found.version.number,
        "verdict": found.verdict,
        "leaves_at": found.leaves_at,
    }


def _write(file: Path, shown: dict[str, Any]) -> None:
    if "html" not in shown:
        raise Refused("A text has no HTML part: leave --html out.")
    try:
        file.write_text(shown["html"], encoding="utf-8")
    except OSError as error:
        raise Refused(f"{file} cannot be written ({error.strerror}): give another path.") from error


def _phone(sender: str, text: str) -> list[str]:
    """A text as a phone shows it, in lines."""
    lines = textwrap.wrap(text, PHONE_WIDTH - 4, break_on_hyphens=False) or [""]
    rule = "─" * (PHONE_WIDTH + 2)
    return [
        f"╭{rule}╮",
        f"│ {sender[:PHONE_WIDTH]:^{PHONE_WIDTH}} │",
        f"├{rule}┤",
        f"│ ╭{'─' * (PHONE_WIDTH - 2)}╮ │",
        *(f"│ │ {line:<{PHONE_WIDTH - 4}} │ │" for line in lines),
        f"│ ╰{'─' * (PHONE_WIDTH - 2)}╯ │",
        f"╰{rule}╯",
    ]


def _weight(shown: dict[str, Any]) -> str:
    segments = "1 segment" if shown["segments"] == 1 else f"{shown['segments']} segments"
    cost = f", {shown['cost']} to send" if shown["cost"] else ""
    said = f"{shown['units']} units of {shown['encoding']}: {segments}{cost}."
    return "\n".join([said, *shown["notices"]])


@template.command("test-send")
@click.argument("slug")
@click.argument("name", metavar="CHANNEL/NAME")
@click.option("--to", "address", required=True, help="An email address, or a mobile number for a text.")
@click.option("--as-entrant", "word", required=True, metavar="ENTRANT", help="Whose message it is.")
@_version
@output.json_option
@output.as_option
def test_send(
    slug: str, name: str, address: str, word: str, number: int | None, as_json: bool, who: str
) -> None:
    """Send one message of event SLUG, marked as a test, to an address of your own by the real provider."""
    ready.prepare()
    from campaigns import audit, seen
    from campaigns import preview as previews
    from campaigns.cli.event import event_named

    event = event_named(slug)
    found = _previewed(event, name, word, number)
    to = _address(address, is_email=seen.is_email(found))
    try:
        outcome = previews.send_test(found, to)
    except previews.PreviewError as error:
        audit.record(who, "template.test-send", event=slug, version=found.version.id, accepted=False)
        output.refuse(error)
    audit.record(who, "template.test-send", event=slug, version=found.version.id, accepted=True)
    if as_json:
        output.print_json(_facts(found) | {"accepted": True, "provider_ref": outcome.provider_ref})
    else:
        click.echo(f"The test was accepted for {to}.")


def _address(text: str, *, is_email: bool) -> str:
    """A normalised email address, or a number in E.164 that can be texted."""
    from campaigns.entry_lists import clean

    try:
        if is_email:
            to = clean.email(text)
        else:
            phone = clean.phone(text)
            to = phone.number if phone.mobile_ok else ""
    except clean.CellError as error:
        raise Refused(f"--to {error.problem}: {error.cure}.") from error
    if not to:
        raise Refused(f"--to must be {'an email address' if is_email else 'a mobile number'}.")
    return to
