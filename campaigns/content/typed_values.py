"""What the sender of an alert types in: checked, and written as it is printed. Knows no alerts."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from campaigns.content.errors import ContentError
from campaigns.content.gsm import segments, to_gsm7
from campaigns.content.placeholders import clean

LONGEST_REASON = 60
"""Characters: a text has to hold the rest of the message as well."""


def typed_value(name: str, text: str) -> str:
    """The value of a typed placeholder as it is printed. Raises ContentError with how to write it."""
    return _READ[name](clean(text))


def _temp(text: str) -> str:
    if not re.fullmatch(r"-?\d{1,2}", text) or not -30 <= int(text) <= 50:
        raise ContentError(f"'{text}' is not a temperature: write whole degrees Celsius, such as temp=29")
    return str(int(text))


def _new_start(text: str) -> str:
    written = re.fullmatch(r"([01]?\d|2[0-3])[:.]?([0-5]\d)", text)
    if written is None:
        raise ContentError(f"'{text}' is not a start: write the time on the clock, such as new_start=10:00")
    return f"{written[1].zfill(2)}:{written[2]}"


def _new_date(text: str) -> str:
    day = _day(text)
    return f"{day:%a} {day.day} {day:%b %Y}"


def _day(text: str) -> date:
    # A value that was armed comes again as it is printed.
    for form in ("%Y-%m-%d", "%a %d %b %Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a date, without any time
        except ValueError:
            continue
    raise ContentError(f"'{text}' is not a date: write year, month and day, such as new_date=2027-10-17")


def _reason(text: str) -> str:
    if not text or len(text) > LONGEST_REASON:
        raise ContentError(f"a reason has 1 to {LONGEST_REASON} characters, and this one has {len(text)}")
    plain, _ = to_gsm7(text)
    if segments(plain).encoding != "GSM-7":
        raise ContentError("a reason is written in plain letters: others make every text cost twice as much")
    return plain


_READ: Mapping[str, Callable[[str], str]] = {
    "temp": _temp,
    "new_start": _new_start,
    "new_date": _new_date,
    "reason": _reason,
}
