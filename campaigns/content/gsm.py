"""How long a text is and how to keep it short: GSM 7-bit alphabet (3GPP TS 23.038). Knows no templates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_BASIC_CHARACTERS = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION_CHARACTERS = "\f^{}\\[~]|€"
_BASIC = frozenset(_BASIC_CHARACTERS)
_EXTENSION = frozenset(_EXTENSION_CHARACTERS)
_ONLY_BASIC = re.compile(f"[{re.escape(_BASIC_CHARACTERS)}]*")

# Septets (GSM-7) or 16-bit units (UCS-2) in a text that stands alone, and in each part of a longer one, which
# gives up six octets to the header that joins the parts.
_GSM7_ALONE, _GSM7_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67

_TYPOGRAPHIC = {
    **dict.fromkeys("‘’‚‛′ʼ´`", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("•·", "-"),
    **dict.fromkeys("\t\u2028\u2029", " "),
    **dict.fromkeys("\u200b\u2060\ufeff\u00ad\u200e\u200f", ""),  # marks without width
    "×": "x",
    "⁄": "/",
}


@dataclass(frozen=True)
class Segments:
    """What a text costs: parts billed, alphabet, and units used (septets, or 16-bit units for UCS-2)."""

    count: int
    encoding: Literal["GSM-7", "UCS-2"]
    units: int


def segments(text: str) -> Segments:
    """Count the parts of a text as the network does; an empty text has none.

    A character of two units (an extension character, an emoji) is never split over two parts, so parts may
    end one unit short. Limits: Twilio's "What the heck is a segment?"; 3GPP TS 23.040 for the joining header.
    """
    if _ONLY_BASIC.fullmatch(text):
        return Segments(_parts_of_single_units(len(text)), "GSM-7", len(text))
    if is_gsm7(text):
        return _count("GSM-7", [2 if c in _EXTENSION else 1 for c in text], _GSM7_ALONE, _GSM7_PART)
    return _count("UCS-2", [2 if ord(c) > 0xFFFF else 1 for c in text], _UCS2_ALONE, _UCS2_PART)


def is_gsm7(text: str) -> bool:
    """Whether every character is in the GSM 7-bit alphabet or its extension."""
    return all(c in _BASIC or c in _EXTENSION for c in text)


def to_gsm7(text: str) -> tuple[str, tuple[str, ...]]:
    """The text in the GSM 7-bit alphabet, and the characters replaced, each once, in order of appearance.

    Typographic characters become plain ones ("’" → "'"), accents outside it are dropped ("ë" → "e").
    A text with anything else (an emoji, Chinese) goes as UCS-2 whatever we do: it comes back unchanged.
    """
    if is_gsm7(text):
        return text, ()
    composed = unicodedata.normalize("NFC", text)
    plain = [_plain(c) for c in composed]
    if any(replacement is None for replacement in plain):
        return text, ()
    replaced = dict.fromkeys(c for c, replacement in zip(composed, plain, strict=True) if replacement != c)
    return "".join(replacement or "" for replacement in plain), tuple(replaced)


def _plain(character: str) -> str | None:
    if is_gsm7(character):
        return character
    if character in _TYPOGRAPHIC:
        return _TYPOGRAPHIC[character]
    parts = [c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)]
    plain = "".join(_TYPOGRAPHIC.get(c, c) for c in parts)
    return plain if plain and is_gsm7(plain) else None


def _parts_of_single_units(length: int) -> int:
    return -(-length // (_GSM7_ALONE if length <= _GSM7_ALONE else _GSM7_PART))


def _count(encoding: Literal["GSM-7", "UCS-2"], widths: list[int], alone: int, part: int) -> Segments:
    units = sum(widths)
    return Segments(1 if units <= alone else _fill_parts(widths, part), encoding, units)


def _fill_parts(widths: Iterable[int], part: int) -> int:
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
