"""A whole Aid Station for one measurement: own servers and processes in a folder that is removed afterwards.

It is driven by the `aidstation` command as an operator would; only people are put in by SQL, a million in a minute.
"""

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import psycopg
from click.testing import CliRunner

from bench import usage
from bench.usage import Usage
from campaigns.cli import embedded, main, ready
from campaigns.cli.broker_watch import BrokerWatch
from campaigns.cli.processes import COMMANDS, WORKERS, Supervisor

TEMPLATES = Path(__file__).parent / "templates"

OWN = (
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_RATE",
    "SMS_RATE",
    "PUBLIC_URL",
    "SMS_URL",
    "SECRET_KEY",
    "SUPPRESSION_KEY",
)
"""Settings of the machine that a measurement must not see; `_file` and all."""

PLAN = """
name = "Measured"
quiet_hours = "off"

[[step]]
name = "tip"
channel = "{channel}"
template = "bench-tip"
when = "start"
audience = "all"
purpose = "tips"
"""

STARTS_WITHIN = 60.0
"""Seconds that processes may take to start."""

LEAD = 6.0
"""Seconds between the loading of a plan and its due moment: by then all is idle."""

APPROVED_PER_S = 4_000
"""Entrants a second that an approval gets through on a busy machine."""

PATIENCE = 3600.0
"""Seconds that a measured send may take."""


