"""A whole Aid Station for one test: own servers, own processes, driven by its commands as an operator would."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import redis

from campaigns.cli import embedded
from campaigns.cli.processes import COMMANDS
from postbox import Postbox

ROOT = Path(__file__).resolve().parents[2]
LONDON = ZoneInfo("Europe/London")
HEADINGS = [
    "eventTitle", "raceTitle", "ticketTitle", "First Name", "Last Name", "Email Address", "Date of Birth",
    "Phone Number", "Bib Number", "Wave", "I would like to receive race tips by email",
    "I would like race reminders by text message", "createdAt", "updatedAt",
]  # fmt: skip

STEP = """
[[step]]
name = "{name}"
channel = "{channel}"
template = "{template}"
when = "{when}"
audience = "all"
purpose = "tips"
"""


class Station:
    """Servers under `home`, a postbox, and whichever processes a test starts."""

    def __init__(self, home: Path, box: Postbox) -> None:
        self.home, self.box = home, box
        self.processes: list[subprocess.Popen[bytes]] = []
        self.app = "worker"  # the module that holds the Celery application
        self.env = {name: value for name, value in os.environ.items() if name not in GIVEN} | {
            "AIDSTATION_HOME": str(home),
            "EMAIL_URL": box.email_url,
            "EMAIL_FROM": "Run Reigate <tips@example.org>",
            "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
            "TWILIO_AUTH_TOKEN": "test",
            "TWILIO_FROM": "RunReigate",
            "TWILIO_BASE_URL": box.twilio_base_url,
        }
        up = self.json("up")
        self.database_url, self.redis_url = up["database_url"], up["redis_url"]
        self.env |= {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def command(self, *words: str, code: int = 0, timeout: float = 120) -> str:
        """Runs `aidstation` with these words and returns what it printed; `timeout` in seconds."""
        done = subprocess.run(
            [sys.executable, "-m", "campaigns.cli", *words],
            cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *words: str) -> Any:
        """The JSON that a command prints."""
        return json.loads(self.command(*words, "--json"))

    def start(self, *names: str) -> list[subprocess.Popen[bytes]]:
        """Starts services by the very commands of `aidstation run`."""
        started = [self._start(name) for name in names]
        self.processes += started
        return started

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        words = [
            word.replace("%h", f"h{len(self.processes)}-{time.monotonic_ns()}") for word in COMMANDS[name]
        ]
        if "-A" in words:
            words[words.index("-A") + 1] = self.app
        if name == "web":
            words += ["--bind", f"127.0.0.1:{self.env['WEB_PORT']}"]
        with (self.home / "processes.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ends every process, then the servers."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        embedded.stop(self.home)

    def sql(self, statement: str, *params: Any) -> list[Any]:
        """Rows straight from the database."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, params)
            return cursor.fetchall() if cursor.description else []

    def flush_redis(self) -> None:
        """Everything that the broker knows is gone."""
        redis.Redis.from_url(self.redis_url).flushall()

    def states(self) -> Counter[str]:
        """How many deliveries are in each state."""
        return Counter(dict(self.sql("SELECT state, count(*) FROM deliveries GROUP BY state")))

    def event(self, slug: str = "race") -> str:
        """An event 47 days off, so that "47 days before" is today."""
        day = datetime.now(LONDON).date() + timedelta(days=47)
        self.command(
            "event", "create", "--slug", slug, "--name", "Run Reigate 2027", "--date", str(day),
            "--race", "half=09:15", "--race", "10k=09:00", "--race", "5k=09:25", "--race", "kids=12:00",
            "--contact", "hello@example.org", "--venue", "Priory Park",
        )  # fmt: skip
        self.confirm_contact(slug)
        return slug

    def confirm_contact(self, slug: str) -> None:
        """As by a code from that mailbox, which nobody here has: no step is approved before."""
        self.sql("UPDATE events SET contact_confirmed = contact_email WHERE slug = %s", slug)

    def entrants(self, count: int, slug: str = "race", first: int = 0) -> list[dict[str, str]]:
        """Imports `count` invented people who agree to everything, each with an address and a number."""
        people = [a_person(number) for number in range(first, first + count)]
        file = self.home / f"list-{slug}-{first}.csv"
        write_list(file, people)
        imported = self.json("entrants", "import", str(file), "--event", slug, "--yes")
        assert imported["new"] == count, imported
        return people

    def campaign(self, *steps: str, slug: str = "race") -> None:
        """Loads, signs, approves and starts a plan of these steps, without quiet hours."""
        self.command("campaign", "load", self.plan(*steps, slug=slug), "--event", slug)
        self.sign(slug)
        self.command("campaign", "approve", slug)
        self.command("campaign", "start", slug)

    def sign(self, slug: str = "race") -> None:
        """An example reviewer signs whatever health advice nobody has signed."""
        found = self.json("template", "list", slug)["templates"]
        if names := [row["name"] for row in found if row["health"] and not row["sign_off"]]:
            reviewer = ["--reviewer", "EXAMPLE REVIEWER, not a real clinician", "--review-by", "2099-12-31"]
            self.command("template", "sign-off", slug, *names, *reviewer)

    def plan(self, *steps: str, slug: str = "race") -> str:
        """Writes a plan of these steps, without quiet hours, and returns its path."""
        file = self.home / f"plan-{slug}.toml"
        file.write_text('name = "Tips"\nquiet_hours = "off"\n' + "".join(steps))
        return str(file)

    def restart_servers(self) -> None:
        """Starts again whichever server has been killed."""
        embedded.ensure(self.home, {}, say=lambda line: None)

    def wait_until_settled(self, count: int, seconds: float = 60) -> None:
        """Waits until `count` deliveries are sent and nothing is queued."""
        wait_until(
            lambda: self.states()["sent"] == count and self.sql("SELECT count(*) FROM outbox") == [(0,)],
            seconds,
            lambda: f"{self.states()}, {len(self.box.emails)} emails, {len(self.box.texts)} texts",
        )


