"""From an Excel workbook (.xlsx) to rows of cells, read as a stream. A workbook is a stranger's ZIP archive."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import openpyxl

from campaigns.entry_lists.sheet import ListError, Row, Sheet, empty, heading_among, headings_of, peek

MAGIC = b"PK\x03\x04"

LARGEST = 250 << 20
"""Bytes unpacked: twice a list of 100,000 people. No part is read further than the archive declares."""
LARGEST_PART = 100 << 20
"""For all parts but the sheets: the words that cells share are held in memory."""
MOST_ROWS = 1 << 20
MOST_COLUMNS = 500


def open_workbook(path: Path) -> Sheet:
    """The first sheet that is not hidden. Raises ListError, also when it would not fit into memory or disk."""
    _check_size(path)
    records = partial(_records, path)
    heading = heading_among(peek(_records(path)))
    if heading is None:
        raise empty(path)
    with _opened(path) as sheet:
        lines = min(sheet.max_row or MOST_ROWS, MOST_ROWS)
    return Sheet(path, headings_of(heading), heading.number, lines, records)


def _check_size(path: Path) -> None:
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
    except (BadZipFile, ValueError, NotImplementedError) as error:
        raise _damaged(path) from error
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise ListError(f"{path.name} is a ZIP archive without an Excel workbook: export the list as CSV.")
    sheets = sum(part.file_size for part in parts if part.filename.startswith("xl/worksheets/"))
    rest = sum(part.file_size for part in parts) - sheets
    if sheets + rest > LARGEST or rest > LARGEST_PART:
        raise ListError(f"{path.name} unpacks to more than an entry list can be: export the list as CSV.")


def _records(path: Path) -> Iterator[Row]:
    """Each row down to the last, cells as text. Rows end where their last cell does: they are filled up."""
    width = 0
    with _opened(path) as sheet:
        for number, cells in enumerate(_values(path, sheet), 1):
            width = max(width, len(cells))
            texts = [_text(cell) for cell in cells]
            yield Row(number, number, texts + [""] * (width - len(texts)))


def _values(path: Path, sheet: Any) -> Iterator[tuple[Any, ...]]:
    # What the sheet says of its size may be anything: each row would be filled up to it.
    sheet.reset_dimensions()
    rows: Iterable[tuple[Any, ...]] = sheet.iter_rows(values_only=True)
    for number, cells in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise ListError(f"{path.name} has more rows than a workbook can have: export the list as CSV.")
        yield cells[:MOST_COLUMNS]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The sheet. Whatever goes wrong inside of a damaged workbook is the workbook's fault."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # By the open file, for by its name openpyxl would refuse a workbook that is called .csv.
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                yield next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
            finally:
                book.close()
        except (ListError, OSError, GeneratorExit):
            raise
        except Exception as error:
            raise _damaged(path) from error


def _damaged(path: Path) -> ListError:
    return ListError(f"{path.name} is not an Excel workbook that can be opened: export the list as CSV.")


def _text(cell: Any) -> str:
    """A cell as CSV would have it; dates in ISO form, so that the order of day and month is no question."""
    if cell is None:
        return ""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
