"""How long the import of a large entry list takes, and how much memory: the command as people run it."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from bench import usage
from bench.report import Line
from bench.station import Station, station

HEADINGS = (
    "eventTitle",
    "raceTitle",
    "ticketTitle",
    "First Name",
    "Last Name",
    "Email Address",
    "Gender",
    "Date of Birth",
    "Address (Line 1)",
    "Address (City)",
    "Address (Postcode)",
    "Phone Number",
    "Emergency Contact",
    "Emergency Phone",
    "Bib Number",
    "Wave",
    "I would like to receive race tips by email",
    "I would like race reminders by text message",
    "createdAt",
    "updatedAt",
)
RACES = ("5k", "10k", "Half Marathon")


def run(rows: int, say: Callable[[str], None]) -> Iterator[Line]:
    """Imports a made-up list of so many rows, and the same again."""
    with station() as aid:
        say(f"Writing a list of {rows:,} rows")
        path = aid.home / "list.csv"
        _write(path, rows)
        races = ("--race=half=09:15", "--race=10k=09:00", "--race=5k=09:25")
        aid.command("event", "create", "--slug=bench", "--name=Bench", "--date=2027-09-19", *races)
        yield Line("rows", "Rows", rows)
        say("Importing it")
        yield from _measured(aid, path, "", "The first import", "≤ 20 s for 100,000")
        say("Importing it again")
        yield from _measured(aid, path, "again_", "The same list again", "")


def _measured(aid: Station, path: Path, key: str, words: str, target: str) -> Iterator[Line]:
    postgres, begun = aid.usage()["Postgres"].cpu, time.perf_counter()
    done, used = _import(path)
    seconds = time.perf_counter() - begun
    postgres = aid.usage()["Postgres"].cpu - postgres
    yield Line(f"{key}seconds", words, seconds, "s", target)
    yield Line(f"{key}cpu_s", "processor time of the command", used.cpu, "s", within=True)
    yield Line(f"{key}postgres_cpu_s", "processor time of Postgres", postgres, "s", within=True)
    yield Line(f"{key}peak_rss_mb", "largest memory of the command", used.peak_rss_mb, "MB", within=True)
    yield Line(f"{key}problems", "problems found", len(done["problems"]), within=True)


def _import(path: Path) -> tuple[dict[str, list[object]], usage.Usage]:
    """What the command printed, and what it used until just before its end."""
    words = ("entrants", "import", str(path), "--event", "bench", "--yes", "--json")
    used = usage.Usage(0.0, 0.0)
    with (path.parent / "import.json").open("w+b") as output:
        command = subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", *words], stdout=output, env=os.environ
        )
        while command.poll() is None:
            used = used.until(usage.of(command.pid))
            time.sleep(0.05)
        if command.returncode:
            raise click.ClickException("The import was refused: nothing was measured.")
        output.seek(0)
        return json.load(output), used


def _write(path: Path, rows: int) -> None:
    chance = random.Random(1)  # noqa: S311 - the same list each time
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(_row(chance, number) for number in range(rows))


def _row(chance: random.Random, number: int) -> Iterator[str]:
    def yes() -> str:
        return chance.choice(("Yes", "No", ""))

    born = f"{chance.randrange(1940, 2009)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    address = f"zoe.oneill.{number}@{chance.choice(('gmail', 'icloud', f'mail{number % 3000}'))}.example.com"
    place = (f"{number} Secret Road", "Reigate", "RH2 7RL")
    yield from ("Run Reigate", chance.choice(RACES), "Standard", f"Zoë {number}", f"O'Neill {number % 977}")
    yield from (address, "PREFER NOT TO SAY", born, *place, _phone(chance), "Mrs Secret", "+447700900203")
    yield from (str(number), "", yes(), yes(), "2026-09-27T02:02:00Z", "2026-09-27T02:02:00Z")


def _phone(chance: random.Random) -> str:
    """Seven in ten a British mobile in one of its forms, two a landline, one from abroad."""
    mobile = f"7{chance.randrange(4, 10)}{chance.randrange(10**8):08}"
    forms = (
        f"+44{mobile}",
        f"+44{mobile}",
        f"0{mobile}",
        f"0{mobile}",
        mobile,
        f"+44 (0){mobile}",
        f"0044{mobile}",
    )
    landline = f"01737 2{chance.randrange(10**5):05}"
    return chance.choice((*forms, landline, landline, f"+33 6 {chance.randrange(10**8):08}"))
