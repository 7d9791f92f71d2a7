"""Birth dates: the forms they come in, and the proof whether the day or the month stands first."""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum

from campaigns.entry_lists.clean import CellError

EARLIEST = date(1900, 1, 1)
EXCEL_DAY_0 = date(1899, 12, 30)


class DateOrder(StrEnum):
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class DateOrderError(Exception):
    """Nothing in the list, or too much, says whether the day stands first: one sentence for a person."""


_TIME = r"(?:[T ]\d{1,2}:\d{2}.*)?"
_ISO = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_ORDERED = re.compile(rf"(\d{{1,2}})[-/. ](\d{{1,2}})[-/. ](\d{{4}}|\d{{2}}){_TIME}", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.0*)?", re.ASCII)


def birth_date(cell: str, order: DateOrder | None, today: date) -> date | None:
    """A cleaned cell as a date, None when blank. Two-digit years mean the last hundred years before `today`.

    Understands 1980-04-23, 1980/04/23, 19800423, 23/04/1980, 04/23/1980, 23/04/80 (`/`, `-`, `.`), each with
    or without a time behind, and Excel's serial day numbers. Raises CellError, also for the future and for
    dates before 1900.
    """
    if not cell:
        return None
    try:
        found = _read(cell, order, today)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise CellError("is not a date that can be read", "write it as 1980-04-23")
    if not EARLIEST <= found <= today:
        raise CellError("is in the future or before 1900", "correct the birth date")
    return found


def _read(cell: str, order: DateOrder | None, today: date) -> date | None:
    if match := _ISO.fullmatch(cell) or _COMPACT.fullmatch(cell):
        return date(int(match[1]), int(match[2]), int(match[3]))
    if _SERIAL.fullmatch(cell):
        return EXCEL_DAY_0 + timedelta(days=int(cell[:5]))
    if match := _ORDERED.fullmatch(cell):
        day, month = int(match[1]), int(match[2])
        if order is DateOrder.MONTH_FIRST:
            day, month = month, day
        return _with_year(match[3], month, day, today)
    return None


def _with_year(year: str, month: int, day: int, today: date) -> date:
    if len(year) == 4:
        return date(int(year), month, day)
    recent = date(2000 + int(year), month, day)
    return recent if recent <= today else date(1900 + int(year), month, day)


class OrderProof:
    """Sees every birth date of a list and then knows the order of day and month, or that it is not proved."""

    def __init__(self) -> None:
        self._first_seen: dict[DateOrder, int] = {}
        self._open_row: int | None = None

    def see(self, row: int, cell: str) -> None:
        """Take one cell of the birth date's column into account."""
        match = _ORDERED.fullmatch(cell.strip())
        if match is None or match[1] == match[2]:
            return
        first, second = int(match[1]), int(match[2])
        if first > 12 >= second:
            self._first_seen.setdefault(DateOrder.DAY_FIRST, row)
        elif second > 12 >= first:
            self._first_seen.setdefault(DateOrder.MONTH_FIRST, row)
        elif first <= 12 and self._open_row is None:
            self._open_row = row

    def order(self, given: DateOrder | None = None) -> DateOrder | None:
        """The order proved, else the one given; None when no date needs one. Raises DateOrderError."""
        if given:
            return self._given(given)
        if len(self._first_seen) == 2:
            day, month = (self._first_seen[order] for order in DateOrder)
            raise DateOrderError(
                f"The birth date of row {day} has the day first and that of row {month} the month: "
                "correct one, or say which holds with --dates day-first or --dates month-first."
            )
        if not self._first_seen and self._open_row is not None:
            raise DateOrderError(
                f"Nothing proves whether birth dates such as that of row {self._open_row} have the day or "
                "the month first: say it with --dates day-first or --dates month-first."
            )
        return next(iter(self._first_seen), None)

    def _given(self, given: DateOrder) -> DateOrder:
        """A list whose every proof speaks against it would go in with day and month changed round."""
        against = [row for order, row in self._first_seen.items() if order is not given]
        if against and given not in self._first_seen:
            raise DateOrderError(
                f"The birth date of row {against[0]} cannot be {given}: say which order holds with --dates, "
                "or correct the row."
            )
        return given
