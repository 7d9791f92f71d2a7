"""Rows to entries: whole rows in, bad rows never half, problems without personal data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from campaigns.entry_lists.dates import DateOrderError
from campaigns.entry_lists.entries import Entry, EventFacts, Reader, prove_dates
from campaigns.entry_lists.mapping import Field, Layout, Mapping, bind, recognise
from campaigns.entry_lists.sniff import open_sheet
from campaigns.entry_lists.sources import SOURCES

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

Read = Callable[..., tuple[list[Entry], Reader]]


def reader_of(layout: Layout, facts: EventFacts) -> Reader:
    return Reader(layout, facts, None, today=NOW.date())


@pytest.fixture
def read(write_list: Callable[..., Path], facts: EventFacts) -> Read:
    def run(*rows: dict[str, str]) -> tuple[list[Entry], Reader]:
        sheet = open_sheet(write_list(*rows))
        reader = reader_of(recognise(sheet.headings, SOURCES), facts)
        return list(reader.entries(sheet.rows())), reader

    return run


def test_a_good_row_goes_in_whole(read: Read) -> None:
    (entry,), reader = read({"Wave": "b", "raceTitle": "Half Marathon", "Bib Number": " 17 "})
    assert (entry.first_name, entry.last_name, entry.email) == ("Ada", "Byron", "ada@example.com")
    assert (entry.race_id, entry.wave_id, entry.bib) == (2, 12, "17")
    assert (entry.mobile, entry.mobile_ok, entry.birth_date) == ("+447700900123", True, date(1980, 12, 10))
    assert (entry.answers, entry.status, entry.minor) == ([True, False], None, False)
    assert entry.answered_at == datetime(2026, 10, 2, 10, tzinfo=UTC)
    assert not reader.problems


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"First Name": " "}, "First Name"),
        ({"First Name": "x" * 5000}, "First Name"),
        ({"Last Name": "x" * 101}, "Last Name"),
        ({"raceTitle": "Ultra 50k"}, "raceTitle"),
        ({"raceTitle": ""}, "raceTitle"),
        ({"Date of Birth": "2027-01-01"}, "Date of Birth"),
        ({"Date of Birth": "1890-01-01"}, "Date of Birth"),
        ({"Date of Birth": "1980-02-31"}, "Date of Birth"),
        ({"Date of Birth": ""}, "Date of Birth"),
    ],
)
def test_a_row_without_name_race_or_birth_date_stays_out(
    read: Read, row: dict[str, str], column: str
) -> None:
    entries, reader = read({}, row, {"First Name": "Zoë"})
    assert [entry.first_name for entry in entries] == ["Ada", "Zoë"]
    assert (reader.rows, reader.rejected) == (3, 1)
    assert [(problem.row, problem.column) for problem in reader.problems] == [(3, column)]


@pytest.mark.parametrize(
    ("column", "cell", "lost"),
    [
        ("Email Address", "ada@@example.com", "email"),
        ("Email Address", "ada@example.com\r\nBcc: bob@example.com", "email"),
        ("Phone Number", "4.4770E+11", "mobile"),
        ("Phone Number", "123456789", "mobile"),
        ("Bib Number", "1" * 41, "bib"),
    ],
)
def test_a_bad_cell_is_left_out_of_a_good_row(read: Read, column: str, cell: str, lost: str) -> None:
    (entry,), reader = read({column: cell})
    assert getattr(entry, lost) is None
    (problem,) = reader.problems
    assert (problem.row, problem.column) == (2, column)
    assert cell not in f"{problem.problem} {problem.cure}"


def test_a_lone_country_code_is_blank_and_no_problem(read: Read) -> None:
    (entry,), reader = read({"Phone Number": "+44"})
    assert entry.mobile == ""
    assert not reader.problems


def test_rows_of_another_length_stay_out(tmp_path: Path, facts: EventFacts) -> None:
    path = tmp_path / "list.csv"
    head = "raceTitle,First Name,Last Name,Email Address,Date of Birth"
    rows = ["5k,Ada,Byron,ada@example.com,1980-12-10,,,", "5k,Bob,Byron,bob@example.com", "5k,Jay,1,2,3,4,x"]
    path.write_text("\n".join([head, *rows]), "utf-8")
    sheet = open_sheet(path)
    reader = reader_of(recognise(sheet.headings, SOURCES), facts)
    assert [entry.first_name for entry in reader.entries(sheet.rows())] == ["Ada"]
    assert [problem.problem for problem in reader.problems] == [
        "The row has 4 cells and the headings have 5",
        "The row has 7 cells and the headings have 5",
    ]


def test_an_unknown_wave_is_told_once(read: Read) -> None:
    entries, reader = read(
        *[{"raceTitle": "Half Marathon", "Wave": wave} for wave in ("D", "D", "A", "E", "D")]
    )
    assert [entry.wave_id for entry in entries] == [None, None, 11, None, None]
    assert [(problem.row, problem.problem.split()[0]) for problem in reader.problems] == [
        (2, "'D'"),
        (5, "'E'"),
    ]


@pytest.mark.parametrize(("born", "minor"), [("2009-09-19", False), ("2009-09-20", True)])
def test_eighteen_on_race_day_is_an_adult(read: Read, born: str, minor: bool) -> None:
    (entry,), _ = read({"Date of Birth": born})
    assert entry.minor is minor
    assert (entry.mobile is None) is minor


def test_everyone_in_a_childrens_race_is_a_minor_and_keeps_no_phone(read: Read) -> None:
    entries, reader = read(
        *[{"raceTitle": "Kids Race", "Date of Birth": born} for born in ("2018-01-01", "1980-01-01", "")]
    )
    assert [(entry.minor, entry.mobile, entry.mobile_ok) for entry in entries] == [(True, None, False)] * 3
    assert not reader.problems


def test_a_leap_day_race_counts_eighteen_years_as_the_database_does() -> None:
    assert EventFacts(date(2028, 2, 29), ()).adult_from == date(2010, 2, 28)


def test_an_answer_without_a_readable_time_is_not_dated(read: Read) -> None:
    (first, second), _ = read(
        {"updatedAt": "", "createdAt": "2026-10-01T10:00:00Z"}, {"updatedAt": "?", "createdAt": ""}
    )
    assert first.answered_at == datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert second.answered_at is None


def test_statuses_are_the_mappings_and_unknown_ones_hold(tmp_path: Path, facts: EventFacts) -> None:
    mapping = Mapping(
        source="other",
        title="other",
        marks=(),
        columns={field: (field.value,) for field in Field},
        statuses={"active": "confirmed", "dropped": "withdrawn"},
    )
    path = tmp_path / "list.csv"
    path.write_text(
        "race;first name;email;birth date;status;first-timer\n"
        + "".join(
            f"5k;Ada;ada@example.com;1980-12-10;{word};Yes\n" for word in ("Active", "DROPPED", "?", "")
        ),
        "utf-8",
    )
    sheet = open_sheet(path)
    reader = reader_of(bind(mapping, sheet.headings), facts)
    entries = list(reader.entries(sheet.rows()))
    assert [entry.status for entry in entries] == ["confirmed", "withdrawn", "held", "held"]
    assert (entries[0].first_timer, entries[0].last_name, entries[0].bib) == (True, "", None)


def test_the_order_of_dates_is_proved_over_the_whole_list(write_list: Callable[..., Path]) -> None:
    sheet = open_sheet(write_list(*[{"Date of Birth": born} for born in ("03/04/1980", "23/04/1980")]))
    assert prove_dates(sheet, recognise(sheet.headings, SOURCES)) == "day-first"
    sheet = open_sheet(write_list({"Date of Birth": "03/04/1980"}))
    with pytest.raises(DateOrderError):
        prove_dates(sheet, recognise(sheet.headings, SOURCES))
