"""`aidstation alert`: messages held ready. Two people arm one beforehand, one sends it at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.table import Table

from campaigns.cli import given, output
from campaigns.cli.ready import prepare
from campaigns.said import WAITS_FOR_SECOND

if TYPE_CHECKING:
    from campaigns.alerts import Pressed, Sending, Standing
    from campaigns.models import Alert, Event

IN_WORDS = {
    "off": "not in the plan",
    "unarmed": "not armed",
    "confirming": WAITS_FOR_SECOND,
    "armed": "armed",
}

set_option = click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="What the message leaves open: temp=29."
)


@click.group()
def alert() -> None:
    """Messages held ready: heat, delay, cancelled. Armed by two people, sent at once by one."""


@alert.command("list")
@click.argument("slug")
@output.json_option
def list_alerts(slug: str, as_json: bool) -> None:
    """List the alerts of event SLUG, how ready they are, and what was sent."""
    prepare()
    from campaigns import alerts
    from campaigns.cli.event import event_named

    event = event_named(slug)
    found, warnings = alerts.standing(event)
    if as_json:
        output.print_json(
            {"event": slug, "alerts": [_described(each) for each in found], "warnings": warnings}
        )
        return
    table = Table("Alert", "By", "State", "Type in", "Armed by", "Sent")
    for each in found:
        state = IN_WORDS[each.arming]
        people = " and ".join(filter(None, (each.alert.armed_by, each.alert.confirmed_by)))
        sent = ", ".join(map(str, each.releases))
        table.add_row(each.alert.name, _channels(each.alert), state, _open_words(each), people, sent)
    Console().print(table)
    _warn(warnings)


def _channels(found: Alert) -> str:
    return " and ".join(
        word for word, template in (("email", found.email_template), ("text", found.sms_template)) if template
    )


def _open_words(each: Standing) -> str:
    return ", ".join(
        f"{name}={each.alert.values[name]}" if name in each.alert.values else name for name in each.asks_for
    )


def _described(each: Standing) -> dict[str, Any]:
    found = each.alert
    return {
        "name": found.name,
        "state": each.arming,
        "channels": [
            channel
            for channel, template in (("email", found.email_template), ("sms", found.sms_template))
            if template
        ],
        "asks_for": each.asks_for,
        "values": found.values,
        "expires_s": found.expires.total_seconds(),
        "armed_by": found.armed_by,
        "confirmed_by": found.confirmed_by,
        "tested_at": found.tested_at,
        "releases": [
            {"name": str(release), "pressed_at": release.pressed_at, "pressed_by": release.pressed_by}
            for release in each.releases
        ],
    }


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        click.secho(warning, fg="yellow")


@alert.command()
@click.argument("slug")
@click.option("--ask", is_flag=True, help="Ask Twilio for the credit, and send a test to all of the staff.")
@output.json_option
@output.as_option
def ready(slug: str, ask: bool, as_json: bool, who: str) -> None:
    """Say whether event SLUG is ready for race day, and what stands in the way; exits 3 when something is wrong."""
    prepare()
    from campaigns import clock, readiness
    from campaigns.checking import State
    from campaigns.cli.event import event_named

    event = event_named(slug)
    if ask:
        _ask(event, who)
    checks = readiness.look(event, clock.now())
    if as_json:
        found = [
            {"name": one.name, "state": one.state, "words": one.words, "cure": one.cure} for one in checks
        ]
        output.print_json({"event": slug, "checks": found})
    for one in [] if as_json else checks:
        click.secho(f"{one.state:<6} {one.name}: {one.words} {one.cure}".rstrip(), fg=_COLOURS[one.state])
    if any(one.state == State.WRONG for one in checks):
        raise click.exceptions.Exit(3)


_COLOURS = {"good": "green", "look": "yellow", "wrong": "red"}


def _ask(event: Event, who: str) -> None:
    from campaigns import audit, readiness

    readiness.ask_credit(event)
    tested = readiness.test_staff(event)
    failed = [one for one in tested if one.problem]
    audit.record(who, "event.ready", event=event.slug, sent=len(tested) - len(failed), failed=len(failed))
    for one in failed:
        click.secho(
            f"The test to {one.name} by {one.channel} did not leave: {one.problem}", fg="red", err=True
        )


@alert.command()
@click.argument("slug")
@click.argument("name")
@set_option
@output.json_option
@output.as_option
def arm(slug: str, name: str, values: tuple[str, ...], as_json: bool, who: str) -> None:
    """Arm alert NAME of event SLUG, or confirm what another person armed."""
    prepare()
    from campaigns import alerts, audit

    chosen = _alert(slug, name)
    try:
        state = alerts.arm(chosen, who, _values(values))
    except alerts.AlertError as error:
        output.refuse(error)
    chosen.refresh_from_db()
    audit.record(
        who, "alert.arm", event=slug, alert=name, state=state, values=chosen.values, hash=chosen.armed_hash
    )
    if as_json:
        output.print_json({"event": slug, "alert": name, "state": state, "values": chosen.values})
        return
    people = " and ".join(filter(None, (chosen.armed_by, chosen.confirmed_by)))
    click.echo(f"{name} is armed by {people}." if state == "armed" else f"{name} {IN_WORDS[state]}.")
    _warn(alerts.standing(chosen.campaign.event)[1])


@alert.command()
@click.argument("slug")
@click.argument("name")
@output.json_option
@output.as_option
def disarm(slug: str, name: str, as_json: bool, who: str) -> None:
    """Take back the arming of alert NAME of event SLUG. What was sent stays sent."""
    prepare()
    from campaigns import alerts, audit

    was_armed = alerts.disarm(_alert(slug, name))
    audit.record(who, "alert.disarm", event=slug, alert=name, was_armed=was_armed)
    if as_json:
        output.print_json({"event": slug, "alert": name, "state": "unarmed"})
    else:
        click.echo(f"{name} is not armed any more." if was_armed else f"{name} was not armed.")


@alert.command()
@click.argument("slug")
@click.argument("name")
@set_option
@output.json_option
@output.as_option
def test(slug: str, name: str, values: tuple[str, ...], as_json: bool, who: str) -> None:
    """Send alert NAME of event SLUG to the event's staff, marked as a test."""
    prepare()
    from campaigns import alerts, audit

    try:
        results = alerts.send_test(_alert(slug, name), _values(values))
    except alerts.AlertError as error:
        output.refuse(error)
    failed = [result for result in results if result.problem]
    audit.record(
        who, "alert.test", event=slug, alert=name, sent=len(results) - len(failed), failed=len(failed)
    )
    if as_json:
        output.print_json(
            {
                "event": slug,
                "alert": name,
                "sent": [
                    {"name": one.name, "channel": one.channel, "problem": one.problem} for one in results
                ],
            }
        )
    for one in [] if as_json else results:
        click.echo(f"{one.name} by {one.channel}: {one.problem or 'sent'}")
    if failed or not results:
        raise output.Refused(f"{len(failed)} of {len(results)} tests of '{name}' did not leave.")


