"""Excel workbooks: good ones are lists like any other, and no bad one does harm."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from campaigns.entry_lists import workbook
from campaigns.entry_lists.sheet import ListError
from campaigns.entry_lists.sniff import open_sheet

if TYPE_CHECKING:
    from campaigns.models import Event

Everything = Callable[[], dict[str, list[str]]]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def run(*rows: list[object], name: str = "list.xlsx") -> Path:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return run


def cells_of(path: Path) -> list[list[str] | None]:
    return [row.cells for row in open_sheet(path).rows()]


def parts(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, content: dict[str, bytes]) -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def test_a_workbook_is_the_same_list(
    event: Event, start_list: Path, write: Write, everything: Everything
) -> None:
    from campaigns.entry_lists.imports import import_list

    import_list(start_list, event, who="ada@example.org")
    before = everything()
    with start_list.open(encoding="utf-8", newline="") as file:
        path = write(["Run Reigate 2027"], [], *csv.reader(file))
    done = import_list(path, event, who="ada@example.org")
    assert (done.rows, done.counts["unchanged"] + done.counts["held"]) == (540, 540)
    assert everything() == before


def test_dates_and_numbers_are_as_csv_would_have_them(write: Write) -> None:
    path = write(
        ["Born", "At", "Phone", "Bib", "Yes", "None", "Text"],
        [date(1980, 4, 3), datetime(2026, 1, 2, 3, 4), 447700900123, 17.0, True, None, " x "],  # noqa: DTZ001
    )
    assert cells_of(path) == [["1980-04-03", "2026-01-02T03:04:00", "447700900123", "17", "True", "", " x "]]


def test_rows_are_counted_as_the_spreadsheet_counts_them(write: Write) -> None:
    sheet = open_sheet(write(["Title"], [], ["A", "B", "C"], ["1"], [], [None, None, "3"]))
    assert (sheet.heading_row, sheet.headings) == (3, ("A", "B", "C"))
    assert [(row.number, row.cells) for row in sheet.rows()] == [(4, ["1", "", ""]), (6, ["", "", "3"])]


def test_a_hidden_sheet_is_not_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Hidden", "Sheet"])
    book.active.sheet_state = "hidden"
    book.create_sheet().append(["First Name", "Email"])
    book.save(tmp_path / "list.xlsx")
    assert open_sheet(tmp_path / "list.xlsx").headings == ("First Name", "Email")


def test_an_empty_workbook_is_empty(write: Write) -> None:
    with pytest.raises(ListError, match=r"^list\.xlsx is empty"):
        open_sheet(write())


def test_a_workbook_under_another_name_is_one(write: Write) -> None:
    assert open_sheet(write(["A", "B"], ["1", "2"], name="list.csv")).headings == ("A", "B")


@pytest.mark.parametrize("cut", [30, 200, 2000])
def test_a_workbook_that_was_cut_off_is_refused(write: Write, cut: int) -> None:
    path = write(["A", "B"], ["1", "2"])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ListError, match="is not an Excel workbook that can be opened"):
        open_sheet(path)


def test_a_zip_archive_is_no_workbook(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="is a ZIP archive without an Excel workbook"):
        open_sheet(packed(tmp_path / "list.xlsx", {"holiday.jpg": b"x"}))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
def test_a_damaged_part_is_refused(write: Write, part: str) -> None:
    path = write(["A", "B"], ["1", "2"])
    with pytest.raises(ListError, match="is not an Excel workbook that can be opened"):
        open_sheet(packed(path, {**parts(path), part: b"<broken"}))


def test_entities_that_multiply_are_refused(write: Write) -> None:
    path = write(["A", "B"], ["1", "2"])
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    cell = '<c t="str"><v>&l9;</v></c>'
    sheet = f"<worksheet><sheetData><row>{cell}</row></sheetData></worksheet>"
    bomb = f"<!DOCTYPE x [<!ENTITY l0 'ha'>{laughs}]>{sheet}"
    with pytest.raises(ListError, match="is not an Excel workbook that can be opened"):
        list(open_sheet(packed(path, {**parts(path), "xl/worksheets/sheet1.xml": bomb.encode()})).rows())


@pytest.mark.parametrize(
    ("part", "size"),
    [("xl/worksheets/sheet1.xml", workbook.LARGEST), ("xl/sharedStrings.xml", workbook.LARGEST_PART)],
)
def test_a_zip_bomb_is_not_unpacked(
    write: Write, monkeypatch: pytest.MonkeyPatch, part: str, size: int
) -> None:
    path = write(["A", "B"], ["1", "2"])
    packed_bomb = BytesIO()
    with ZipFile(packed_bomb, "w", ZIP_DEFLATED) as archive:
        for name, data in parts(path).items():
            if name != part:
                archive.writestr(name, data)
        with archive.open(part, "w") as file:
            for _ in range((size >> 20) + 1):
                file.write(b" " * (1 << 20))
    path.write_bytes(packed_bomb.getvalue())
    monkeypatch.setattr(openpyxl, "load_workbook", None)
    with pytest.raises(ListError, match="unpacks to more than an entry list can be"):
        open_sheet(path)


def test_a_sheet_that_calls_itself_enormous_is_read_as_it_is(write: Write) -> None:
    path = write(["A", "B"], ["1", "2"])
    content = parts(path)
    sheet = content["xl/worksheets/sheet1.xml"]
    assert b'<dimension ref="A1:B2"' in sheet
    content["xl/worksheets/sheet1.xml"] = sheet.replace(b"A1:B2", b"A1:XFD1048576")
    assert cells_of(packed(path, content)) == [["1", "2"]]


def test_a_row_number_out_of_this_world_ends(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 1000)
    path = write(["A", "B"], ["1", "2"])
    content = parts(path)
    sheet = (
        content["xl/worksheets/sheet1.xml"].replace(b'r="2"', b'r="999999999"').replace(b"A2", b"A999999999")
    )
    path = packed(path, {**content, "xl/worksheets/sheet1.xml": sheet.replace(b"B2", b"B999999999")})
    with pytest.raises(ListError, match="has more rows than a workbook can have"):
        list(open_sheet(path).rows())
