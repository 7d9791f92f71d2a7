"""A step's mails as bytes: the frame made once by the email package, then what is an entrant's own put in.

Knows no races, no SMTP. `build_email` gives the same headers and the same words, some fifty times more slowly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from campaigns.content.email_message import CompiledEmail, EmailPieces, RenderedEmail
from campaigns.content.mime import (
    LINE_WIDTH,
    EntrantHeaders,
    StepHeaders,
    address,
    build_email,
    folded_line,
    refuse_control,
    verbatim_line,
    ways_out,
)
from campaigns.content.quoted_printable import BodyEncoder
from campaigns.content.sandbox import MAX_OUTPUT
from campaigns.content.stencil import Stencil, cut, mark

_ANYONE = EntrantHeaders(
    to_email="anyone@frame.invalid",
    message_id="<anything@frame.invalid>",
    date=datetime(2000, 1, 1, tzinfo=UTC),
    unsubscribe_url="https://frame.invalid/anyone",
)
_ANYTHING = EmailPieces("Any subject", ["<p>Any page</p>\n"], ["Any text\n"])

# What the email package writes as it stands, when it fits on a line. Without "=" and "?", of which encoded
# words are made (RFC 2047); anything else is left to the package.
_PLAIN_WORDS = re.compile(r"(?:[!-<>@-~]+ )*[!-<>@-~]+")
_ATOM = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_PLAIN_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


MOST_STENCILS = 64
"""Of one step's mails. A stencil takes about as much memory as a mail; who has none gets a mail of pieces."""


class Frame:
    """All that the mails of one step share, as bytes with gaps. Raises ContentError for a bad sender."""

    def __init__(self, headers: StepHeaders, email: CompiledEmail) -> None:
        self._purpose = headers.purpose
        self._email = email
        self._text = BodyEncoder(email.text.fixed)
        self._html = BodyEncoder(email.html.fixed)
        whole = RenderedEmail(_ANYTHING.subject, _ANYTHING.html[0], _ANYTHING.text[0])
        made = build_email(whole, headers, _ANYONE)
        self._between = _between(
            made,
            (
                *self._head(_ANYTHING.subject, _ANYONE),
                self._text.encode(_ANYTHING.text),
                self._html.encode(_ANYTHING.html),
            ),
        )
        self._form = b"%b".join(part.replace(b"%", b"%%") for part in self._between)
        self._stencils: dict[tuple[str | None, ...], Stencil | None] = {}

    def mail(self, values: Mapping[str, str], own: EntrantHeaders) -> bytes:
        """One entrant's mail with CRLF line ends, no line over 998 octets, none that begins with a dot.

        Raises ContentError, MissingValue where a needed value is not known.
        """
        words = self._email.own_words(values)
        stencil = None if words is None else self._stencil(values, words)
        if words is not None and stencil is not None:
            mail = stencil.fill(self._head(stencil.subject_for(words), own), words)
            if len(mail) <= MAX_OUTPUT:
                return mail
        return self.fill(self._email.render_pieces(values), own)

    def fill(self, pieces: EmailPieces, own: EntrantHeaders) -> bytes:
        """What `mail` gives, of words that are rendered already. Raises ContentError."""
        bodies = self._text.encode(pieces.text), self._html.encode(pieces.html)
        return self._form % (*self._head(pieces.subject, own), *bodies)

    def _stencil(self, values: Mapping[str, str], words: Mapping[str, str]) -> Stencil | None:
        """That of all who share what this reader does not have alone, made with the first of them."""
        key = (*map(values.get, self._email.shared), *words)
        if key not in self._stencils and len(self._stencils) < MOST_STENCILS:
            marked = self._email.render_with(values, {name: mark(name) for name in words})
            self._stencils[key] = cut(marked, self._between, words)
        return self._stencils.get(key)

    def _head(self, subject: str, own: EntrantHeaders) -> tuple[bytes, ...]:
        """What fills the gaps of the head, in its order."""
        return (
            _to_line(own.to_email),
            _subject_line(subject),
            _date_line(own.date.replace(microsecond=0), own.date.utcoffset())
            + f"Message-ID: {own.message_id}\r\n".encode(),
            "".join(
                [verbatim_line(*header) for header in (*ways_out(self._purpose, own), *own.tracking)]
            ).encode(),
        )


def _between(made: bytes, parts: Iterable[bytes]) -> list[bytes]:
    """The mail that was made, without these parts. Raises ValueError where one is not as it was made."""
    found = []
    for part in parts:
        before, there, made = made.partition(part)
        if not there:
            raise ValueError("The email package no longer writes what a frame takes for its own.")
        found.append(before)
    return [*found, made]


@lru_cache(maxsize=8)
def _date_line(moment: datetime, _offset: timedelta | None) -> bytes:
    # The same moment by the clocks of two zones is equal, and not the same line.
    return f"Date: {format_datetime(moment)}\r\n".encode()


def _to_line(to_email: str) -> bytes:
    line = f"To: {to_email}"
    if len(line) <= LINE_WIDTH and _PLAIN_ADDRESS.fullmatch(to_email):
        return f"{line}\r\n".encode()
    return folded_line("To", address("to_email", to_email))


@lru_cache(maxsize=512)
def _subject_line(subject: str) -> bytes:
    line = f"Subject: {subject}"
    if len(line) <= LINE_WIDTH and _PLAIN_WORDS.fullmatch(subject):
        return f"{line}\r\n".encode()
    refuse_control("the subject", subject)
    return folded_line("Subject", subject)
