"""`aidstation token`: the keys by which programs, such as an entry platform, speak for an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from campaigns.cli import output, ready

if TYPE_CHECKING:
    from campaigns.models import ApiToken

SCOPES = ("entrants:write", "status:read", "deliveries:read")


@click.group()
def token() -> None:
    """Tokens of the API: each speaks for one event and may do what its scopes say."""


@token.command()
@click.argument("slug")
@click.argument("name")
@click.option(
    "--source",
    required=True,
    help="The platform whose entries it pushes: lists of that source are the same entries.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="May be given several times.",
)
@output.json_option
@output.as_option
def create(slug: str, name: str, source: str, scopes: tuple[str, ...], as_json: bool, who: str) -> None:
    """Make a token called NAME for event SLUG and print it: it cannot be shown again."""
    ready.prepare()
    from campaigns import audit
    from campaigns.api import tokens
    from campaigns.cli.event import event_named

    event = event_named(slug)
    wanted = [tokens.Scope(scope) for scope in scopes]
    try:
        made, secret = tokens.make(event, name, source=source, scopes=wanted, who=who)
    except tokens.TokenError as error:
        output.refuse(error)
    audit.record(who, "token.create", event=slug, token=made.id, scopes=made.scopes)
    if as_json:
        output.print_json({**_row(made), "token": secret})
        return
    click.echo(secret)
    click.echo(
        f"This is the token '{made.name}'. It is shown this once: keep it where the program reads it.",
        err=True,
    )


@token.command("list")
@click.argument("slug")
@output.json_option
def list_tokens(slug: str, as_json: bool) -> None:
    """List the tokens of event SLUG, with their last use and end."""
    ready.prepare()
    from campaigns.cli.event import event_named
    from campaigns.models import ApiToken

    event = event_named(slug)
    rows = [_row(each) for each in ApiToken.objects.filter(event=event).order_by("name")]
    if as_json:
        output.print_json({"event": slug, "tokens": rows})
        return
    table = Table("Token", "Source", "May", "Made by", "Last used", "Ended")
    for row in rows:
        used, ended = (f"{at:%d %b %Y}" if (at := row[key]) else "" for key in ("last_used_at", "ended_at"))
        table.add_row(
            row["name"], row["source"], ", ".join(row["scopes"]), row["created_by"], used or "never", ended
        )
    Console().print(table)


@token.command()
@click.argument("slug")
@click.argument("name")
@output.json_option
@output.as_option
def end(slug: str, name: str, as_json: bool, who: str) -> None:
    """End the token NAME of event SLUG at once."""
    ready.prepare()
    from campaigns import audit
    from campaigns.api import tokens
    from campaigns.cli.event import event_named

    try:
        ended = tokens.end(event_named(slug), name, who)
    except tokens.TokenError as error:
        output.refuse(error)
    audit.record(who, "token.end", event=slug, token=ended.id)
    if as_json:
        output.print_json({"event": slug, "ended": name})
    else:
        click.echo(f"The token '{name}' has ended: requests with it are refused from now on.")


def _row(found: ApiToken) -> dict[str, Any]:
    return {
        "name": found.name,
        "source": found.source,
        "scopes": found.scopes,
        "created_at": found.created_at,
        "created_by": found.created_by,
        "last_used_at": found.last_used_at,
        "ended_at": found.ended_at,
    }