@dataclass
class Station:
    """Servers under `home`, and the processes that were started."""

    home: Path
    database: psycopg.Connection[tuple[Any, ...]]
    supervisor: Supervisor
    zone: ZoneInfo = field(default_factory=lambda: midday_zone(datetime.now(UTC)))

    def command(self, *words: str) -> str:
        """Runs `aidstation` with these words in this process; returns what it printed."""
        done = CliRunner().invoke(main, words)
        if done.exit_code:
            raise click.ClickException(f"aidstation {' '.join(words)}: {done.output or done.exception}")
        return done.stdout

    def sql(self, statement: str, **params: object) -> list[tuple[Any, ...]]:
        """Rows straight from the database."""
        cursor = self.database.execute(statement, params)
        return cursor.fetchall() if cursor.description else []

    def configure(self, **settings: str) -> None:
        """Settings for the processes that are started from now on."""
        os.environ.update(settings)

    def start(self, *services: str, worker: str = "worker") -> None:
        """Starts services by the very commands of `aidstation run`; `worker` names another Celery application."""
        for service in services:
            words = [
                worker if word == "worker" and at == APP_AT else word
                for at, word in enumerate(COMMANDS[service])
            ]
            self.supervisor.start(service, words)
        self._wait_until_listening({*services} & WORKERS)

    def _wait_until_listening(self, workers: set[str]) -> None:
        """A busy machine takes long to start a process, and that is not what is measured."""
        watch = BrokerWatch(os.environ["REDIS_URL"], answers_since=float("-inf"))
        end = time.monotonic() + STARTS_WITHIN
        while watch.lost(workers):
            if time.monotonic() > end:
                raise click.ClickException("The workers did not start: nothing was measured.")
            time.sleep(0.2)

    def stop_processes(self) -> None:
        """Ends every process that was started; the servers stay."""
        self.supervisor.stop()
        self.supervisor.children.clear()

    def usage(self) -> dict[str, Usage]:
        """What each service and each server has used so far."""
        running = {child.name: child.process.pid for child in self.supervisor.children if child.process}
        servers = {
            server.name: process.pid for server in embedded.both(self.home) if (process := server.process())
        }
        return {name: usage.of(pid) for name, pid in (running | servers).items()}

    def event(self, slug: str) -> int:
        """An event whose race is today; the id of its one race."""
        today = datetime.now(self.zone).date()
        self.command(
            "event", "create", "--slug", slug, "--name", f"Run Reigate {today.year}", "--date", str(today),
            "--timezone", self.zone.key, "--race", "half=09:15", "--contact", "hello@example.org",
            "--venue", "Priory Park", "--postal-address", "1 Example Street, Reigate RH2 0AA",
        )  # fmt: skip
        # As by a code from that mailbox, which nobody here has: no step is approved before.
        self.sql("UPDATE events SET contact_confirmed = contact_email WHERE slug = %(slug)s", slug=slug)
        return int(
            self.sql(
                "SELECT r.id FROM races r JOIN events e ON e.id = r.event_id WHERE e.slug = %(slug)s",
                slug=slug,
            )[0][0]
        )

    def campaign(self, slug: str, channel: str, due: datetime, more: str = "") -> int:
        """A live campaign of one step for everyone, due at `due` to the second, and `more`; its step's id."""
        self.sql(
            "UPDATE races SET start = %(at)s FROM events e WHERE e.id = event_id AND e.slug = %(slug)s",
            slug=slug, at=due.astimezone(self.zone).time(),
        )  # fmt: skip
        plan = self.home / f"{slug}.toml"
        plan.write_text(PLAN.format(channel=channel) + more)
        self.command("campaign", "load", str(plan), "--event", slug, "--templates", str(TEMPLATES))
        self.command("campaign", "approve", slug)
        self.command("campaign", "start", slug)
        found = self.sql(
            "SELECT s.id FROM steps s JOIN campaigns c ON c.id = s.campaign_id JOIN events e ON e.id = c.event_id"
            " WHERE e.slug = %(slug)s AND s.kind = 'planned'",
            slug=slug,
        )
        return int(found[0][0])

    def wait_until_done(self, step: int) -> None:
        """Waits until a step is open and nothing of it is queued."""
        self.wait(
            step, lambda: self.sql("SELECT state FROM steps WHERE id = %(step)s", step=step) == [("done",)]
        )

    def wait_until_sent(self, step: int, count: int) -> None:
        """Waits until that many deliveries of a step are sent."""
        self.wait(step, lambda: self.states(step).get("sent", 0) >= count)

    def check(self, step: int, expected: dict[str, int]) -> None:
        """Refuses to call anything a measurement in which somebody was left out."""
        if (states := self.states(step)) != expected:
            raise click.ClickException(f"Nothing was measured: the ledger has {states} and not {expected}.")

    def wait(self, step: int, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not reached():
            if time.monotonic() > end:
                raise click.ClickException(f"The send did not end: {self.states(step)}.")
            time.sleep(0.1)

    def states(self, step: int) -> dict[str, int]:
        """How many deliveries of a step are in each state."""
        return dict(
            self.sql("SELECT state, count(*) FROM deliveries WHERE step_id = %(step)s GROUP BY 1", step=step)
        )


APP_AT = COMMANDS["email"].index("-A") + 1
"""Where Celery's application stands in a worker's command."""


@contextmanager
def station(**settings: str) -> Iterator[Station]:
    """Starts the servers with these settings on top, and takes everything away in the end, also after Ctrl-C."""
    home = Path(tempfile.mkdtemp(prefix="aidstation-bench-"))
    _set_environment(home, settings)
    # The processes import `bench` and `worker` from here.
    supervisor = Supervisor(say=lambda line: click.echo(line, err=True), log=home / "processes.log")
    try:
        servers = ready.prepare(migrate=True)
        with psycopg.connect(servers.database_url, autocommit=True) as database:
            yield Station(home, database, supervisor)
    except BaseException:
        _show_end(home / "processes.log")
        raise
    finally:
        supervisor.stop()
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def _set_environment(home: Path, settings: Mapping[str, str]) -> None:
    for name in OWN:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    os.environ.update(
        AIDSTATION_HOME=str(home),
        EMAIL_FROM="Run Reigate <tips@example.org>",
        TWILIO_ACCOUNT_SID="AC" + "1" * 32,
        TWILIO_AUTH_TOKEN=secrets.token_hex(8),
        TWILIO_FROM="RunReigate",
    )
    # Nothing leaves this machine, whatever a measurement leaves unset.
    os.environ |= {"EMAIL_URL": "smtp://127.0.0.1:1", "TWILIO_BASE_URL": "http://127.0.0.1:1"} | dict(
        settings
    )


def _show_end(log: Path) -> None:
    """What the processes said last, before their log is removed."""
    if log.exists() and (said := log.read_text(errors="replace").strip()):
        print("\n".join(said.splitlines()[-15:]), file=sys.stderr)


def midday_zone(now: datetime) -> ZoneInfo:
    """A zone in which it is about noon: far from midnight and from quiet hours."""
    east = 12 - now.hour
    return ZoneInfo(f"Etc/GMT{-east:+d}")


def sleep_until(moment: datetime) -> None:
    """Sleeps until a moment has come. Raises ClickException when it is past: nothing was sent in that time."""
    left = (moment - datetime.now(UTC)).total_seconds()
    if left < 0:
        raise click.ClickException(
            f"Nothing was measured: the station was ready {-left:.1f} s after its moment."
        )
    time.sleep(left)


def ahead(entrants: int) -> datetime:
    """A due moment far enough ahead: the approval before it makes each of the messages once, to look at it."""
    return soon(LEAD + entrants / APPROVED_PER_S)


def soon(seconds: float) -> datetime:
    """A whole second at least so far ahead."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 1)).replace(microsecond=0)
