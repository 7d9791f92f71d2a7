"""Bodies as quoted-printable (RFC 2045, section 6.7), the lines all entrants share encoded once. Knows no headers.

A line is encoded by itself, so whether it was encoded beforehand or now gives the same bytes: no soft line break
and no dot can fall on a seam between what is fixed and what is an entrant's.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable


class BodyEncoder(dict[str, bytes]):
    """The steady lines of one template and what they are encoded as; any other line is encoded when it comes."""

    def __init__(self, steady_lines: Iterable[str]) -> None:
        super().__init__((line, _encoded(line)) for line in steady_lines)

    def __missing__(self, line: str) -> bytes:
        return _encoded(line)  # not kept: it holds a person's name

    def encode(self, text: str) -> bytes:
        """The body with CRLF line ends, also after its last line; no line is over 76 octets."""
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.removesuffix("\n").split("\n")
        return b"\r\n".join([self[line] for line in lines]) + b"\r\n"


def _encoded(line: str) -> bytes:
    # The C function ends its soft breaks with a bare LF; the line itself holds none.
    return binascii.b2a_qp(line.encode(), istext=True).replace(b"\n", b"\r\n")
