"""Birth dates: every form, and an order of day and month that is proved and never guessed."""

from datetime import date

import pytest

from campaigns.entry_lists.clean import CellError
from campaigns.entry_lists.dates import DateOrder, DateOrderError, OrderProof, birth_date

TODAY = date(2026, 11, 23)
DAY, MONTH = DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST


@pytest.mark.parametrize(
    ("cell", "order"),
    [
        ("1980-04-23", None),
        ("1980-04-23T00:00:00Z", None),
        ("1980-04-23 00:00:00", None),
        ("1980/04/23", None),
        ("19800423", None),
        ("29334", None),
        ("29334.0", None),
        ("23/04/1980", DAY),
        ("23.04.1980", DAY),
        ("23-4-80", DAY),
        ("04/23/1980", MONTH),
        ("4/23/80 12:00:00 AM", MONTH),
    ],
)
def test_every_form_is_the_same_day(cell: str, order: DateOrder | None) -> None:
    assert birth_date(cell, order, TODAY) == date(1980, 4, 23)


@pytest.mark.parametrize(
    ("cell", "year"), [("01/02/26", 2026), ("23/11/26", 2026), ("24/11/26", 1926), ("01/02/27", 1927)]
)
def test_two_digit_years_are_the_last_hundred(cell: str, year: int) -> None:
    born = birth_date(cell, DAY, TODAY)
    assert born is not None
    assert born.year == year


def test_the_order_decides() -> None:
    assert birth_date("03/04/1980", DAY, TODAY) == date(1980, 4, 3)
    assert birth_date("03/04/1980", MONTH, TODAY) == date(1980, 3, 4)


def test_blank_is_no_date() -> None:
    assert birth_date("", DAY, TODAY) is None


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-24",
        "1899-12-31",
        "1980-02-30",
        "31/04/1980",
        "13/13/1980",
        "1985",
        "April 1980",
        "0",
        "11061970",
        "x",
    ],
)
def test_impossible_dates_are_refused(cell: str) -> None:
    with pytest.raises(CellError) as caught:
        birth_date(cell, DAY, TODAY)
    assert cell not in (caught.value.problem, caught.value.cure)


def proved(*cells: str) -> DateOrder | None:
    proof = OrderProof()
    for row, cell in enumerate(cells, 2):
        proof.see(row, cell)
    return proof.order()


def test_one_date_above_twelve_proves_the_order() -> None:
    assert proved("03/04/1980", "23/04/1980", "01/02/1990") is DAY
    assert proved("03/04/1980", "04/23/1980", "01/02/1990") is MONTH


def test_iso_dates_and_equal_numbers_ask_for_no_proof() -> None:
    assert proved("1980-03-04", "05/05/1980", "", "x") is None


def test_nothing_above_twelve_is_no_proof() -> None:
    with pytest.raises(DateOrderError, match=r"row 3 .* --dates day-first or --dates month-first"):
        proved("1980-03-04", "03/04/1980", "01/02/1990")


def test_two_proofs_contradict_each_other() -> None:
    with pytest.raises(DateOrderError, match="row 2 has the day first and that of row 4 the month"):
        proved("23/04/1980", "03/04/1980", "04/23/1980")
