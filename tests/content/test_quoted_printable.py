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
    data = BodyEncoder([]).encode([text])
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
    data = BodyEncoder([]).encode([text])
    assert decoded(data) == text
    assert data.isascii()
    assert data.endswith(b"\r\n")
    rest = data.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert max(map(len, data.split(b"\r\n"))) <= 76
    assert not any(line.startswith(b".") for line in data.split(b"\r\n"))


ANY_PIECE = st.text(st.characters(exclude_categories=["Cs"]), max_size=120) | st.sampled_from(
    ["\r", "\n", "\r\n", ".", "\n.", ".\n", "\n.\n", " ", " \n", "x" * 75, "é" * 25, "\nx\n" + "y" * 74, ""]
)


@given(pieces=st.lists(ANY_PIECE, max_size=8), data=st.data())
@example(pieces=["a\r", "\nb"], data=None)
def test_neither_seams_nor_what_was_encoded_beforehand_make_a_difference(
    pieces: list[str], data: st.DataObject | None
) -> None:
    fixed = data.draw(st.lists(st.sampled_from(pieces))) if data and pieces else pieces
    assert BodyEncoder(fixed).encode(pieces) == BodyEncoder([]).encode(["".join(pieces)])


@pytest.mark.parametrize("text", ["a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\nb", "a\r\nb"])
def test_every_way_to_end_a_line_becomes_one(text: str) -> None:
    assert BodyEncoder([text]).encode([text]) == b"a\r\nb\r\n"


def test_an_empty_body_is_one_empty_line() -> None:
    assert BodyEncoder([]).encode([]) == b"\r\n"


def test_what_comes_with_an_entrant_is_forgotten() -> None:
    encoder = BodyEncoder(["Hello\n"])
    before = repr(vars(encoder))
    encoder.encode(["Hello\n", "Zoë\n"])
    assert repr(vars(encoder)) == before
