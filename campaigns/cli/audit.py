"""`aidstation audit`: who did what, when, and what it changed."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import click

from campaigns.cli import given, output, ready

if TYPE_CHECKING:
    from campaigns.audit import Read


@click.command()
@click.argument("slug", default="")
@click.option("--since", default="", metavar="DAY", help="From this day on, as 2027-08-01 (UTC).")
@output.json_option
def audit(slug: str, since: str, as_json: bool) -> None:
    """Read the audit log of event SLUG, or of everything. Each entry shows what is another than at the one before.

    It is only ever added to: the database refuses to change or remove an entry.
    """
    ready.prepare()
    from campaigns import audit as log

    start = datetime.combine(given.day(since), time(), UTC) if since else None
    for entry in log.read(slug, start):
        if as_json:
            changed = {name: {"before": pair[0], "after": pair[1]} for name, pair in entry.changed.items()}
            output.print_json(
                {
                    "at": entry.at,
                    "who": entry.who,
                    "act": entry.act,
                    "event": entry.event,
                    "detail": entry.detail,
                }
                | {"changed": changed}
            )
        else:
            click.echo(_line(entry))


def _line(entry: Read) -> str:
    words = [f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.who, entry.act, entry.event]
    words += [f"{name}={value}" for name, value in entry.detail.items()]
    words += [f"{name}: {old} → {new}" for name, (old, new) in entry.changed.items()]
    return "  ".join(word for word in words if word)
