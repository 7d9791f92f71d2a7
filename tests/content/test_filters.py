"""What filters make of values, and how a wrong one is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from campaigns.content import CompiledSms, ContentError, MissingValue
from campaigns.content.errors import Source
from campaigns.content.filters import in_days
from campaigns.content.sandbox import check

SmsOf = Callable[..., CompiledSms]


@pytest.mark.parametrize(
    ("days", "words"), [("0", "today"), ("1", "tomorrow"), ("2", "in 2 days"), ("12", "in 12 days")]
)
def test_days_read_as_people_say_them(days: str, words: str) -> None:
    assert in_days(days) == words


@pytest.mark.parametrize("days", ["-1", "soon", "1.5", "²", ""])
def test_days_must_be_a_whole_number(days: str) -> None:
    with pytest.raises(ContentError, match="whole number"):
        in_days(days)


@pytest.mark.parametrize(
    ("tag", "values", "words"),
    [
        ("days_to_go|plural('day', 'days')", {"days_to_go": "1"}, "1 day"),
        ("days_to_go|plural('day', 'days')", {"days_to_go": "0"}, "0 days"),
        ("days_to_go|plural('day', 'days')", {"days_to_go": "1200"}, "1,200 days"),
        ("race_date|date", {"race_date": "Sun 19 Sep 2027"}, "Sunday 19 September 2027"),
        ("race_date|weekday", {"race_date": "Sun 5 Sep 2027"}, "Sunday"),
        ("start_time|clock", {"start_time": "09:15"}, "9:15 am"),
        ("start_time|clock", {"start_time": "12:00"}, "12:00 pm"),
        ("start_time|clock", {"start_time": "00:05"}, "12:05 am"),
        ("race_name|distance", {"race_name": "Half Marathon"}, "Half Marathon (13.1 miles)"),
        ("race_name|distance", {"race_name": "Kids Race"}, "Kids Race"),
        ("bib|otherwise('to follow')", {"bib": "12"}, "12"),
        ("bib|otherwise('to follow')", {}, "to follow"),
        ("first_name|otherwise('runner')", {}, "runner"),
        ("first_name|otherwise('runner')", {"first_name": "Zoe"}, "Zoe"),
        ("names|otherwise('runners')", {"first_name": "Zoe"}, "Zoe"),
    ],
)
def test_a_value_becomes_words(sms_of: SmsOf, tag: str, values: dict[str, str], words: str) -> None:
    assert sms_of(f"It is {{{{ {tag} }}}}.").render(values) == f"It is {words}."


@pytest.mark.parametrize("tag", ["race_date|date", "start_time|clock", "days_to_go|plural('a', 'b')"])
def test_a_value_that_cannot_be_read_is_refused_and_a_missing_one_named(sms_of: SmsOf, tag: str) -> None:
    name = tag.partition("|")[0]
    with pytest.raises(ContentError, match="filter needs a"):
        sms_of(f"{{{{ {tag} }}}}").render({name: "soon"})
    with pytest.raises(MissingValue, match=name):
        sms_of(f"{{{{ {tag} }}}}").render({})


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("bib|otherwise", 'takes one "word" in quotes'),
        ("bib|otherwise(wave)", 'takes one "word" in quotes'),
        ("bib|otherwise(1)", 'takes one "word" in quotes'),
        ("bib|otherwise('a', 'b')", 'takes one "word" in quotes'),
        ("days_to_go|plural('day')", "takes two words"),
        ("days_to_go|days|days", "stands after a placeholder"),
        ("'x'|date", "stands after a placeholder"),
        ("race_date|date(*bib)", "takes nothing else"),
    ],
)
def test_a_filter_takes_only_fixed_words(tag: str, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        check(Source("sample", f"{{{{ {tag} }}}}"))
