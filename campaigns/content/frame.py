"""A step's mails as bytes: the frame made once by the email package, then what is an entrant's own put in.

Knows no races, no SMTP. `build_email` gives the same headers and the same words, some thirty times more slowly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
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


class Frame:
    """All that the mails of one step share, as bytes with gaps. Raises ContentError for a bad sender."""

    def __init__(self, headers: StepHeaders, email: CompiledEmail) -> None:
        self._purpose = headers.purpose
        self._text = BodyEncoder(email.text.fixed)
        self._html = BodyEncoder(email.html.fixed)
        whole = RenderedEmail(_ANYTHING.subject, _ANYTHING.html[0], _ANYTHING.text[0])
        self._form = _form(build_email(whole, headers, _ANYONE), self._parts(_ANYTHING, _ANYONE))

    def fill(self, pieces: EmailPieces, own: EntrantHeaders) -> bytes:
        """One entrant's mail with CRLF line ends, no line over 998 octets. Raises ContentError."""
        return self._form % self._parts(pieces, own)

    def _parts(self, pieces: EmailPieces, own: EntrantHeaders) -> tuple[bytes, ...]:
        """What fills the gaps, in the order of the mail."""
        return (
            _to_line(own.to_email),
            _subject_line(pieces.subject),
            f"Date: {format_datetime(own.date)}\r\nMessage-ID: {own.message_id}\r\n".encode(),
            "".join(
                verbatim_line(*header) for header in (*ways_out(self._purpose, own), *own.tracking)
            ).encode(),
            self._text.encode(pieces.text),
            self._html.encode(pieces.html),
        )


def _form(made: bytes, parts: Iterable[bytes]) -> bytes:
    """The mail that was made, each part a gap for `%`. Raises ValueError where a part is not as it was made."""
    form = b""
    for part in parts:
        at = made.index(part)
        form += made[:at].replace(b"%", b"%%") + b"%b"
        made = made[at + len(part) :]
    return form + made.replace(b"%", b"%%")


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
