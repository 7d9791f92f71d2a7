"""The sample list of each platform, against what the plain csv module makes of it, person by person."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.db import connection

from campaigns.entry_lists.imports import Import, import_list
from campaigns.models import Consent, Event, ListMapping

DATA = Path(__file__).parents[1] / "data"
ADULTS_ARE_BORN_BY = date(2009, 9, 19)

Everything = Callable[[], dict[str, list[str]]]
Row = dict[str, str]


class Person(NamedTuple):
    """What an entrant must be, worked out without any of the code under test."""

    first_name: str
    last_name: str
    email: str
    mobile: str
    mobile_ok: bool
    birth_date: date
    race: str
    bib: str
    club: str
    first_timer: bool | None
    status: str
    consents: frozenset[tuple[str, str]]


class Sample(NamedTuple):
    """A file, how to open it, what each of its rows must become, and the columns that may leave no trace."""

    file: str
    encoding: str
    delimiter: str
    rows: int
    person: Callable[[Row], Person]
    forbidden: tuple[str, ...]


def number(cell: str) -> str:
    """E.164 of the forms that the samples hold: a British number, written in any of their ways."""
    digits = re.sub(r"\D", "", cell.replace("(0)", ""))
    return f"+44{re.sub('^(0044|44|0)', '', digits)}" if digits and "E+" not in cell else ""


def is_mobile(number: str) -> bool:
    return number.startswith("+447")


def race(name: str) -> str:
    return next(slug for word, slug in (("Half", "half"), ("10K", "10k"), ("5K", "5k")) if word in name)


def adults_phone(phone: str, born: date) -> tuple[str, bool]:
    return (phone, is_mobile(phone)) if born <= ADULTS_ARE_BORN_BY else ("", False)


def runsignup(row: Row) -> Person:
    month, day, year = map(int, row["Date of Birth"].split("/"))
    born = date(year, month, day)
    status = {"Active": "confirmed", "Deferred": "withdrawn", "Dropped": "withdrawn"}[row["Status"]]
    return Person(
        row["First Name"],
        row["Last Name"],
        row["Email Address"],
        *adults_phone(number(row["Phone"]), born),
        born,
        race(row["Event"]),
        row["Bib"],
        "",
        None,
        status,
        frozenset(),
    )


def si_entries(row: Row) -> Person:
    born = datetime.strptime(row["Participant - Date of Birth"], "%d/%m/%Y").date()  # noqa: DTZ007
    phone = row["Participant - Mobile No"] or row["Participant - Telephone No"]
    asked = row["Entry Details - Is this your first race at this distance?"]
    status = {"Confirmed": "confirmed", "Withdrawn": "withdrawn", "Transferred out": "withdrawn"}
    return Person(
        row["Participant - First Name"],
        row["Participant - Last Name"],
        re.sub("@.*", lambda domain: domain[0].lower(), row["Participant - Email Address"].strip()),
        *adults_phone(number(phone), born),
        born,
        race(row["Entry Details - Race"]),
        row["Participant - Participant No"],
        row["Entry Details - Club"],
        {"Yes": True, "No": False, "": None}[asked],
        status.get(row["Admin Only - Status"], "held"),
        frozenset(),
    )


def eventbrite(row: Row) -> Person:
    day, month, year = map(int, row["Date of birth"].split("/"))
    born = date(year + (2000 if year <= 26 else 1900), month, day)
    yes = row["Keep me informed by the organiser"] == "Yes"
    return Person(
        row["First Name"],
        row["Surname"],
        row["Email"],
        *adults_phone(number(row["Mobile Phone"]), born),
        born,
        race(row["Ticket Type"]),
        "",
        "",
        None,
        "confirmed" if row["Attendee Status"] in ("Attending", "Checked In") else "withdrawn",
        frozenset({("email", "tips")} if yes else ()),
    )


EMERGENCY = "Emergency Details - "
SAMPLES = [
    Sample(
        "runsignup_participants.csv",
        "utf-8-sig",
        ",",
        160,
        runsignup,
        ("City", "Parking: Options", "Registration Date"),
    ),
    Sample(
        "si_entries_export.csv",
        "cp1252",
        ";",
        180,
        si_entries,
        (
            f"{EMERGENCY}Emergency Contact Name",
            f"{EMERGENCY}Medical Conditions",
            f"{EMERGENCY}Car Registration",
            "Participant - Address Line 1",
            "Participant - Post Code",
        ),
    ),
    Sample("eventbrite_attendees.csv", "utf-8", ",", 120, eventbrite, ("Order #", "Order Date")),
]
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)


def rows_of(sample: Sample) -> list[Row]:
    with (DATA / sample.file).open(encoding=sample.encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=sample.delimiter))


def run(sample: Sample, event: Event, **how: Any) -> Import:
    done = import_list(DATA / sample.file, event, who="ada@example.org", **how)
    assert done.rows == sample.rows == sum(done.diff.outcomes.values()) + done.rejected
    return done


def entrants(event: Event) -> Counter[Person]:
    found = event.entrants.select_related("race").prefetch_related("consents")
    return Counter(
        Person(
            entrant.first_name,
            entrant.last_name,
            entrant.email,
            entrant.mobile,
            entrant.mobile_ok,
            entrant.birth_date,
            entrant.race.slug,
            entrant.bib,
            entrant.club,
            entrant.first_timer,
            entrant.status,
            frozenset((consent.channel, consent.purpose) for consent in entrant.consents.all()),
        )
        for entrant in found
        if entrant.birth_date
    )


@every_sample
def test_each_person_is_what_the_list_says(event: Event, sample: Sample) -> None:
    expected = Counter(map(sample.person, rows_of(sample)))
    assert expected.total() == sample.rows
    run(sample, event)
    assert entrants(event) == expected


@every_sample
def test_the_outcomes_add_up_and_are_the_lists(event: Event, sample: Sample) -> None:
    people = list(map(sample.person, rows_of(sample)))
    minors = sum(person.birth_date > ADULTS_ARE_BORN_BY for person in people if person.status == "confirmed")
    done = run(sample, event)
    statuses = Counter(person.status for person in people)
    assert done.counts == {
        "rows": sample.rows,
        "new": statuses["confirmed"] - minors,
        "changed": 0,
        "withdrawn": statuses["withdrawn"],
        "unchanged": 0,
        "held": statuses["held"] + minors,
        "rejected": 0,
    }


@every_sample
def test_a_second_import_changes_nothing(event: Event, sample: Sample, everything: Everything) -> None:
    first = run(sample, event)
    before = everything()
    second = run(sample, event)
    assert everything() == before
    held = first.counts["held"]
    assert second.counts == {
        **dict.fromkeys(first.counts, 0),
        "rows": sample.rows,
        "unchanged": sample.rows - held,
        "held": held,
    }


@every_sample
def test_a_complete_list_that_is_the_same_withdraws_nobody(
    event: Event, sample: Sample, everything: Everything
) -> None:
    from campaigns.entry_lists.matching import Word

    run(sample, event)
    before = everything()
    assert run(sample, event, word=Word(complete=True)).diff.absent == 0
    assert everything() == before


def test_rounded_mobiles_are_named_one_by_one(event: Event) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.file.startswith("si"))
    rounded = [
        line for line, row in enumerate(rows_of(sample), 2) if row["Participant - Mobile No"] == "4.4770E+11"
    ]
    done = run(sample, event)
    assert [problem.row for problem in done.problems] == rounded
    assert {problem.column for problem in done.problems} == {"Participant - Mobile No"}
    assert {problem.cure for problem in done.problems} == {"format the column as text and export again"}


def test_a_ticket_without_an_address_never_gets_the_buyers(event: Event) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.file.startswith("event"))
    run(sample, event)
    blank = [row for row in rows_of(sample) if not row["Email"]]
    assert blank
    assert event.entrants.filter(email="").count() == len(blank)
    for row in blank:
        entrant = event.entrants.get(first_name=row["First Name"], last_name=row["Surname"])
        assert (entrant.email, entrant.email_hash) == ("", None)


def test_an_undated_blank_does_not_take_back_a_yes_given_here(event: Event, everything: Everything) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.file.startswith("event"))
    run(sample, event)
    yes = {"channel": "email", "purpose": "tips", "granted": True, "source": "stop page"}
    entrant = event.entrants.filter(consents=None).first()
    assert entrant is not None
    Consent.objects.create(entrant=entrant, at=entrant.created_at, **yes)
    before = everything()
    run(sample, event)
    assert everything() == before


def test_all_samples_leave_no_trace_of_what_is_not_needed(event: Event, everything: Everything) -> None:
    """Emergency contacts, medical conditions, car registrations, addresses: nowhere in any table."""
    wanted = ("First Name", "Surname", "Last Name", "Email", "Mobile", "Telephone", "Phone", "Club", "Race")
    forbidden: set[str] = set()
    kept: set[str] = set()
    for sample in SAMPLES:
        run(sample, event)
        for row in rows_of(sample):
            forbidden |= {row[column] for column in sample.forbidden}
            kept |= {cell for column, cell in row.items() if any(word in column for word in wanted)}
    assert {"Asthma", "RX61 ABC", "Dr Thomas Cooper"} <= forbidden
    dump = "\n".join(row for table in everything().values() for row in table)
    assert [value for value in forbidden - kept - {""} if value in dump] == []
    assert not ListMapping.objects.exists()


def test_the_consents_say_where_they_come_from(event: Event) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.file.startswith("event"))
    run(sample, event)
    yes = sum(row["Keep me informed by the organiser"] == "Yes" for row in rows_of(sample))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, purpose, source, wording, granted, count(*) FROM consents GROUP BY 1, 2, 3, 4, 5"
        )
        assert cursor.fetchall() == [
            ("email", "tips", "eventbrite", "Keep me informed by the organiser", True, yes)
        ]
