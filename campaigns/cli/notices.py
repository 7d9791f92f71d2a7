"""`aidstation notices`: what the people behind an event were told by mail."""

from __future__ import annotations

import click

from campaigns.cli import output, ready


@click.command()
@click.argument("slug")
@output.json_option
def notices(slug: str, as_json: bool) -> None:
    """List what owners, approvers and staff of event SLUG were told by mail, and what still waits to be mailed.

    With --json one object a line.
    """
    ready.prepare()
    from campaigns.cli.event import event_named
    from campaigns.cli.status import shown_moment
    from campaigns.models import Notice

    event = event_named(slug)
    found = list(Notice.objects.filter(event=event).order_by("created_at", "id"))
    if as_json:
        for one in found:
            output.print_json(
                {
                    "key": one.key,
                    "to": one.to,
                    "subject": one.subject,
                    "noted_at": one.created_at,
                    "sent_at": one.sent_at,
                }
            )
        return
    if not found:
        click.echo("Nobody was told anything yet.")
    for one in found:
        mailed = f"mailed {shown_moment(one.sent_at, event.zone)}" if one.sent_at else "WAITS to be mailed"
        click.echo(f"{shown_moment(one.created_at, event.zone)}  {one.to:<10} {one.subject}  ({mailed})")
