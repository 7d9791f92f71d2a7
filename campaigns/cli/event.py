"""`aidstation event`: makes, moves and cancels events, and sets their races and waves."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli import contact as contact_command
from campaigns.cli import given, keeping, races, ready
from campaigns.cli.output import Refused, as_option, json_option, print_json, refuse
from campaigns.cli.staff import staff

if TYPE_CHECKING:
    from campaigns.models import Event, Organiser, Race


@click.group()
def event() -> None:
    """Events: one edition of a race meeting, with its races and waves."""


for command in (keeping.keep, contact_command.contact, staff, *races.COMMANDS):
    event.add_command(command)


@event.command()
@click.option("--slug", required=True, help="Short name for commands, such as run-reigate-2027.")
@click.option("--name", required=True, help="As runners read it, such as 'Run Reigate 2027'.")
@click.option("--date", "day", required=True, metavar="YYYY-MM-DD", help="Race day.")
@click.option("--timezone", default="Europe/London", show_default=True, help="IANA name.")
@click.option(
    "--race", "races", multiple=True, required=True, metavar="SLUG=HH:MM", help="Repeat for each race."
)
@click.option("--race-name", "race_names", multiple=True, metavar="SLUG=NAME", help="If not the usual name.")
@click.option("--children", multiple=True, metavar="SLUG", help="A race for children.  [default: kids]")
@click.option("--organiser", "organiser_slug", default="", metavar="SLUG", help="Whose event it is.")
@click.option("--organiser-name", default="", help="Makes a new organiser of this name.")
@click.option("--contact", default="", metavar="EMAIL", help="Where replies go: a mailbox someone reads.")
@click.option("--postal-address", default="", help="The sender's, for the foot of every email.")
@click.option("--venue", default="", help="Where the race starts.")
@click.option("--arrive-by", default="", help="When to be there, such as '1 hour before'.")
@click.option("--info-url", default="", help="The event's information page.")
@click.option("--deferral-url", default="", help="Where a place is moved or given back.")
@click.option("--colour", default="#14573D", show_default=True, help="The event's own, as #RRGGBB.")
@click.option(
    "--logo-url", default="", help="A picture for the top of every email, at most 40 px high there."
)
@json_option
@as_option
def create(
    slug: str,
    name: str,
    day: str,
    timezone: str,
    races: tuple[str, ...],
    race_names: tuple[str, ...],
    children: tuple[str, ...],
    organiser_slug: str,
    organiser_name: str,
    contact: str,
    as_json: bool,
    who: str,
    **details: str,
) -> None:
    """Makes an event with its races."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, events

    given.check_slug(slug, "--slug")
    given.check_details(details)
    planned = _races(races, race_names, children)
    fields = {
        "date": given.day(day),
        "timezone": given.zone(timezone),
        "contact_email": given.contact(contact),
        **details,
    }
    with transaction.atomic():
        organiser = _organiser(organiser_slug, organiser_name, name)
        try:
            made = events.create(organiser, slug, name, fields, planned)
        except events.EventError as error:
            refuse(error)
        audit.record(who, "event.create", event=slug, races=len(planned))
    if as_json:
        print_json(_described(made))
    else:
        click.echo(f"Made {made.name}: {_shown(made.date)}, {_starts(made)}.")
        click.echo(f"Next: aidstation entrants import FILE --event {slug}")


@event.command("race")
@click.argument("slug")
@click.argument("race_given", metavar="RACE=HH:MM")
@click.option("--name", "race_name", default="", help="As runners read it, if not the usual name.")
@click.option("--children", is_flag=True, help="It is for children.")
@json_option
@as_option
def add_race(slug: str, race_given: str, race_name: str, children: bool, as_json: bool, who: str) -> None:
    """Adds a race to an event: 5k=09:25."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, events

    [(short, text)] = given.pairs((race_given,), "5k=09:25").items()
    given.check_slug(short, "the race")
    name = race_name or events.RACE_NAMES.get(short, short)
    try:
        with transaction.atomic():
            made = events.add_race(
                event_named(slug), name, given.start(text, f"race {short}"), slug=short,
                for_children=children or short in events.FOR_CHILDREN,
            )  # fmt: skip
            audit.record(who, "event.race", event=slug, race=made.slug)
    except events.EventError as error:
        refuse(error)
    if as_json:
        print_json(_described(event_named(slug)))
    else:
        click.echo(f"{made.name} starts at {made.start:%H:%M}; audiences call it {made.slug}.")


@event.command()
@click.argument("slug")
@click.argument("race_slug", metavar="RACE")
@click.argument("waves", nargs=-1, required=True, metavar="NAME=HH:MM...")
@json_option
@as_option
def wave(slug: str, race_slug: str, waves: tuple[str, ...], as_json: bool, who: str) -> None:
    """Adds waves to a race, or changes their starts: A=09:15 B=09:20."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit, events

    found = event_named(slug)
    race = _race(found, race_slug)
    starts = {name: given.start(text, f"wave {name}") for name, text in given.pairs(waves, "A=09:15").items()}
    with transaction.atomic():
        changed = events.save_waves(race, starts)
        if changed:
            audit.record(who, "event.wave", event=slug, race=race.slug, waves=changed)
    if as_json:
        print_json({**_described(event_named(slug)), "changed": changed})
    else:
        click.echo(
            f"{race.name}: {', '.join(changed)} set." if changed else f"{race.name}: nothing to change."
        )


