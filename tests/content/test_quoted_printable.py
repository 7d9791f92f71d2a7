"""Bodies on the wire: whatever the words, the lines are short, pure ASCII and give the words back."""

from __future__ import annotations

import quopri

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.content.quoted_printable import BodyEncoder

ANY_LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=200)


def decoded(data: bytes) -> str:
    return quopri.decodestring(data).decode().replace("\r\n", "\n")


@pytest.mark.parametrize("spaces", [" ", "\t", "  \t "])
@pytest.mark.parametrize("length", range(68, 80))
def test_spaces_at_a_lines_end_are_kept_and_make_no_line_too_long(length: int, spaces: str) -> None:
    text = "x" * length + spaces + "\nmore\n"
    data = BodyEncoder([]).encode(text)
    assert decoded(data) == text
    assert max(map(len, data.split(b"\r\n"))) <= 76
    assert b" \r\n" not in data
    assert b"\t\r\n" not in data


@given(lines=st.lists(ANY_LINE, max_size=8), repeats=st.integers(1, 3))
@example(
    lines=[".", "..", "", " ", "=", "=20", "\x00", "\x85", "\u2028", "From x", "é" * 40, "." * 200], repeats=1
)
def test_any_lines_come_back_from_short_ascii_lines(lines: list[str], repeats: int) -> None:
    text = "\n".join(line * repeats for line in lines) + "\n"
    data = BodyEncoder([]).encode(text)
    assert decoded(data) == text
    assert data.isascii()
    assert data.endswith(b"\r\n")
    rest = data.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert max(map(len, data.split(b"\r\n"))) <= 76


@given(lines=st.lists(ANY_LINE, min_size=1, max_size=8), data=st.data())
def test_what_was_encoded_beforehand_makes_no_difference(lines: list[str], data: st.DataObject) -> None:
    steady = data.draw(st.lists(st.sampled_from(lines)))
    text = "\n".join(lines)
    assert BodyEncoder(steady).encode(text) == BodyEncoder([]).encode(text)


@pytest.mark.parametrize("text", ["a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\nb", "a\r\nb"])
def test_every_way_to_end_a_line_becomes_one(text: str) -> None:
    assert BodyEncoder(["a"]).encode(text) == b"a\r\nb\r\n"


def test_an_empty_body_is_one_empty_line() -> None:
    assert BodyEncoder([]).encode("") == b"\r\n"


def test_no_entrants_line_is_kept() -> None:
    encoder = BodyEncoder(["Hello"])
    encoder.encode("Hello\nZoë\n")
    assert list(encoder) == ["Hello"]
