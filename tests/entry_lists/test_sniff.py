"""From bytes to rows: encodings, delimiters, damaged and disguised files."""

import codecs
from pathlib import Path

import pytest

from campaigns.entry_lists.sheet import ListError, Sheet
from campaigns.entry_lists.sniff import open_sheet

HEADINGS = "First Name,Last Name,Club"
NAMES = "Siân,Żak,Redhill\r\nZoë,O'Neill,\r\n"


def sheet_of(tmp_path: Path, content: bytes, name: str = "list.csv") -> Sheet:
    path = tmp_path / name
    path.write_bytes(content)
    return open_sheet(path)


def cells_of(sheet: Sheet) -> list[list[str] | None]:
    return [row.cells for row in sheet.rows()]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1250"], ids=str
)
def test_names_arrive_as_they_were_written(tmp_path: Path, encoding: str) -> None:
    text = f"{HEADINGS}\r\n{NAMES}"
    if encoding == "cp1250":
        encoding, text = "cp1252", text.replace("Ż", "Z")
    sheet = sheet_of(tmp_path, text.encode(encoding))
    assert sheet.headings == ("First Name", "Last Name", "Club")
    assert [row and row[0] for row in cells_of(sheet)] == ["Siân", "Zoë"]


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE])
def test_utf_16_is_read_in_the_order_of_its_mark(tmp_path: Path, mark: bytes) -> None:
    order = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
    sheet = sheet_of(tmp_path, mark + f"{HEADINGS}\n{NAMES}".encode(order))
    assert cells_of(sheet)[0] == ["Siân", "Żak", "Redhill"]


def test_one_stray_byte_does_not_garble_everyone_else(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, f"{HEADINGS}\n{NAMES}".encode() + b"Ren\xe9e,Hill,\n")
    assert [row and row[0] for row in cells_of(sheet)] == ["Siân", "Zoë", "Ren\ufffde"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    rows = [["First Name", '"Is this, really; your first race?"', "Club"], ["Ada", "Yes", "A"]]
    sheet = sheet_of(tmp_path, "\n".join(delimiter.join(row) for row in rows).encode())
    assert sheet.headings == ("First Name", "Is this, really; your first race?", "Club")


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    text = f'\n{HEADINGS}\nAda,Byron,"two\nlines"\n\nZoë,Hill,\n,,\nJay,Ali,\n'
    sheet = sheet_of(tmp_path, text.encode())
    assert [(row.number, (row.cells or [""])[0]) for row in sheet.rows()] == [
        (3, "Ada"),
        (5, "Zoë"),
        (7, "Jay"),
    ]


def test_a_line_break_inside_a_cell_stays_in_it(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, f'{HEADINGS}\r\nAda,Byron,"Car park A\nNo trailer"\r\n'.encode())
    assert cells_of(sheet) == [["Ada", "Byron", "Car park A\nNo trailer"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_titles_above_the_headings_are_passed_over(tmp_path: Path, delimiter: str) -> None:
    titles = 'Run Reigate, Surrey; 2027\n\n"Exported, by ""Ada""",3 March\n'
    body = "First Name,Last Name,Club,Race,Bib\nAda,Byron,,5k,\nZoë,Hill,,,\n".replace(",", delimiter)
    sheet = sheet_of(tmp_path, (titles + body).encode())
    assert sheet.headings == ("First Name", "Last Name", "Club", "Race", "Bib")
    assert [(row.number, (row.cells or [])[0]) for row in sheet.rows()] == [(5, "Ada"), (6, "Zoë")]


def test_equal_headings_keep_their_places(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, b"Company,City,Company\na,b,c\n")
    assert sheet.headings == ("Company", "City", "Company")
    assert cells_of(sheet) == [["a", "b", "c"]]


def test_old_mac_line_ends_are_line_ends(tmp_path: Path) -> None:
    assert cells_of(sheet_of(tmp_path, b"a,b\r1,2\r3,4\r")) == [["1", "2"], ["3", "4"]]


def test_rows_may_be_walked_twice(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, b"a,b\n1,2\n")
    assert cells_of(sheet) == cells_of(sheet) == [["1", "2"]]


def test_a_row_whose_quotes_do_not_match_spoils_only_itself(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, b'a,b\n"The "Flash"",2\n3,4\n')
    assert cells_of(sheet) == [None, ["3", "4"]]


@pytest.mark.parametrize("rest", [b"", b"x,y\n" * 100_000], ids=["short", "longer than a cell may be"])
def test_a_quote_that_swallows_the_rest_is_refused_with_its_row(tmp_path: Path, rest: bytes) -> None:
    sheet = sheet_of(tmp_path, b'a,b\n1,2\n"3,4\n5,6\n' + rest)
    with pytest.raises(ListError, match=r"^Row 3 of list\.csv opens a quotation mark that is never closed"):
        cells_of(sheet)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b" \r\n\r\n", "is empty"),
        (b"%PDF-1.7\n%\xe2\xe3", "is a PDF document, not a CSV file: export the entry list as CSV"),
        (b"PK\x03\x04xl/workbook.xml", "is not an Excel workbook that can be opened"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an Excel workbook that is old or has a password"),
        (b"\x1f\x8b\x08\x00", "is a gzip archive"),
        (bytes(range(1, 32)) * 40, "is not a text file"),
    ],
)
def test_what_is_no_list_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(ListError, match=rf"^list\.csv {sentence}"):
        sheet_of(tmp_path, content)


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ListError, match="cannot be read"):
        open_sheet(tmp_path / name)