@event.command()
@click.argument("slug")
@click.option("--date", "day", required=True, metavar="YYYY-MM-DD", help="The new race day.")
@json_option
@as_option
def move(slug: str, day: str, as_json: bool, who: str) -> None:
    """Moves the race to another day: what is unsent moves with it and asks for approval again."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit
    from campaigns.campaign import move_race

    found, new = event_named(slug), given.day(day)
    before = found.date
    with transaction.atomic():
        ask_again = move_race(found, new)
        audit.record(who, "event.move", event=slug, before=str(before), after=str(new), ask_again=ask_again)
    if as_json:
        print_json({"event": slug, "date": new, "ask_again": ask_again})
    elif before == new:
        click.echo(f"{found.name} is already on {_shown(new)}.")
    else:
        click.echo(
            f"{found.name} moved from {_shown(before)} to {_shown(new)}. {_approvals(slug, ask_again)}"
        )


@event.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@as_option
def cancel(slug: str, yes: bool, as_json: bool, who: str) -> None:
    """Cancels the race: no planned message leaves any more. It tells nobody; that is an alert."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit
    from campaigns.campaign import cancel_event

    found = event_named(slug)
    if not yes:
        click.confirm(f"Cancel {found.name} on {_shown(found.date)} for good?", abort=True, err=True)
    with transaction.atomic():
        dropped = cancel_event(found)
        audit.record(who, "event.cancel", event=slug, deliveries=dropped)
    if as_json:
        print_json({"event": slug, "cancelled": True, "deliveries": dropped})
    else:
        click.echo(f"{found.name} is cancelled. {dropped:,} planned deliveries will not be sent.")


@event.command()
@click.argument("slug")
@click.argument("number", type=click.Choice(["1", "2"]))
@json_option
@as_option
def approvers(slug: str, number: str, as_json: bool, who: str) -> None:
    """Sets how many people it takes to arm an alert: 2, or 1 where there is only one."""
    ready.prepare()
    from campaigns import audit
    from campaigns.models import Event

    found = event_named(slug)
    Event.objects.filter(pk=found.pk).update(alert_approvers=int(number))
    audit.record(who, "event.approvers", event=slug, before=found.alert_approvers, after=int(number))
    if as_json:
        print_json({"event": slug, "alert_approvers": int(number)})
    elif number == "1":
        click.echo(
            "One person alone can arm an alert of this event from now on: nobody else has to see its words."
        )
    else:
        click.echo("Arming an alert takes two people from now on.")


@event.command("list")
@json_option
def list_events(as_json: bool) -> None:
    """All events, the next first."""
    ready.prepare()
    from campaigns.models import Event

    events = list(Event.objects.select_related("organiser").order_by("date", "slug"))
    if as_json:
        print_json([_described(found) for found in events])
    elif not events:
        click.echo("No events yet: make one with `aidstation event create`.")
    width = max((len(found.slug) for found in events), default=0)
    for found in [] if as_json else events:
        cancelled = "  cancelled" if found.cancelled_at else ""
        click.echo(f"{found.slug:{width}}  {_shown(found.date):15}  {found.name}{cancelled}")


@event.command()
@click.argument("slug")
@json_option
def show(slug: str, as_json: bool) -> None:
    """One event with its races, waves and number of entrants."""
    ready.prepare()
    from campaigns import contact as contacts

    found = event_named(slug)
    described = _described(found)
    if as_json:
        print_json(described)
        return
    click.echo(f"{found.name} ({slug}): {_shown(found.date)}, {found.timezone}.")
    if found.cancelled_at:
        click.echo("Cancelled.")
    click.echo(f"Organiser: {found.organiser.name} ({found.organiser.slug})")
    confirmed = "" if contacts.is_confirmed(found) else ", not confirmed yet"
    click.echo(f"Replies to: {found.contact_email or 'nobody yet'}{confirmed}")
    for race in described["races"]:
        waves = "".join(f", {wave['name']} {wave['start']}" for wave in race["waves"])
        children = ", for children" if race["for_children"] else ""
        click.echo(
            f"  {race['slug']}: {race['name']}, {race['start']}{waves}{children}, "
            f"{race['entrants']:,} entrants"
        )


