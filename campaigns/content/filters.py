"""The filters of messages: a value in, words for people out. Knows no templates and no entrants.

`{{ days_to_go|days }}`, `{{ race_date|date }}`, `{{ days_to_go|plural("day", "days") }}`. Values come as
`campaigns.rendering` makes them: dates as "Sun 19 Sep 2027" and times as "09:15", both by the clocks of the race.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Undefined

from campaigns.content.errors import ContentError

_DATE, _TIME = "%a %d %b %Y", "%H:%M"
_DISTANCES = {
    "5k": "3.1 miles",
    "10k": "6.2 miles",
    "half": "13.1 miles",
    "half marathon": "13.1 miles",
    "marathon": "26.2 miles",
}


def in_days(value: object) -> str:
    """Days to go as words: "0" is "today", "1" is "tomorrow", "12" is "in 12 days"."""
    days = _number(value, "days")
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


def plural(value: object, one: str, many: str) -> str:
    """A number and its noun: "1 day", "12 days"."""
    number = _number(value, "plural")
    return f"{number:,} {one if number == 1 else many}"


def long_date(value: object) -> str:
    """ "Sun 19 Sep 2027" as "Sunday 19 September 2027"."""
    day = _read(value, _DATE, "date")
    return f"{day:%A} {day.day} {day:%B %Y}"


def weekday(value: object) -> str:
    """ "Sun 19 Sep 2027" as "Sunday"."""
    return f"{_read(value, _DATE, 'weekday'):%A}"


def clock(value: object) -> str:
    """ "09:15" as "9:15 am"."""
    moment = _read(value, _TIME, "clock")
    return f"{moment.hour % 12 or 12}:{moment:%M} {'am' if moment.hour < 12 else 'pm'}"


def distance(value: object) -> str:
    """A race with its length in miles where that is common knowledge: "10K (6.2 miles)", "Kids Race"."""
    race = str(value)
    miles = _DISTANCES.get(race.lower())
    return f"{race} ({miles})" if miles else race


def otherwise(value: object, words: str) -> str:
    """The value, or these words where there is none."""
    return words if isinstance(value, Undefined) else str(value)


def _number(value: object, name: str) -> int:
    digits = str(value)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise ContentError(f"the {name} filter needs a whole number, 0 or more")
    return int(digits)


def _read(value: object, form: str, name: str) -> datetime:
    try:
        return datetime.strptime(str(value), form)  # noqa: DTZ007 - a date or a time of day, without a zone
    except ValueError:
        example = "Sun 19 Sep 2027" if form == _DATE else "09:15"
        raise ContentError(f"the {name} filter needs a value such as {example}") from None


@dataclass(frozen=True)
class Filter:
    """What stands behind a filter's name, and how many words in quotes it takes."""

    apply: Callable[..., str]
    words: int = 0


FILTERS: Mapping[str, Filter] = {
    "days": Filter(in_days),
    "plural": Filter(plural, words=2),
    "date": Filter(long_date),
    "weekday": Filter(weekday),
    "clock": Filter(clock),
    "distance": Filter(distance),
    "otherwise": Filter(otherwise, words=1),
}
