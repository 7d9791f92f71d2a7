"""What the entry-list tests share: Run Reigate's races, and lists written as Let's Do This writes them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from campaigns.entry_lists.entries import EventFacts
from campaigns.entry_lists.races import RaceFacts

if TYPE_CHECKING:  # models can be imported only when Django has been set up, after this file is read
    from campaigns.entry_lists.imports import Import
    from campaigns.models import Event

LIST = Path(__file__).parents[1] / "data" / "lets_do_this_start_list.csv"
EMAIL_CONSENT = "I would like to receive race tips by email"
SMS_CONSENT = "I would like race reminders by text message"

PERSON = {
    "eventTitle": "Run Reigate",
    "raceTitle": "10k",
    "ticketTitle": "Standard",
    "First Name": "Ada",
    "Last Name": "Byron",
    "Email Address": "ada@example.com",
    "Gender": "PREFER NOT TO SAY",
    "Date of Birth": "1980-12-10",
    "Address (Line 1)": "1 Secret Street",
    "Phone Number": "+447700900123",
    "Emergency Contact": "Mrs Secret Contact",
    "Emergency Phone": "+447700900999",
    "Bib Number": "",
    "Wave": "",
    EMAIL_CONSENT: "Yes",
    SMS_CONSENT: "",
    "createdAt": "2026-10-01T10:00:00Z",
    "updatedAt": "2026-10-02T10:00:00Z",
}

WriteList = Callable[..., Path]
ImportRows = Callable[..., "Import"]


@pytest.fixture
def facts() -> EventFacts:
    return EventFacts(
        date(2027, 9, 19),
        (
            RaceFacts(1, "10k", "10K", for_children=False),
            RaceFacts(2, "half", "Half marathon", for_children=False, waves=(("A", 11), ("B", 12))),
            RaceFacts(3, "5k", "5K", for_children=False),
            RaceFacts(4, "kids", "Kids race", for_children=True),
        ),
    )


@pytest.fixture
def write_list(tmp_path: Path) -> WriteList:
    """Write a Let's Do This list: each dict is a row that differs from PERSON in what it names."""

    def write(*rows: dict[str, str], without: tuple[str, ...] = (), encoding: str = "utf-8") -> Path:
        path = tmp_path / "list.csv"
        headings = [heading for heading in PERSON if heading not in without]
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headings)
            writer.writerows([{**PERSON, **row}[heading] for heading in headings] for row in rows)
        return path

    return write


@pytest.fixture
def event(db: None) -> Event:
    """Run Reigate 2027 with its four races, and waves A to C in the half."""
    from campaigns.models import Event, Organiser, Race, Wave

    organiser = Organiser.objects.create(slug="run-reigate", name="Run Reigate")
    event = Event.objects.create(
        organiser=organiser,
        slug="reigate-2027",
        name="Run Reigate 2027",
        date=date(2027, 9, 19),
        timezone="Europe/London",
    )
    for slug, start in {"half": time(9, 15), "10k": time(9), "5k": time(9, 25), "kids": time(12)}.items():
        Race.objects.create(event=event, slug=slug, name=slug, start=start, for_children=slug == "kids")
    for minute, name in enumerate("ABC"):
        Wave.objects.create(race=event.races.get(slug="half"), name=name, start=time(9, 15 + minute))
    return event


@pytest.fixture
def import_rows(event: Event, write_list: WriteList) -> ImportRows:
    """Import rows written by `write_list`."""
    from campaigns.entry_lists.imports import import_list

    def run(*rows: dict[str, str], without: tuple[str, ...] = (), **how: Any) -> Import:
        return import_list(write_list(*rows, without=without), event, who="ada@example.org", **how)

    return run


@pytest.fixture
def start_list() -> Path:
    """The 540 rows of a Let's Do This list."""
    return LIST


@pytest.fixture
def everything(db: None) -> Callable[[], dict[str, list[str]]]:
    """Reads each row of each table, as text: what must be equal when nothing has changed."""
    return _every_row


def _every_row() -> dict[str, list[str]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
        )
        tables = [name for (name,) in cursor.fetchall()]
        dump = {}
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
            dump[table] = [row for (row,) in cursor.fetchall()]
    return dump
