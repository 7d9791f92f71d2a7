"""From the bytes of a file to a sheet: a workbook, or text of some encoding and delimiter. It knows no meaning."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

from campaigns.entry_lists import workbook
from campaigns.entry_lists.sheet import ListError, Row, Sheet, empty, heading_among, headings_of, peek

DELIMITERS = (",", ";", "\t")
CHUNK = 1 << 16

NOT_LISTS = {
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an Excel workbook that is old or has a password",
    b"\x1f\x8b": "a gzip archive",
}
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_STRAY = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def open_sheet(path: Path) -> Sheet:
    """Sniff an Excel workbook (.xlsx) or a CSV file (comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252).

    Titles above the headings are passed over. Raises ListError.
    """
    try:
        with path.open("rb") as file:
            head = file.read(CHUNK)
        return workbook.open_workbook(path) if head.startswith(workbook.MAGIC) else _open_text(path, head)
    except OSError as error:
        raise ListError(
            f"{path.name} cannot be read ({error.strerror}): check the path and its permissions."
        ) from error


def _open_text(path: Path, head: bytes) -> Sheet:
    encoding, lines = _encoding(path, head)
    guesses = [(delimiter, _heading(path, encoding, delimiter)) for delimiter in DELIMITERS]
    delimiter, heading = max(guesses, key=lambda guess: guess[1].filled)
    headings = headings_of(heading)
    if any(_CONTROL.search(cell) for cell in headings):
        raise ListError(f"{path.name} is not a text file: export the entry list as CSV.")
    records = partial(_records, path, encoding, delimiter, strict=True)
    return Sheet(path, headings, heading.number, lines, records)


def _encoding(path: Path, head: bytes) -> tuple[str, int]:
    if not head.strip():
        raise empty(path)
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
                stray = len(_STRAY.findall(line))
                broken += stray
                letters += len(_BEYOND_ASCII.findall(line)) - stray
    return ("cp1252" if broken > letters else "utf-8"), lines


def _heading(path: Path, encoding: str, delimiter: str) -> Row:
    heading = heading_among(peek(_until_damaged(_records(path, encoding, delimiter, strict=False))))
    if heading is None:
        raise empty(path)
    return heading


def _until_damaged(rows: Iterator[Row]) -> Iterator[Row]:
    """An open quotation mark is told when the list is read: with a wrong delimiter it need not be one."""
    with suppress(ListError):
        yield from rows


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