def event_named(slug: str) -> Event:
    """The event with this slug. Raises Refused, naming the nearest or the known ones."""
    from campaigns.models import Event

    found = Event.objects.select_related("organiser").filter(slug=slug).first()
    if found is None:
        raise Refused(given.no_such("event", slug, list(Event.objects.values_list("slug", flat=True))))
    return found


def organiser_named(slug: str) -> Organiser:
    """The organiser with this slug. Raises Refused, naming the nearest or the known ones."""
    from campaigns.models import Organiser

    found = Organiser.objects.filter(slug=slug).first()
    if found is None:
        raise Refused(
            given.no_such("organiser", slug, list(Organiser.objects.values_list("slug", flat=True)))
        )
    return found


def _race(found: Event, slug: str) -> Race:
    race = found.races.filter(slug=slug.lower()).first()
    if race is None:
        raise Refused(given.no_such("race", slug, list(found.races.values_list("slug", flat=True))))
    return race


def _organiser(slug: str, name: str, event_name: str) -> Organiser:
    """The organiser meant: a known one, the only one, or a new one when there is none or it is named.

    Opt-outs belong to an organiser: a second one made by a slip of the pen would not know them.
    """
    from django.utils.text import slugify

    from campaigns.models import Organiser

    known = {organiser.slug: organiser for organiser in Organiser.objects.order_by("slug")}
    if name and not slug:
        slug = slugify(name)
    if slug in known:
        return known[slug]
    if known and not slug:
        if len(known) == 1:
            return next(iter(known.values()))
        raise Refused(f"Say whose event it is with --organiser: {', '.join(known)}.")
    if known and not name:
        raise Refused(f"{given.no_such('organiser', slug, list(known))} A new one needs --organiser-name.")
    name = name or slug.replace("-", " ").title() or re.sub(r"\s*\b(19|20)\d\d$", "", event_name)
    slug = slug or slugify(name)
    given.check_slug(slug, "--organiser")
    return Organiser.objects.create(slug=slug, name=name)


def _races(races: tuple[str, ...], names: tuple[str, ...], children: tuple[str, ...]) -> list[dict[str, Any]]:
    """The fields of each race, in the order given."""
    from campaigns.events import FOR_CHILDREN, RACE_NAMES

    starts = {slug.lower(): text for slug, text in given.pairs(races, "half=09:15").items()}
    called = {slug.lower(): name for slug, name in given.pairs(names, "half='Half Marathon'").items()}
    young = {slug.lower() for slug in children} or FOR_CHILDREN & starts.keys()
    for slug in [*called, *young]:
        if slug not in starts:
            raise Refused(given.no_such("race", slug, list(starts)))
    for slug in starts:
        given.check_slug(slug, "--race")
    return [
        {
            "slug": slug,
            "name": called.get(slug) or RACE_NAMES.get(slug) or slug.replace("-", " ").title(),
            "start": given.start(text, slug),
            "for_children": slug in young,
        }
        for slug, text in starts.items()
    ]


def _described(found: Event) -> dict[str, Any]:
    """The event as scripts read it."""
    from django.db.models import Count

    races = found.races.annotate(count=Count("entrants")).order_by("id").prefetch_related("waves")
    return {
        "slug": found.slug,
        "name": found.name,
        "date": found.date,
        "timezone": found.timezone,
        "organiser": found.organiser.slug,
        "cancelled": found.cancelled_at is not None,
        "races": [
            {
                "slug": race.slug,
                "name": race.name,
                "start": f"{race.start:%H:%M}",
                "for_children": race.for_children,
                "entrants": race.count,
                "waves": [
                    {"name": wave.name, "start": f"{wave.start:%H:%M}"}
                    for wave in sorted(race.waves.all(), key=lambda wave: (wave.start, wave.name))
                ],
            }
            for race in races
        ],
    }


def _starts(found: Event) -> str:
    return ", ".join(f"{race.name} {race.start:%H:%M}" for race in found.races.order_by("id"))


def _approvals(slug: str, count: int) -> str:
    if not count:
        return "No step was approved, so none asks again."
    steps = "1 step asks" if count == 1 else f"{count} steps ask"
    return f"{steps} for approval again: aidstation campaign approve {slug}"


def _shown(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"
