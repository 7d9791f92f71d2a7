"""The open words, their fallbacks, and what becomes of an odd value."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.content import PLACEHOLDERS, CompiledSms, ContentError, MissingValue
from campaigns.content.placeholders import clean, fill, nearest

SmsOf = Callable[..., CompiledSms]

PROMISED = """first_name race_name race_date start_time wave pen_close bib venue arrive_by warmup_time
days_to_go unsubscribe_url preferences_url info_url deferral_url organiser_contact event_name organiser_name
stop_url names view_url"""


def filled(name: str, value: str | None) -> str | None:
    values = {} if value is None else {name: value}
    return fill([PLACEHOLDERS[name]], values).get(name)


def test_every_promised_placeholder_is_declared() -> None:
    assert set(PROMISED.split()) <= set(PLACEHOLDERS)


@pytest.mark.parametrize("value", [None, "", "  ", "\n", "\x00", "\u202e"])
def test_a_first_name_falls_back_to_there(value: str | None) -> None:
    assert filled("first_name", value) == "there"


def test_names_fall_back_to_the_first_name() -> None:
    assert fill([PLACEHOLDERS["names"]], {"first_name": "Zoë"}) == {"names": "Zoë"}


def test_a_required_value_that_is_blank_is_not_filled() -> None:
    assert filled("bib", " ") is None


@pytest.mark.parametrize("missing", [{}, {"bib": ""}, {"bib": " \n "}])
def test_a_message_that_prints_a_missing_value_is_refused_by_name(
    sms_of: SmsOf, missing: dict[str, str]
) -> None:
    with pytest.raises(MissingValue, match=r"^sample: there is no value for bib; fill it in") as caught:
        sms_of("Your number is {{ bib }}.").render(missing)
    assert caught.value.placeholder == "bib"


def test_a_missing_value_may_be_asked_for(sms_of: SmsOf) -> None:
    sms = sms_of("Hello.{% if bib %} Your number is {{ bib }}.{% endif %}")
    assert sms.render({}) == "Hello."
    assert sms.render({"bib": "7"}) == "Hello. Your number is 7."


def test_a_missing_value_may_not_be_compared(sms_of: SmsOf) -> None:
    with pytest.raises(MissingValue):
        sms_of('{% if wave == "A" %}First{% else %}Later{% endif %}').render({})


@pytest.mark.parametrize("value", ["javascript:alert(1)", "data:text/html,x", "https://a b", "example.org"])
def test_a_link_must_be_a_web_address(value: str) -> None:
    with pytest.raises(ContentError, match="info_url is not a web address"):
        filled("info_url", value)


@given(st.text())
def test_a_value_is_one_plain_line(value: str) -> None:
    cleaned = clean(value)
    assert cleaned == " ".join(cleaned.split())
    assert not any(unicodedata.category(character) == "Cc" for character in cleaned)
    assert not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI") for c in cleaned
    )
    cleaned.encode("utf-8")


def test_names_people_have_are_kept_as_they_are() -> None:
    for name in ("O'Neill", "Zoë", "Anne-Marie", "李小龍", "\u200fمريم", "Ana, Ben and Zoë", "D’Arcy"):
        assert clean(name) == name


def test_a_lone_surrogate_is_dropped() -> None:
    assert clean("Zo\ud800e") == "Zoe"


def test_suggests_the_nearest_word_or_nothing() -> None:
    assert nearest("frist_name", PLACEHOLDERS) == '; did you mean "first_name"?'
    assert nearest("xyzzy", PLACEHOLDERS) == ""
