"""A step's mail as bytes with gaps, for all whose mails differ in nothing but what is each reader's own.

What a mail says hangs on few things, which many share: the race, its start, an age band, a yes. Thousands have all of
them in common and differ only in what is theirs alone: a name, a number, links. So Jinja runs once for each such
crowd, with a mark in place of every word of one's own, and what comes out is encoded once. Knows no headers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import escape

from campaigns.content.email_message import EmailPieces
from campaigns.content.quoted_printable import encoded_line, encoded_segment

_MARK = re.compile("\x01([a-z_]+)\x02")  # control characters, which are taken out of every value

# The same in HTML, in plain text and in quoted-printable, fit for a line of its own that begins with no dot.
_PLAIN = re.compile(r"[A-Za-z0-9 ,:;/?@_%+~()-][A-Za-z0-9 ,.:;/?@_%+~()-]{0,73}")


def mark(name: str) -> str:
    """What stands for a word of the reader's own while a template is rendered. Escaping leaves it as it is."""
    return f"\x01{name}\x02"


@dataclass(frozen=True, slots=True)
class Stencil:
    """What a crowd shares, a gap for each part of the head, then one for each word of a reader's own."""

    form: bytes
    subject: tuple[str, ...]
    """Its words in pieces; every second piece is the name of a word of the reader's own."""
    in_text: tuple[str, ...]
    in_page: tuple[str, ...]

    def subject_for(self, words: Mapping[str, str]) -> str:
        """The subject with a reader's own words, which are clean."""
        return "".join([words[part] if at % 2 else part for at, part in enumerate(self.subject)])

    def fill(self, head: Sequence[bytes], words: Mapping[str, str]) -> bytes:
        """The mail, from the parts of its head and the reader's own words, which are clean."""
        text: dict[str, bytes] = {}
        page: dict[str, bytes] = {}
        for name, word in words.items():
            if _PLAIN.fullmatch(word):
                text[name] = page[name] = word.encode()
            else:
                text[name], page[name] = encoded_segment(word), encoded_segment(str(escape(word)))
        return self.form % (
            *head,
            *[text[name] for name in self.in_text],
            *[page[name] for name in self.in_page],
        )


def cut(marked: EmailPieces, frame: Sequence[bytes], own: Collection[str]) -> Stencil | None:
    """The stencil of a mail that was rendered with marks for `own`; None where its source holds some of its own.

    `frame` is what stands between the parts of the head, before the text, between text and page, and after it.
    """
    *head, between, end = map(_literal, frame)
    text, in_text = _body_form("".join(marked.text))
    page, in_page = _body_form("".join(marked.html))
    form = b"".join((b"%b".join(head), text, between, page, end))
    subject = tuple(_MARK.split(marked.subject))
    if not {*subject[1::2], *in_text, *in_page} <= {*own}:
        return None
    return Stencil(form, subject, in_text, in_page)


def _body_form(marked: str) -> tuple[bytes, tuple[str, ...]]:
    """A body as quoted-printable with gaps, and the name of the word that goes into each."""
    lines = marked.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    return b"".join(map(_line_form, lines)), tuple(_MARK.findall(marked))


def _line_form(line: str) -> bytes:
    """One line; the soft break on either side of a gap keeps lines short whatever goes in."""
    pieces = _MARK.split(line)
    if len(pieces) == 1:
        return _literal(encoded_line(line))
    *before, last = pieces
    parts = [
        b"%b" if at % 2 else _literal(encoded_segment(piece)) for at, piece in enumerate(before) if piece
    ]
    if last:
        return b"=\r\n".join([*parts, _literal(encoded_line(last))])
    return b"=\r\n".join(parts) + b"\r\n"


def _literal(data: bytes) -> bytes:
    return data.replace(b"%", b"%%")
