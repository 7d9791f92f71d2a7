"""`aidstation inbox`: the texts that people wrote, those that may speak of an emergency first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from campaigns.cli import ready
from campaigns.cli.event import event_named
from campaigns.cli.output import json_option, print_json

if TYPE_CHECKING:
    from campaigns.models import Event


@click.command()
@click.argument("slug")
@click.option("--all", "everything", is_flag=True, help="STOP, START and HELP too.")
@json_option
def inbox(slug: str, everything: bool, as_json: bool) -> None:
    """Shows the texts that runners of an event wrote, urgent ones first, then the newest."""
    ready.prepare()
    event = event_named(slug)
    texts = _texts(event, everything)
    if as_json:
        print_json(texts)
        return
    if not texts:
        click.echo("Nobody has written a text.")
    for text in texts:
        click.echo(_line(text, event.zone))


def _texts(event: Event, everything: bool) -> list[dict[str, Any]]:
    """Those of nobody we know are shown to every event of the organiser, or of all where it is not known whose."""
    from django.db.models import Q

    from campaigns.models import InboundText

    strangers = Q(event=None) & (Q(organiser=event.organiser_id) | Q(organiser=None))
    rows = InboundText.objects.filter(Q(event=event) | strangers).select_related("entrant")
    if not everything:
        rows = rows.filter(kind="text")
    return [
        {
            "received_at": row.received_at,
            "urgent": row.urgent,
            "kind": row.kind,
            "by_page": row.by_page,
            "number": row.number,
            "name": f"{row.entrant.first_name} {row.entrant.last_name}".strip() if row.entrant else "",
            "entrant": row.entrant_id,
            "text": row.body,
            "forwarded_at": row.forwarded_at,
        }
        for row in rows.order_by("-urgent", "-received_at", "-id")
    ]


def _line(text: dict[str, Any], zone: ZoneInfo) -> str:
    at: datetime = text["received_at"].astimezone(zone)
    mark = "URGENT  " if text["urgent"] else ""
    return f"{mark}{at:%a %d %b %H:%M}  {text['name'] or 'Somebody'}  {text['number']}  {text['text']}"
