"""A list as rows of cells under headings, whatever kind of file it came in. It knows no meaning of a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

PEEKED = 20
"""Among so many rows that are not blank the headings are looked for."""


class ListError(Exception):
    """The file as a whole cannot be read as an entry list: one sentence for a person."""


class Row(NamedTuple):
    """One row of the file. `cells` is None where its quotation marks do not match."""

    number: int
    """As a spreadsheet counts: the first row is 1, blank rows count, line breaks inside a cell do not."""
    line: int
    """How far in the file it ends, out of `Sheet.lines`."""
    cells: list[str] | None

    @property
    def filled(self) -> int:
        """How many cells are not blank."""
        return sum(1 for cell in self.cells or () if cell.strip())

    @property
    def is_blank(self) -> bool:
        return self.cells is not None and not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file whose headings are known; `rows` may be walked more than once."""

    path: Path
    headings: tuple[str, ...]
    heading_row: int
    lines: int
    """Lines of text, or rows of a workbook, the headings included."""
    records: Callable[[], Iterator[Row]]
    """All rows from the top. Raises ListError."""

    def rows(self) -> Iterator[Row]:
        """The rows below the headings that are not blank, one by one. Raises ListError on an open quote."""
        for row in self.records():
            if row.number > self.heading_row and not row.is_blank:
                yield row


def peek(rows: Iterable[Row]) -> list[Row]:
    """The first rows that are not blank."""
    return list(islice((row for row in rows if not row.is_blank), PEEKED))


def heading_among(rows: list[Row]) -> Row | None:
    """The headings: the first row that is more than half as full as the fullest, for titles are narrower."""
    fullest = max((row.filled for row in rows), default=0)
    return next((row for row in rows if row.filled > fullest / 2), None)


def headings_of(row: Row) -> tuple[str, ...]:
    """A row's cells as headings."""
    return tuple(cell.strip() for cell in row.cells or ())


def empty(path: Path) -> ListError:
    """The refusal of a file without any row."""
    return ListError(f"{path.name} is empty: export the entry list again.")
