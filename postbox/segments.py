"""How many parts a text is sent and charged as (3GPP TS 23.038 and 23.040)."""

import re

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")  # each sent as an escape and a character
_UCS2_UNITS = re.compile("[\U00010000-\U0010ffff]")


def is_gsm7(body: str) -> bool:
    """Whether every character is in the GSM 7-bit alphabet; one that is not turns the whole text to UCS-2."""
    return all(char in _BASIC or char in _EXTENDED for char in body)


def count_segments(body: str) -> int:
    """Segments: one of 160 septets or 70 UTF-16 units, or several of 153 or 67. An empty text counts one."""
    if is_gsm7(body):
        return _parts([2 if char in _EXTENDED else 1 for char in body], 160, 153)
    return _parts([2 if _UCS2_UNITS.match(char) else 1 for char in body], 70, 67)


def _parts(widths: list[int], alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > joined:  # an escape pair or a surrogate pair is never split over two parts
            parts, used = parts + 1, 0
        used += width
    return parts
