"""Every email of the library, filled for three entrants of the sample lists: longest, oddest and shortest name."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
RACE_DAY, LONDON = date(2027, 9, 19), ZoneInfo("Europe/London")
NOW = datetime(2027, 8, 3, 9, tzinfo=UTC)
ALERT = {"temp": "29", "new_start": "10:00", "new_date": "Sun 17 Oct 2027"}
NAME_COLUMNS = ("First Name", "Participant - First Name")


@dataclass(frozen=True)
class Mail:
    """One email as one entrant would read it."""

    message: str
    who: str
    subject: str
    html: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.message}, {self.who}"


@cache
def first_names() -> dict[str, str]:
    """Of all sample lists: who has the longest, the oddest (most signs outside A to Z) and the shortest name."""
    names = sorted(
        {name for file in sorted((ROOT / "tests" / "data").glob("*.csv")) for name in _names(file)}
    )
    return {
        "longest": max(names, key=len),
        "oddest": max(names, key=lambda name: sum(not ("a" <= sign.lower() <= "z") for sign in name)),
        "shortest": min(names, key=len),
    }


def _names(file: Path) -> Iterator[str]:
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252")
    heading = text.splitlines()[0]
    delimiter = max(",;\t", key=heading.count)
    for row in csv.DictReader(io.StringIO(text), delimiter=delimiter):
        yield from (row[column].strip() for column in NAME_COLUMNS if (row.get(column) or "").strip())


@cache
def emails() -> list[Mail]:
    """Each email of the library for each kind of entrant."""
    return [_filled(source, who) for source in _sources() for who in first_names()]


def emails_of(message: str) -> list[Mail]:
    """One email of the library for each kind of entrant."""
    return [mail for mail in emails() if mail.message == message]


def _sources() -> list[Path]:
    return sorted((ROOT / "templates" / "email").glob("*.md"))


def _filled(source: Path, who: str) -> Mail:
    message, entrant = _message(source), _entrant(who, for_children=source.stem.startswith("kids"))
    assert message.email is not None
    at = _moments().get(source.stem, NOW)
    filled = message.email.render({**message.values([entrant], at), **ALERT})
    return Mail(source.stem, who, filled.subject, filled.html, filled.text)


@cache
def _moments() -> dict[str, datetime]:
    """When each planned email of the library comes; a text's fallback as the text. In the order of the plan."""
    from campaigns import schedule
    from campaigns.plan import load_plan

    plan = load_plan(
        (ROOT / "campaigns/library/run-reigate.toml").read_text(encoding="utf-8"), file="library"
    )
    return {
        step.template: schedule.moment(step.when, RACE_DAY, LONDON, time(9, 15))
        for step in plan.steps
        if step.channel == "email" or step.fallback == "email"
    }


def _station(name: str):
    """Where the email stands on the course, as `rendering.station_of` places it; fallbacks and alerts do not."""
    from campaigns import content

    stations = sorted({at for template, at in _moments().items() if template != "race-eve"})
    if name == "race-eve" or name not in _moments():
        return None
    return content.Station(stations.index(_moments()[name]) + 1, len(stations))


@cache
def _message(source: Path):
    from campaigns import content, rendering
    from campaigns.models.words import Channel

    words = source.read_text(encoding="utf-8")
    station = _station(source.stem)
    compiled = content.compile_email(source.stem, words, rendering.layout(), station=station)
    return rendering.Message(
        version_id=1,
        channel=Channel.EMAIL,
        purpose=compiled.front.purpose,
        step_name=source.stem,
        event_name="Run Reigate",
        event_slug="run-reigate-2027",
        date=RACE_DAY,
        zone=LONDON,
        venue="Priory Park",
        info_url="https://runreigate.example/race-day",
        deferral_url="https://runreigate.example/deferral",
        contact="hello@runreigate.example",
        organiser="Run Reigate Ltd",
        postal_address="1 Example Street, Reigate RH2 0AA",
        email=compiled,
    )


def _entrant(who: str, *, for_children: bool):
    """Who has the shortest name has agreed to nothing beside what the message is for."""
    from campaigns.ledger import Claimed

    return Claimed(
        delivery=1,
        claim=1,
        carrier=1,
        token=UUID(int=7),
        message_id="1@runreigate.example",
        attempts=0,
        due_at=NOW,
        latest_at=NOW,
        entrant=1,
        address="someone@example.org",
        first_name=first_names()[who],
        bib="12345",
        entrant_token="0123456789abcdefghijkl",
        short_code="abcd2345",
        race_name="Kids Race" if for_children else "Half Marathon",
        race_start=time(9, 15),
        wave_name="B",
        wave_start=time(9, 25),
        race="kids" if for_children else "half",
        birth_date=date(2018, 5, 5) if for_children else date(1970, 1, 1),
        minor=for_children,
        first_timer=True,
        agreed=() if who == "shortest" else ("tips", "sponsor"),
    )
