"""`aidstation demo`: the whole story on one machine, with a postbox in place of mail server and Twilio."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from campaigns.cli import output, ready
from campaigns.cli.processes import Supervisor, until_signalled
from campaigns.cli.run import alone, servers_until_the_end, start_all

if TYPE_CHECKING:
    from campaigns.models import Event

STARTS_WITHIN = 120.0
"""Seconds that the postbox and the web process may each take: thirty were too few for one beside heavy work."""

PATIENCE = 120.0
"""Seconds after which `--once` gives up on messages that have not arrived."""


@dataclass
class Places:
    """Where the demo's parts answer."""

    postbox: str
    web: str


@click.command()
@click.option("--once", is_flag=True, help="Exit when the messages that are due have arrived.")
@output.json_option
def demo(once: bool, as_json: bool) -> None:
    """Show the whole story on this machine: Run Reigate 47 days off, 540 entrants, messages to a postbox."""
    begun = time.monotonic()
    _refuse_other_hosts()
    say = _speaker(as_json)
    log = ready.home() / "demo.log"
    supervisor = Supervisor(say, log)
    with alone(), servers_until_the_end():
        try:
            places = _begin(supervisor)
            events = _tell(say)
            start_all(supervisor, urlsplit(places.web).netloc)
            _wait_for_web(places.web)
            say(f"Ready after {time.monotonic() - begun:.0f} s. Sending what is due.")
            sent = _watch_until_sent(supervisor, events, time.monotonic())
            # Made before the last lines: who ends the demo on reading them must not meet it half-way through this.
            colleagues = [] if once else _colleagues()
            _report(places, events, sent, as_json=as_json)
            if not once:
                _say_who_signs_in(places, colleagues)
                click.echo("Ctrl-C ends the demo.")
                until_signalled(supervisor.watch)
        finally:
            say("Stopping.")
            supervisor.stop()


def _speaker(as_json: bool) -> Any:
    """Progress goes to the error stream, so that --json alone is on standard output."""
    return lambda line: click.echo(line, err=as_json)


def _refuse_other_hosts() -> None:
    """The demo writes to invented people, and nothing of it may leave this machine."""
    os.environ["AIDSTATION_DEMO"] = "1"
    for variable in ("EMAIL_URL", "TWILIO_BASE_URL"):
        host = urlsplit(os.environ.get(variable, "")).hostname
        if host and host not in ("127.0.0.1", "::1", "localhost"):
            raise output.Refused(
                f"The demo sends to this machine only, and {variable} names {host}: unset it."
            )


def _begin(supervisor: Supervisor) -> Places:
    """Starts the postbox and the servers, and tells the environment of both."""
    pages = f"http://127.0.0.1:{_port(8000)}"
    with tempfile.TemporaryDirectory() as folder:
        announce = Path(folder) / "ports"
        ports = ["--smtp-port", "0", "--http-port", str(_port(8025)), "--announce", str(announce)]
        ports += ["--inbound-url", f"{pages}/hooks/twilio/inbound"]
        supervisor.start("postbox", ["postbox", *ports])
        found = _announced(announce)
    places = Places(found["page_url"], pages)
    os.environ |= {
        "EMAIL_URL": found["email_url"],
        "EMAIL_FROM": "Run Reigate <tips@runreigate.example>",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "demo",
        "TWILIO_FROM": "RunReigate",
        "TWILIO_BASE_URL": found["twilio_base_url"],
        "PUBLIC_URL": places.web,
        "SMS_URL": places.web,
    }
    ready.prepare(migrate=True)
    return places


def _port(wanted: int) -> int:
    """The wanted port of this machine, or any free one if it is taken."""
    for number in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise output.NotReady("No port is free on this machine.")


def _announced(file: Path) -> dict[str, str]:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        try:
            found: dict[str, str] = json.loads(file.read_text())
            return found
        except (OSError, ValueError):
            time.sleep(0.05)
    raise output.NotReady("The postbox did not start within two minutes: see demo.log in AIDSTATION_HOME.")


def _tell(say: Any) -> list[Event]:
    from campaigns import providers
    from campaigns.cli import demo_story
    from campaigns.models.words import Channel

    for channel in Channel:
        if problem := providers.problem(channel):
            raise output.Refused(problem)
    say("Importing the sample entry list and approving the plan.")
    try:
        return demo_story.tell()
    except demo_story.NotTheDemos as error:
        output.refuse(error)


def _wait_for_web(url: str) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise output.NotReady(
        "The web process did not answer within two minutes: see demo.log in AIDSTATION_HOME, "
        "or wait until the machine is less busy and start again."
    )


@dataclass
class Sent:
    """How it went: messages by channel, people, seconds."""

    emails: int
    texts: int
    people: int
    seconds: float


def _watch_until_sent(supervisor: Supervisor, events: list[Event], since: float) -> Sent:
    """Draws the counts as they come and returns when nothing due is left."""
    while time.monotonic() - since < PATIENCE:
        supervisor.watch()
        sent, left = _figures(events)
        _draw(f"Sent {sent.emails:,} emails and {sent.texts:,} texts")
        if sent.emails and sent.texts and not left:
            _draw("")
            sent.seconds = time.monotonic() - since
            return sent
        time.sleep(0.2)
    raise output.Refused(f"After {PATIENCE:.0f} s messages are still on their way: see `aidstation status`.")


def _colleagues() -> list[str]:
    from campaigns.cli import demo_story

    return list(demo_story.colleagues())


def _say_who_signs_in(places: Places, colleagues: list[str]) -> None:
    click.echo(f"\nSign in at {places.web}/sign-in as one of these (address, password):")
    for line in colleagues:
        click.echo(f"  {line}")
    click.echo(
        "Reigate Hill Run waits there: bring in a list (tests/data/lets_do_this_start_list.csv) and start it."
    )


def _draw(line: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{line}", nl=False, err=True)


def _figures(events: list[Event]) -> tuple[Sent, bool]:
    """What was sent so far, and whether anything due is still on its way."""
    from django.db import connection

    from campaigns import clock

    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE d.channel = 'email' AND d.sent_at IS NOT NULL AND d.carrier_id IS NULL),
                count(*) FILTER (WHERE d.channel = 'sms' AND d.sent_at IS NOT NULL AND d.carrier_id IS NULL),
                count(DISTINCT d.entrant_id) FILTER (WHERE d.sent_at IS NOT NULL),
                count(*) FILTER (WHERE o.due_at <= %s)
            FROM deliveries d JOIN steps s ON s.id = d.step_id JOIN campaigns c ON c.id = s.campaign_id
            LEFT JOIN outbox o ON o.delivery_id = d.id WHERE c.event_id = ANY(%s)""",
            [clock.now(), [event.id for event in events]],
        )
        emails, texts, people, left = cursor.fetchone()
    return Sent(emails, texts, people, 0.0), bool(left)


def _report(places: Places, events: list[Event], sent: Sent, *, as_json: bool) -> None:
    from campaigns import report

    ahead = sum(step["ahead"] for event in events for step in report.status(event)["steps"])
    if as_json:
        output.print_json(
            {
                "emails": sent.emails,
                "texts": sent.texts,
                "people": sent.people,
                "seconds": round(sent.seconds, 1),
                "steps_ahead": ahead,
                "postbox": places.postbox,
                "web": places.web,
            }
        )
        return
    click.echo(f"Postbox: {places.postbox}\nAid Station: {places.web}/")
    click.echo(
        f"Sent {sent.emails:,} emails and {sent.texts:,} texts to {sent.people:,} people in {sent.seconds:.0f} s; "
        f"{ahead} steps of the plan stand ahead."
    )
