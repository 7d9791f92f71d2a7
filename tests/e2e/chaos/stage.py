"""A station with killable sinks, its people and its supervisor: what rounds and scenarios play on."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from station import Station, a_person, a_step, write_list

from chaos.sinks import ROOT, Sinks

Faults = Sequence[Mapping[str, Any]]


@dataclass
class Found:
    """What a scenario measured, and sentences on what should not be."""

    figures: dict[str, object] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def demand(self, holds: bool, otherwise: str) -> None:
        """Notes a fault unless something holds."""
        if not holds:
            self.faults.append(otherwise)


@contextmanager
def stage(
    settings: Mapping[str, str], mail: Faults = (), texts: Faults = ()
) -> Iterator[tuple[Station, Sinks]]:
    """A station under a new folder, which stays where something raises: whoever keeps it removes it."""
    home = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
    with Sinks(home, mail, texts) as sinks:
        station = Station(home, sinks)
        station.env |= settings
        try:
            yield station, sinks
        finally:
            station.stop()


def leave(station: Station, faults: Sequence[str]) -> None:
    """Removes a station's folder, unless there is something to look into."""
    if not faults:
        shutil.rmtree(station.home, ignore_errors=True)


def people(station: Station, emails: int, texts: int = 0) -> list[dict[str, str]]:
    """Imports people who agree to everything; everyone has an address, the first `texts` a number as well."""
    everyone = [a_person(number) for number in range(emails)]
    for person in everyone[texts:]:
        person["Phone Number"] = ""
    file = station.home / "list.csv"
    write_list(file, everyone)
    station.command("entrants", "import", str(file), "--event", "race", "--yes", timeout=900)
    return everyone


def campaign(station: Station, *, texts: bool) -> None:
    """A tip by email to everyone, and a text to whoever has a number, both due now."""
    text = a_step("text", "sms", "hydration").replace('audience = "all"', 'audience = "has-mobile"')
    station.campaign(a_step("tip"), *([text] if texts else []))


def run(station: Station, bind: str = "127.0.0.1:0") -> psutil.Process:
    """Starts `aidstation run` on the station's servers; whatever of it dies it starts again itself."""
    with (station.home / "processes.log").open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", "run", "--bind", bind],
            cwd=ROOT, env=station.env, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    station.processes.append(running)
    return psutil.Process(running.pid)
