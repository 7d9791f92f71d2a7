"""From cells to values: names, addresses, numbers, answers."""

import random
import re
from datetime import UTC, datetime

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.entry_lists import clean
from campaigns.entry_lists.clean import NO_PHONE, CellError, Phone


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("  Ada   Byron ", "Ada Byron"),
        ("Sia\u0302n", "Siân"),
        ("St.\u00a0John", "St. John"),
        ("Ada\r\nBcc: x@example.com", "Ada Bcc: x@example.com"),
        ("A\x00da\x07", "Ada"),
        ("\u202egro.live\u202c\u200f", "gro.live"),
        ("\ufeffAda", "Ada"),
        ('=HYPERLINK("http://example.com")', '=HYPERLINK("http://example.com")'),
        ("-Ada", "-Ada"),
        ("{{ 7*7 }}", "{{ 7*7 }}"),
        ("<script>", "<script>"),
        ("Nguyễn", "Nguyễn"),
        ("", ""),
    ],
)
def test_names_are_kept_as_names(cell: str, name: str) -> None:
    assert clean.text(cell) == name


@pytest.mark.parametrize("cell", ["x" * 101, "x" * 5000, "Se\ufffdn"])
def test_names_that_are_too_long_or_damaged_are_not_cut_or_guessed(cell: str) -> None:
    with pytest.raises(CellError) as caught:
        clean.text(cell)
    assert cell not in str(caught.value)


@given(st.text())
def test_a_cleaned_name_can_stand_in_a_header_and_a_database(cell: str) -> None:
    try:
        name = clean.text(cell)
    except CellError:
        return
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", name)
    assert len(name) <= 100
    assert clean.text(name) == name


@pytest.mark.parametrize(
    ("cell", "address"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.B@EXAMPLE.Com ", "Ada.B@example.com"),
        ("o'neill.11@example.org", "o'neill.11@example.org"),
        ("a+b@example.net", "a+b@example.net"),
        ("ada@exämple.org", "ada@xn--exmple-cua.org"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_addresses_are_normalised(cell: str, address: str) -> None:
    assert clean.email(cell) == address


@pytest.mark.parametrize(
    "cell",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada@example",
        "ada@localhost",
        "a@b@example.com",
        "ada@example.com, bob@example.com",
        "Ada <ada@example.com>",
        ".ada@example.com",
        "ada..b@example.com",
        f"{'a' * 65}@example.com",
        f"ada@{'a' * 64}.com",
        "zoë@example.com",
        "ada@example.com\r\nBcc: bob@example.com",
        "ada@example.com\n",
        "ada\x00@example.com",
        "ada@example.com\u2028",
        '"ada b"@example.com',
        "ada@[127.0.0.1]",
    ],
)
def test_what_cannot_be_written_to_is_no_address(cell: str) -> None:
    with pytest.raises(CellError) as caught:
        clean.email(cell)
    assert "ada" not in f"{caught.value.problem} {caught.value.cure}"


@given(
    st.from_regex(r"[A-Za-z0-9_.+'%-]{1,70}", fullmatch=True),
    st.sampled_from(
        ["example.com", "Example.ORG", "a.b.example.net", "localhost", "x..com", "-x.com", "ex ample.com"]
    ),
)
@example("WWW", "example.com")
@example("PostMaster", "example.com")
def test_the_short_way_agrees_with_the_validator(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    try:
        expected = validate_email(
            address, check_deliverability=False, allow_smtputf8=False, strict=True
        ).ascii_email
    except EmailNotValidError:
        with pytest.raises(CellError):
            clean.email(address)
    else:
        assert clean.email(address) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "07700 900123",
        "7700900123",
        "+447700900123",
        "+44 (0)7700 900123",
        "+44 (0) 7700-900-123",
        "00447700900123",
        "0044 (0)7700 900123",
        "447700900123",
        "'07700900123",
        "7700900123.0",
        "(07700) 900 123",
        " 07700\u00a0900123 ",
    ],
)
def test_every_way_to_write_a_mobile_is_one_number(cell: str) -> None:
    assert clean.phone(cell) == Phone("+447700900123", mobile_ok=True)


@pytest.mark.parametrize(
    ("cell", "number", "mobile_ok"),
    [
        ("01737 274566", "+441737274566", False),
        ("0044 1737 274566", "+441737274566", False),
        ("07911 123456", "+447911123456", True),
        ("+353 85 012 3456", "+353850123456", True),
        ("0033 6 12 34 56 78", "+33612345678", True),
        ("+33 1 42 68 53 00", "+33142685300", False),
        ("070 1234 5678", "+447012345678", False),
        ("07700 900000", "+447700900000", True),
        ("07700 900999", "+447700900999", True),
    ],
)
def test_mobiles_are_told_from_landlines(cell: str, number: str, mobile_ok: bool) -> None:
    assert clean.phone(cell) == Phone(number, mobile_ok)


@pytest.mark.parametrize(
    "cell", ["", " ", "+44", "44", "0044", "+44 (0)", "+", "0", "-", "n/a", "+1", "+353"]
)
def test_a_lone_prefix_is_blank(cell: str) -> None:
    assert clean.phone(cell) == NO_PHONE


@pytest.mark.parametrize("cell", ["4.4770E+11", "4.477E+11", "4,4770E+11", "4.4770e11", "4E+11"])
def test_a_number_rounded_by_a_spreadsheet_is_not_guessed(cell: str) -> None:
    with pytest.raises(CellError) as caught:
        clean.phone(cell)
    assert caught.value.cure == "format the column as text and export again"


@pytest.mark.parametrize(
    "cell",
    [
        "07700 90012",
        "07700 9001234",
        "07700 900123 / 07700 900124",
        "07700 900123 (mum)",
        "0800 FLOWERS",
        "07701 900123x",
        "12345678",
        "+999 123456789",
        "07700 900123\r\n07700 900124",
        "٠٧٧٠٠٩٠٠١٢٣",
    ],
)
def test_what_cannot_be_dialled_is_no_number(cell: str) -> None:
    with pytest.raises(CellError) as caught:
        clean.phone(cell)
    assert not re.search(r"\d{4}", f"{caught.value.problem} {caught.value.cure}")


def test_the_short_way_for_british_mobiles_agrees_with_the_library() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        number = f"+447{chance.randrange(10**9):09d}"
        parsed = phonenumbers.parse(number)
        kind = phonenumbers.number_type(parsed)
        if number.startswith("+447700900"):
            continue
        if not phonenumbers.is_valid_number(parsed):
            for written in (number, f"0{number[3:]}", number[3:]):
                with pytest.raises(CellError):
                    clean.phone(written)
        else:
            assert clean.phone(number) == clean.phone(f"0{number[3:]}") == clean.phone(number[3:])
            assert clean.phone(number) == Phone(number, kind == phonenumbers.PhoneNumberType.MOBILE)


@pytest.mark.parametrize("cell", ["Yes", "yes ", "Y", "true", "TRUE", "1", "x", "X", "Sì", "oui", "Ja"])
def test_yes_in_many_words(cell: str) -> None:
    assert clean.is_yes(cell)


@pytest.mark.parametrize("cell", ["", " ", "No", "n", "false", "0", "maybe", "yes and no", "unknown", "null"])
def test_anything_else_is_no(cell: str) -> None:
    assert not clean.is_yes(cell)


def test_a_moment_needs_its_zone() -> None:
    assert clean.moment("2026-09-27T02:02:00Z") == datetime(2026, 9, 27, 2, 2, tzinfo=UTC)
    assert clean.moment("2026-09-27 02:02") is None
    assert clean.moment("yesterday") is None
