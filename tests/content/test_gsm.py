"""What a text costs, against the published tables and against a slow counter written another way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.content import segments, to_gsm7
from campaigns.content.gsm import is_gsm7

# 3GPP TS 23.038, table 6.2.1, row by row; the escape character itself is left out.
TABLE = [
    "@",
    "£",
    "$",
    "¥",
    "è",
    "é",
    "ù",
    "ì",
    "ò",
    "Ç",
    "LF",
    "Ø",
    "ø",
    "CR",
    "Å",
    "å",
    "Δ",
    "_",
    "Φ",
    "Γ",
    "Λ",
    "Ω",
    "Π",
    "Ψ",
    "Σ",
    "Θ",
    "Ξ",
    "Æ",
    "æ",
    "ß",
    "É",
    "SP",
    "!",
    '"',
    "#",
    "¤",
    "%",
    "&",
    "'",
    "(",
    ")",
    "*",
    "+",
    ",",
    "-",
    ".",
    "/",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    ":",
    ";",
    "<",
    "=",
    ">",
    "?",
    "¡",
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "H",
    "I",
    "J",
    "K",
    "L",
    "M",
    "N",
    "O",
    "P",
    "Q",
    "R",
    "S",
    "T",
    "U",
    "V",
    "W",
    "X",
    "Y",
    "Z",
    "Ä",
    "Ö",
    "Ñ",
    "Ü",
    "§",
    "¿",
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "j",
    "k",
    "l",
    "m",
    "n",
    "o",
    "p",
    "q",
    "r",
    "s",
    "t",
    "u",
    "v",
    "w",
    "x",
    "y",
    "z",
    "ä",
    "ö",
    "ñ",
    "ü",
    "à",
]
BASIC = {{"LF": "\n", "CR": "\r", "SP": " "}.get(cell, cell) for cell in TABLE}
DOUBLE = {"^", "{", "}", "\\", "[", "~", "]", "|", "€", "\x0c"}


def slow_count(text: str) -> tuple[int, str, int]:
    """Lay the text out unit by unit, as a phone would, and look at what came out."""
    gsm = set(text) <= BASIC | DOUBLE
    alone, part = (160, 153) if gsm else (70, 67)
    encoded = []
    for character in text:
        if gsm:
            encoded.append(["ESC", character] if character in DOUBLE else [character])
        else:
            data = character.encode("utf-16-be", "surrogatepass")
            encoded.append([data[i : i + 2] for i in range(0, len(data), 2)])
    units = sum(map(len, encoded))
    parts: list[list[object]] = []
    room = alone if units <= alone else part
    for character_units in encoded:
        if not parts or len(parts[-1]) + len(character_units) > room:
            parts.append([])
        parts[-1].extend(character_units)
    return len(parts), "GSM-7" if gsm else "UCS-2", units


ALPHABET = st.one_of(
    st.sampled_from(sorted(BASIC)),
    st.sampled_from(sorted(DOUBLE)),
    st.sampled_from("’–ëçŵ王😀🏃\u202e"),
    st.characters(),
)


@given(st.lists(ALPHABET, max_size=60), st.integers(1, 12))
def test_counts_as_the_slow_counter_does(characters: list[str], repeats: int) -> None:
    text = "".join(characters) * repeats
    counted = segments(text)
    assert (counted.count, counted.encoding, counted.units) == slow_count(text)


@pytest.mark.parametrize(
    ("text", "count", "encoding", "units"),
    [
        ("", 0, "GSM-7", 0),
        ("a" * 160, 1, "GSM-7", 160),
        ("a" * 161, 2, "GSM-7", 161),
        ("a" * 306, 2, "GSM-7", 306),
        ("a" * 307, 3, "GSM-7", 307),
        ("€" * 80, 1, "GSM-7", 160),
        ("a" + "€" * 80, 2, "GSM-7", 161),
        ("a" * 152 + "€" + "a" * 152, 3, "GSM-7", 306),  # the euro does not fit into unit 153 of part one
        ("é" * 160, 1, "GSM-7", 160),
        ("ë" * 70, 1, "UCS-2", 70),
        ("ë" * 71, 2, "UCS-2", 71),
        ("ë" * 134, 2, "UCS-2", 134),
        ("ë" * 135, 3, "UCS-2", 135),
        ("😀" * 35, 1, "UCS-2", 70),
        ("😀" * 36, 2, "UCS-2", 72),
        ("a" * 66 + "😀" + "a" * 66, 3, "UCS-2", 134),  # nor an emoji into unit 67
        ("a" * 100 + "’", 2, "UCS-2", 101),
        ("a" * 100 + "`", 2, "UCS-2", 101),
        ("a" * 100 + "ç", 2, "UCS-2", 101),
    ],
)
def test_counts_at_the_edges(text: str, count: int, encoding: str, units: int) -> None:
    counted = segments(text)
    assert (counted.count, counted.encoding, counted.units) == (count, encoding, units)


@pytest.mark.parametrize(
    ("text", "plain", "replaced"),
    [
        ("Don’t – “run”…", 'Don\'t - "run"...', ("’", "–", "“", "”", "…")),
        ("10\u00a0km", "10 km", ("\u00a0",)),
        ("Zoë and Siân", "Zoe and Sian", ("ë", "â")),
        ("Zoe\u0308", "Zoe", ("ë",)),
        ("café à la carte", "café à la carte", ()),
        ("half ½", "half 1/2", ("½",)),
        ("plain", "plain", ()),
    ],
)
def test_replaces_what_would_double_the_price_and_says_so(
    text: str, plain: str, replaced: tuple[str, ...]
) -> None:
    assert to_gsm7(text) == (plain, replaced)


@pytest.mark.parametrize("text", ["Zoë 王", "Run’s 😀", "Łódź’s", "مرحبا"])
def test_leaves_a_text_alone_that_must_be_ucs2_anyway(text: str) -> None:
    assert to_gsm7(text) == (text, ())


@given(st.text())
def test_a_replaced_text_is_gsm_and_an_unreplaced_one_is_untouched(text: str) -> None:
    plain, replaced = to_gsm7(text)
    assert is_gsm7(plain) or (plain == text and not replaced)
    assert to_gsm7(plain) == (plain, ())
