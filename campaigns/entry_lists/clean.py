"""From one cell to one value, or the problem with it. It must not know rows, columns or events.

No message repeats what the cell holds: a cell is a person's data.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

LONGEST_NAME = 100
REGION = "GB"
"""Numbers without a country code are British."""

YES = frozenset(
    {"yes", "y", "true", "1", "x", "on", "✓", "✔", "☑", "ja", "oui", "si", "sì", "sí", "sim", "da", "tak"}
)


class CellError(Exception):
    """What is wrong with a cell, and the cure; the reader of the row knows where it stands."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.cure = cure


class Phone(NamedTuple):
    """A number in E.164 and whether it can be texted; empty when the cell is blank."""

    number: str
    mobile_ok: bool


NO_PHONE = Phone("", mobile_ok=False)

_SPACES = re.compile(r"\s+")
# Control characters, and the marks that turn the direction of writing or have no width at all.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def text(cell: str, longest: int = LONGEST_NAME) -> str:
    """A name or a word: composed (NFC), without invisible characters, spaces folded. Raises CellError."""
    if not (cell.isascii() and cell.isprintable()):
        if "\ufffd" in cell:
            raise CellError(
                "holds a character that was lost in saving", "correct it and save the list as CSV UTF-8"
            )
        cell = unicodedata.normalize("NFC", _INVISIBLE.sub("", _SPACES.sub(" ", cell)))
    folded = " ".join(cell.split())
    if len(folded) > longest:
        raise CellError(f"is longer than {longest} characters", "shorten it")
    return folded


def is_yes(cell: str) -> bool:
    """Whether a consent or a question was answered with yes; blank and anything unknown is no."""
    return cell.strip().casefold() in YES


def moment(cell: str) -> datetime | None:
    """An ISO date and time with its zone; None for anything else, since only a consent's time hangs on it."""
    try:
        found = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return found if found.tzinfo else None


_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*")


def email(cell: str) -> str:
    """An address with its domain in lower-case ASCII, "" when blank. Raises CellError, on line breaks too."""
    if _CONTROL.search(cell):
        raise CellError("holds a line break or a control character", "remove it")
    address = cell.strip()
    if not address:
        return ""
    local, _, domain = address.rpartition("@")
    plain = len(local) <= 64 and _PLAIN_LOCAL.fullmatch(local)
    # Those of RFC 2142, such as postmaster, the validator writes in lower case.
    if plain and local.lower() not in CASE_INSENSITIVE_MAILBOX_NAMES and (known := _domain(domain)):
        return f"{local}@{known}"
    return _validated(address)


@lru_cache(maxsize=10_000)
def _domain(domain: str) -> str:
    """The domain in lower-case ASCII, "" when it or an address in it needs a closer look."""
    try:
        found = _validated(f"{'a' * 64}@{domain}")
    except CellError:
        return ""
    return found.rpartition("@")[2]


def _validated(address: str) -> str:
    try:
        # Letters beyond ASCII before the @ need SMTPUTF8, which few receiving servers speak.
        checked = validate_email(address, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise CellError("is not an email address that can be written to", "correct the address") from error
    assert checked.ascii_email is not None
    return checked.ascii_email


_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_PREFIX_ONLY = re.compile(r"(?:00)?\d{0,3}0?")
_PHONE_MARKS = re.compile(r"[\s().\-/+‐‑–]+")
# Ofcom's numbers for drama, which no person has and no metadata knows.
_DRAMA_MOBILE = re.compile(r"\+447700900\d{3}")
_HOME_MOBILE = re.compile(r"0?(7\d{9})")
_MOBILE_KINDS = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}
_NOT_A_NUMBER = ("is not a phone number that can be dialled", "correct the number")


def phone(cell: str) -> Phone:
    """A phone number in E.164; blank, a lone country code or no digit is no number. Raises CellError."""
    if _CONTROL.search(cell):
        raise CellError("holds a line break or a control character", "remove it")
    written = cell.strip().lstrip("'").removesuffix(".0")
    if _SCIENTIFIC.fullmatch(written):
        raise CellError(
            "was rounded by a spreadsheet to a number without its last digits",
            "format the column as text and export again",
        )
    digits = _PHONE_MARKS.sub("", written)
    if _PREFIX_ONLY.fullmatch(digits) or not any(character.isdigit() for character in written):
        return NO_PHONE
    if not (digits.isascii() and digits.isdigit()):
        raise CellError(*_NOT_A_NUMBER)
    return _dialled(_international(written, digits))


def _international(written: str, digits: str) -> str:
    if digits.startswith("00"):
        digits, written = digits[2:], "+"
    if digits.startswith("44") and len(digits) >= 12:
        # "+44 (0)7700 …": the zero is for callers at home.
        return "+44" + digits[2:].removeprefix("0")
    if written.startswith("+"):
        return f"+{digits}"
    # A spreadsheet takes the zero of 07700 900123 away.
    return f"+44{match[1]}" if (match := _HOME_MOBILE.fullmatch(digits)) else digits


def _dialled(number: str) -> Phone:
    if _is_british_mobile(number) or _DRAMA_MOBILE.fullmatch(number):
        return Phone(number, mobile_ok=True)
    try:
        parsed = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException as error:
        raise CellError(*_NOT_A_NUMBER) from error
    # What is no valid number has no kind: asking `is_valid_number` first would do all the work twice.
    kind = phonenumbers.number_type(parsed)
    if kind == phonenumbers.PhoneNumberType.UNKNOWN:
        raise CellError(*_NOT_A_NUMBER)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Phone(e164, kind in _MOBILE_KINDS)


def _is_british_mobile(number: str) -> bool:
    """The same answer as the library's, by its own pattern, thirty times as fast: lists are full of these."""
    return number.startswith("+44") and _british_mobile_pattern().fullmatch(number, 3) is not None


@lru_cache(maxsize=1)
def _british_mobile_pattern() -> re.Pattern[str]:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(REGION)
    assert metadata is not None
    assert metadata.mobile is not None
    assert metadata.mobile.national_number_pattern is not None
    return re.compile(metadata.mobile.national_number_pattern)