GIVEN = {"DATABASE_URL", "REDIS_URL", "EMAIL_URL", "TWILIO_BASE_URL", "AIDSTATION_HOME", "PUBLIC_URL"}
"""Settings of the test run itself that a station must not see."""


def a_person(number: int) -> dict[str, str]:
    """An invented adult in the half marathon."""
    now = datetime.now(LONDON).isoformat()
    return dict.fromkeys(HEADINGS, "Yes") | {
        "eventTitle": "Run Reigate", "raceTitle": "Half Marathon", "ticketTitle": "Standard",
        "First Name": f"Runner{number}", "Last Name": "Example", "Email Address": f"runner{number}@example.com",
        "Date of Birth": "1985-05-05", "Phone Number": f"+4477009{number:05d}", "Bib Number": "", "Wave": "",
        "createdAt": now, "updatedAt": now,
    }  # fmt: skip


def write_list(file: Path, people: Iterable[dict[str, str]]) -> None:
    """Writes a Let's Do This list."""
    with file.open("w", newline="", encoding="utf-8") as output:
        writer = csv.DictWriter(output, HEADINGS)
        writer.writeheader()
        writer.writerows(people)


def a_step(
    name: str, channel: str = "email", template: str = "back-warm-up", at: datetime | None = None
) -> str:
    """A `[[step]]` for everyone, 47 days before the race at `at` (this minute unless given)."""
    local = (at or datetime.now(LONDON)).astimezone(LONDON)
    return STEP.format(name=name, channel=channel, template=template, when=f"47 days before, {local:%H:%M}")


def wait_until(condition: Callable[[], bool], seconds: float, said: Callable[[], str] = str) -> None:
    """Waits until a condition holds; fails with what `said` says."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds:.0f} s: {said()}"
        time.sleep(0.1)