@alert.command()
@click.argument("slug")
@click.argument("name")
@set_option
@click.option(
    "--expires", default="", metavar="TIME", help="Not worth reading after: '90 min' [default: the plan's]."
)
@click.option(
    "--confirm", "name_typed", default="", metavar="NAME", help="The alert's name again, for scripts."
)
@click.option("--token", default="", help="Of this press: with the same token a second press is the same.")
@output.json_option
@output.as_option
def send(
    slug: str,
    name: str,
    values: tuple[str, ...],
    expires: str,
    name_typed: str,
    token: str,
    as_json: bool,
    who: str,
) -> None:
    """Send armed alert NAME to every confirmed entrant of event SLUG, at once."""
    prepare()
    import worker
    from campaigns import alerts

    threading.Thread(
        target=worker.get_ready, daemon=True
    ).start()  # while a person types, and while it is opened
    chosen, typed = _alert(slug, name), _values(values)
    lasting = _lasting(expires)
    name_typed = name_typed or click.prompt(f"Type {name} to send it to everyone", err=True)
    try:
        pressed = alerts.press(
            chosen,
            who,
            name_typed=name_typed,
            values=typed,
            expires=lasting,
            token=token,
            wake=worker.wake_alerts,
        )
    except alerts.NobodyReached as error:
        _note_press(slug, who, name, None)
        _refuse_in_red(error)
    except alerts.AlertError as error:
        output.refuse(error)
    _note_press(slug, who, name, pressed)
    if as_json:
        output.print_json(_pressed(slug, pressed))
    else:
        _say(slug, pressed)


def _alert(slug: str, name: str) -> Alert:
    from campaigns import alerts
    from campaigns.cli.event import event_named

    try:
        return alerts.alert_named(event_named(slug), name)
    except alerts.AlertError as error:
        output.refuse(error)


def _values(words: tuple[str, ...]) -> dict[str, str]:
    return given.pairs(words, "temp=29")


def _lasting(text: str) -> timedelta | None:
    from campaigns.schedule import ScheduleError, parse_duration

    try:
        return parse_duration(text) if text else None
    except ScheduleError as error:
        raise output.Refused(f"--expires: {error}") from error


def _note_press(slug: str, who: str, name: str, pressed: Pressed | None) -> None:
    from campaigns import audit

    release = pressed.release if pressed else None
    audit.record(
        who,
        "alert.send",
        event=slug,
        alert=name,
        release=str(release) if release else None,
        repeated=bool(pressed and pressed.repeated),
        values=release.values if release else {},
        entrants={one.channel: one.entrants for one in pressed.sendings} if pressed else {},
    )


def _refuse_in_red(error: Exception) -> NoReturn:
    raise output.Refused(click.style(str(error), fg="red", bold=True)) from error


def _say(slug: str, pressed: Pressed) -> None:
    release = pressed.release
    zone = release.alert.campaign.event.zone
    if pressed.repeated:
        click.echo(
            f"The same press as {release.pressed_at.astimezone(zone):%H:%M:%S}: {release} is on its way."
        )
    else:
        click.echo(f"{release} is on its way.")
    for one in pressed.sendings:
        click.echo(f"  {one}{_left_out(one)}")
    until = (release.pressed_at + release.expires).astimezone(zone)
    click.echo(f"Who cannot be reached by {until:%H:%M on %a} {until.day} {until:%b} does not get it.")
    click.echo(f"Follow it: aidstation status {slug}")


def _left_out(one: Sending) -> str:
    reasons = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in one.left_out.items())
    return f"; not to {sum(one.left_out.values()):,} ({reasons})" if reasons else ""


def _pressed(slug: str, pressed: Pressed) -> dict[str, Any]:
    release = pressed.release
    return {
        "event": slug,
        "alert": release.alert.name,
        "release": str(release),
        "repeated": pressed.repeated,
        "pressed_at": release.pressed_at,
        "expires_at": release.pressed_at + release.expires,
        "channels": [
            {
                "channel": one.channel,
                "entrants": one.entrants,
                "messages": one.messages,
                "segments": one.segments,
                "ahead": one.ahead,
                "rate": one.rate,
                "seconds": one.seconds,
                "left_out": dict(one.left_out),
            }
            for one in pressed.sendings
        ],
    }
