"""How long a rehearsal takes: every step to everyone, rendered to the last byte, by the command as people run it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import click

from bench import people, usage
from bench.report import Line
from bench.station import Station, station

EMAILS = ("shoes", "back-warm-up", "back-pain", "hydration")
TEXT, EACH = "hydration", 4
"""Each fourth step is a text."""

APART = 3
"""Days between steps."""

STEP = """
[[step]]
name = "step-{number}"
channel = "{channel}"
template = "{template}"
when = "{days} days before, 10:00"
audience = "all"
purpose = "service"
"""


def run(entrants: int, steps: int, say: Callable[[str], None]) -> Iterator[Line]:
    """Rehearses a campaign, figures alone and with the page, after it has been loaded and not yet approved."""
    with station() as aid:
        say(f"Putting in {entrants:,} entrants and {steps} steps")
        _set_up(aid, entrants, steps)
        say("Rehearsing")
        yield from _measured(aid, entrants * steps, "", "A rehearsal")
        say("Rehearsing for the page")
        page = aid.home / "report.html"
        yield from _measured(aid, entrants * steps, "page_", "The same with its page", "--html", str(page))
        yield Line("page_mb", "size of the page", page.stat().st_size / 1e6, "MB", within=True)


def _set_up(aid: Station, entrants: int, steps: int) -> None:
    day = datetime.now(aid.zone).date() + timedelta(days=APART * steps + 30)
    aid.command(
        "event", "create", "--slug", "bench", "--name", "Bench", "--date", str(day), "--race", "half=09:15",
        "--contact", "hello@example.org", "--venue", "Priory Park",
    )  # fmt: skip
    [(race,)] = aid.sql("SELECT id FROM races")
    people.seed(aid, race, entrants, "sms")
    plan = aid.home / "bench.toml"
    plan.write_text('name = "Bench"\n' + "".join(_step(number, steps) for number in range(steps)))
    aid.command("campaign", "load", str(plan), "--event", "bench")


def _step(number: int, steps: int) -> str:
    is_text = number % EACH == EACH - 1
    template = TEXT if is_text else EMAILS[number % EACH]
    channel = "sms" if is_text else "email"
    return STEP.format(number=number, channel=channel, template=template, days=APART * (steps - number))


def _measured(aid: Station, expected: int, key: str, words: str, *options: str) -> Iterator[Line]:
    postgres, begun = aid.usage()["Postgres"].cpu, time.perf_counter()
    found, used = _rehearse(aid.home / "figures.json", options)
    seconds = time.perf_counter() - begun
    messages = found["emails"] + found["texts"]
    if messages != expected:
        raise click.ClickException(f"Nothing was measured: {messages:,} messages and not {expected:,}.")
    target = "" if key else "≤ 30 s for 5,000 entrants and 20 steps"
    yield Line(f"{key}seconds", words, seconds, "s", target)
    yield Line(f"{key}messages", "messages", messages, within=True)
    yield Line(f"{key}cpu_s", "processor time of the command", used.cpu, "s", within=True)
    postgres = aid.usage()["Postgres"].cpu - postgres
    yield Line(f"{key}postgres_cpu_s", "processor time of Postgres", postgres, "s", within=True)
    yield Line(f"{key}peak_rss_mb", "largest memory of the command", used.peak_rss_mb, "MB", within=True)


def _rehearse(printed: Path, options: tuple[str, ...]) -> tuple[dict[str, int], usage.Usage]:
    """What the command printed, and what it used until just before its end."""
    words = ("rehearse", "bench", "--json", *options)
    used = usage.Usage(0.0, 0.0)
    with printed.open("w+b") as output:
        command = subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", *words], stdout=output, env=os.environ
        )
        while command.poll() is None:
            used = used.until(usage.of(command.pid))
            time.sleep(0.05)
        if command.returncode:
            raise click.ClickException("The rehearsal was refused: nothing was measured.")
        output.seek(0)
        return json.load(output), used
