"""Bodies as quoted-printable (RFC 2045, section 6.7), what all entrants share encoded once. Knows no headers.

A whole line is always encoded by itself, so how a body was cut into pieces makes no difference: no soft line break
and no dot can fall on a seam between what is fixed and what is an entrant's.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class _Cut(NamedTuple):
    """A piece that holds a line end: what ends the line before it, whole lines as bytes, what begins the next."""

    head: str
    lines: bytes
    tail: str


class BodyEncoder:
    """Encodes the bodies that one template gives; its fixed pieces are cut and encoded beforehand."""

    def __init__(self, fixed: Iterable[str]) -> None:
        self._fixed = {piece: _cut(piece) for piece in fixed if "\n" in piece and "\r" not in piece}

    def encode(self, pieces: Sequence[str]) -> bytes:
        """The joined pieces with CRLF line ends, also after the last line; no line is over 76 octets."""
        done: list[bytes] = []
        line: list[str] = []  # joined, never added: an escaped value would escape what it is added to
        for piece in pieces:
            cut = self._fixed.get(piece)
            if cut is None:
                if "\r" in piece:  # its LF may stand in the next piece
                    return self.encode(["".join(pieces).replace("\r\n", "\n").replace("\r", "\n")])
                if "\n" not in piece:
                    line.append(piece)
                    continue
                cut = _cut(piece)
            line.append(cut.head)
            done += (encoded_line("".join(line)), cut.lines)
            line = [cut.tail]
        if any(line) or not done:
            done.append(encoded_line("".join(line)))
        return b"".join(done)


def _cut(piece: str) -> _Cut:
    head, *lines, tail = piece.split("\n")
    return _Cut(head, b"".join(map(encoded_line, lines)), tail)


def encoded_line(line: str) -> bytes:
    """A whole line, which holds no line end, with its CRLF. No line of what comes out begins with a dot."""
    data = line.encode()
    made = _quoted(data)
    if made.startswith(b".") or b"\n." in made:
        # SMTP doubles such a dot, so it is written as =2E with all others; UTF-8 holds no octet FF.
        made = _quoted(data.replace(b".", b"\xff")).replace(b"=FF", b"=2E")
    # The C function ends its soft breaks with a bare LF.
    return made.replace(b"\n", b"\r\n") + b"\r\n"


def encoded_segment(words: str) -> bytes:
    """A part of a line, with room behind it for the "=" of a soft break: what follows is encoded by itself."""
    # The "x" takes that room and is no space, which at a line's end would be encoded.
    return encoded_line(f"{words}x").removesuffix(b"x\r\n")


def _quoted(data: bytes) -> bytes:
    return binascii.b2a_qp(data, istext=True)
