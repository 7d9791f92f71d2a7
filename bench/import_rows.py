"""How long the import of a large entry list takes, and how much memory: `python -m bench.import_rows [ROWS]`.

It runs the `aidstation` command as people do, on servers of its own in a folder that it removes afterwards.
"""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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


def main(rows: int) -> None:
    """Import a made-up list of so many rows, and the same again; print what each took."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / "list.csv"
        _write(path, rows)
        aidstation = _Aidstation(home)
        try:
            aidstation("up")
            starts = ("--race=half=09:15", "--race=10k=09:00", "--race=5k=09:25")
            aidstation("event", "create", "--slug=bench", "--name=Bench", "--date=2027-09-19", *starts)
            for name in ("first", "again"):
                print(json.dumps({"import": name, **_measured(aidstation, path)}), flush=True)
        finally:
            aidstation("down")


class _Aidstation:
    """The command, on servers of its own."""

    def __init__(self, home: Path) -> None:
        own = {"DATABASE_URL", "REDIS_URL"}
        kept = {name: value for name, value in os.environ.items() if name not in own}
        self._environment = kept | {"AIDSTATION_HOME": str(home / "home")}

    def __call__(self, *words: str) -> str:
        command = [sys.executable, "-m", "campaigns.cli", *words]
        return subprocess.run(
            command, env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout


def _measured(aidstation: _Aidstation, path: Path) -> dict[str, object]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = json.loads(aidstation("entrants", "import", str(path), "--event=bench", "--json"))
    seconds = time.perf_counter() - start
    outcomes = {name: done[name] for name in ("rows", "new", "unchanged", "held", "rejected")}
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(seconds, 1),
        "rows_per_s": round(done["rows"] / seconds),
        # Without Postgres's. The memory is the largest of all commands so far; Linux counts it in KB.
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_rss_mb": round(after.ru_maxrss / 1024),
        "problems": len(done["problems"]),
        **outcomes,
    }


def _write(path: Path, rows: int) -> None:
    chance = random.Random(1)  # noqa: S311 - the same list each time
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(_row(chance, number) for number in range(rows))


def _row(chance: random.Random, number: int) -> Iterator[str]:
    yes = lambda: chance.choice(("Yes", "No", ""))  # noqa: E731
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


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
