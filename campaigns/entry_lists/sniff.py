"""From the bytes of a file to rows of cells: encoding, delimiter, headings. It knows no meaning of a cell."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

DELIMITERS = (",", ";", "\t")
CHUNK = 1 << 16

NOT_LISTS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
}
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


class ListError(Exception):
    """The file as a whole cannot be read as an entry list: one sentence for a person."""


class Row(NamedTuple):
    """One row of the file. `cells` is None where its quotation marks do not match."""

    number: int
    """As a spreadsheet counts: the first row is 1, blank rows count, line breaks inside a cell do not."""
    line: int
    """The last line of text that was read for it, out of `Sheet.lines`."""
    cells: list[str] | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file whose encoding, delimiter and headings are known; `rows` may be walked more than once."""

    path: Path
    encoding: str
    delimiter: str
    headings: tuple[str, ...]
    heading_row: int
    lines: int

    def rows(self) -> Iterator[Row]:
        """The rows below the headings that are not blank, one by one. Raises ListError on an open quote."""
        for row in _records(self.path, self.encoding, self.delimiter, strict=True):
            if row.number > self.heading_row and not _is_blank(row.cells):
                yield row


def open_sheet(path: Path) -> Sheet:
    """Sniff a CSV file (comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252). Raises ListError."""
    try:
        encoding, lines = _encoding(path)
    except OSError as error:
        raise ListError(
            f"{path.name} cannot be read ({error.strerror}): check the path and its permissions."
        ) from error
    guesses = [(delimiter, _heading(path, encoding, delimiter)) for delimiter in DELIMITERS]
    delimiter, heading = max(guesses, key=lambda guess: len(guess[1].cells or ()))
    headings = tuple(cell.strip() for cell in heading.cells or ())
    if any(_CONTROL.search(cell) for cell in headings):
        raise ListError(f"{path.name} is not a text file: export the entry list as CSV.")
    return Sheet(path, encoding, delimiter, headings, heading.number, lines)


def _encoding(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        head = file.read(CHUNK)
    if not head.strip():
        raise ListError(f"{path.name} is empty: export the entry list again.")
    for magic, kind in NOT_LISTS.items():
        if head.startswith(magic):
            raise ListError(f"{path.name} is {kind}, not a CSV file: export the entry list as CSV.")
    encoding = _marked_encoding(head)
    if encoding is None:
        return _utf_8_or_windows(path)
    with path.open(encoding=encoding, errors="replace") as text:
        return encoding, sum(1 for _ in text)


def _marked_encoding(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    # Text in Latin letters has a NUL in every other byte of UTF-16, and nearly none otherwise.
    if head[1::2].count(0) > len(head) / 4:
        return "utf-16-le"
    if head[0::2].count(0) > len(head) / 4:
        return "utf-16-be"
    return None


def _utf_8_or_windows(path: Path) -> tuple[str, int]:
    """UTF-8 where that explains more letters than it breaks: one stray byte must not garble every name."""
    lines = letters = broken = 0
    with path.open(encoding="utf-8", errors="surrogateescape") as text:
        for line in text:
            lines += 1
            if not line.isascii():
                stray = sum("\udc80" <= character <= "\udcff" for character in line)
                broken += stray
                letters += sum(character > "\x7f" for character in line) - stray
    return ("cp1252" if broken > letters else "utf-8"), lines


def _heading(path: Path, encoding: str, delimiter: str) -> Row:
    for row in _records(path, encoding, delimiter, strict=False):
        if not _is_blank(row.cells):
            return row
    raise ListError(f"{path.name} is empty: export the entry list again.")


def _records(path: Path, encoding: str, delimiter: str, *, strict: bool) -> Iterator[Row]:
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=strict)
        for number in count(1):
            try:
                cells: list[str] | None = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                _refuse_unclosed(error, path, number)
                cells = None
            yield Row(number, reader.line_num, cells)


def _refuse_unclosed(error: csv.Error, path: Path, number: int) -> None:
    """An open quote swallows the rows that follow: where they end can no longer be told."""
    if "expected after" not in str(error):
        raise ListError(
            f"Row {number} of {path.name} opens a quotation mark that is never closed: "
            "close or remove it and import again."
        ) from error


def _is_blank(cells: list[str] | None) -> bool:
    return cells is not None and not any(cell.strip() for cell in cells)
