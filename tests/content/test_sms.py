"""A compiled text: one line, one link, the GSM alphabet wherever that is possible."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.content import CompiledSms, ContentError, compile_sms, segments

SmsOf = Callable[..., CompiledSms]


def test_lines_become_one_and_gaps_close(sms_of: SmsOf) -> None:
    sms = sms_of("\nRun Reigate:\n  today {% if wave %}in wave {{ wave }}{% endif %} we run.\n\n")
    assert sms.render({}) == "Run Reigate: today we run."


def test_typographic_characters_of_template_and_value_become_plain(sms_of: SmsOf) -> None:
    text = sms_of("Don’t rush – see {{ venue }}…").render({"venue": "“Zoë’s”\u00a0Park"})
    assert text == "Don't rush - see \"Zoe's\" Park..."
    assert segments(text).encoding == "GSM-7"


def test_an_emoji_goes_out_as_it_is(sms_of: SmsOf) -> None:
    assert sms_of("Run’s on 😀").render({}) == "Run’s on 😀"


@pytest.mark.parametrize(
    "body",
    [
        "{{ info_url }} {{ stop_url }}",
        "{{ info_url }} or {{ info_url }}",
        "{{ info_url }} https://example.org",
        "www.example.org and HTTP://example.org",
    ],
)
def test_two_links_are_refused(sms_of: SmsOf, body: str) -> None:
    with pytest.raises(ContentError, match="room for one link"):
        sms_of(body)


@pytest.mark.parametrize("purpose", ["tips", "sponsor"])
def test_what_needs_consent_needs_its_stop_link(sms_of: SmsOf, purpose: str) -> None:
    with pytest.raises(ContentError, match=r"needs \{\{ stop_url \}\}"):
        sms_of("A tip. {{ info_url }}", purpose=purpose)
    assert sms_of("A tip. {{ stop_url }}", purpose=purpose).placeholders == {"stop_url"}


def test_an_empty_or_endless_text_is_refused(sms_of: SmsOf) -> None:
    with pytest.raises(ContentError, match="empty"):
        sms_of("  \n ")
    with pytest.raises(ContentError, match="takes 4 segments and 3 are the most"):
        sms_of("{{ venue }}").render({"venue": "x" * 460})
    with pytest.raises(ContentError, match="20 KB"):
        compile_sms("s", "x" * 100_001)


def test_three_segments_are_sent_and_more_than_one_is_told(sms_of: SmsOf) -> None:
    seen = sms_of("{{ venue }}").look({"venue": "x" * 459})
    assert seen.segments.count == 3
    assert seen.notices == ("You pay for 3 texts each time: shorten it to one.",)


def test_replaced_characters_are_told(sms_of: SmsOf) -> None:
    seen = sms_of("Don’t rush – see {{ venue }}.").look({"venue": "Zoë’s Park"})
    assert seen.text == "Don't rush - see Zoe's Park."
    assert seen.notices == ("Written plainly, to fit the alphabet of texts: ’ – ë",)


def test_a_character_that_halves_the_room_is_told(sms_of: SmsOf) -> None:
    [notice] = sms_of("Run 😀").look({}).notices
    assert "halves its room" in notice


def test_an_ordinary_text_has_nothing_to_tell(sms_of: SmsOf) -> None:
    assert sms_of("Run Reigate is on Sunday.").look({}).notices == ()


@example("0\r¸")
@given(st.text(max_size=60))
def test_a_value_is_only_a_value(value: str) -> None:
    sms = compile_sms("s", "---\ntopic: a\npurpose: service\n---\n[{{ first_name }}]")
    text = sms.render({"first_name": value})
    assert text.startswith("[")
    assert text.endswith("]")
    assert text == " ".join(text.split())
