"""`aidstation event rename-race|remove-race|timezone`: what of an event's races and clocks may still be changed."""

from __future__ import annotations

import click

from campaigns.cli import given, ready
from campaigns.cli.output import as_option, json_option, print_json, refuse


@click.command("rename-race")
@click.argument("slug")
@click.argument("race")
@click.argument("name")
@json_option
@as_option
def rename_race(slug: str, race: str, name: str, as_json: bool, who: str) -> None:
    """Gives RACE of event SLUG another NAME, as runners read it; audiences go on calling it RACE."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, events
    from campaigns.cli.event import event_named

    try:
        with transaction.atomic():
            before = events.rename_race(event_named(slug), race.lower(), name)
            if before != name:
                audit.record(
                    who, "event.race.rename", event=slug, race=race.lower(), before=before, after=name
                )
    except events.EventError as error:
        refuse(error)
    if as_json:
        print_json({"event": slug, "race": race.lower(), "before": before, "name": name})
    else:
        click.echo(f"{before} is called {name} from now on.")


@click.command("remove-race")
@click.argument("slug")
@click.argument("race")
@json_option
@as_option
def remove_race(slug: str, race: str, as_json: bool, who: str) -> None:
    """Removes RACE from event SLUG, if nobody is entered in it and no step is for it."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, events
    from campaigns.cli.event import event_named

    try:
        with transaction.atomic():
            name = events.remove_race(event_named(slug), race.lower())
            audit.record(who, "event.race.remove", event=slug, race=race.lower())
    except events.EventError as error:
        refuse(error)
    if as_json:
        print_json({"event": slug, "removed": race.lower()})
    else:
        click.echo(f"{name} is removed.")


@click.command()
@click.argument("slug")
@click.argument("zone")
@json_option
@as_option
def timezone(slug: str, zone: str, as_json: bool, who: str) -> None:
    """Has all times of event SLUG be by the clocks of ZONE, an IANA name; only before its first message."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, events
    from campaigns.cli.event import event_named

    found, new = event_named(slug), given.zone(zone)
    before = found.timezone
    try:
        with transaction.atomic():
            asked = events.change_zone(found, new)
            if before != new:
                audit.record(who, "event.timezone", event=slug, before=before, after=new, ask_again=asked)
    except events.EventError as error:
        refuse(error)
    if as_json:
        print_json({"event": slug, "timezone": new, "ask_again": asked})
    else:
        again = f" Steps that ask for approval again: {asked}." if asked else ""
        click.echo(f"All times are by the clocks of {new}.{again}")


COMMANDS = (rename_race, remove_race, timezone)
"""For the group `event`."""
