"""A rendered email and its headers as the bytes that go to the mail server. Knows no races, no SMTP.

The rules for headers are those of RFC 5322, 2369, 2919, 3834 and 8058. The same input gives the same bytes.
"""

from __future__ import annotations

import email.policy
import re
from dataclasses import dataclass, fields
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy

from campaigns.content.email_message import RenderedEmail
from campaigns.content.errors import ContentError
from campaigns.content.front_matter import PURPOSES

# "=_" cannot occur in quoted-printable text, so this boundary cannot occur in a part (RFC 2045, section 6.7).
BOUNDARY = "=_aid-station_part"

LINE_WIDTH = 76  # not 78: the limit of a quoted-printable line, for which the library takes the header limit

_ONE_CLICK = "List-Unsubscribe=One-Click"
_LINE_LIMIT = 900  # octets; RFC 5322 allows 998 with the header's name
_LIST_ID_LIMIT = 70  # beyond a line's length the library would write it as encoded words
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORD = re.compile(r"[!-+\--;=?-~]+")  # visible ASCII without comma, < and >
_MESSAGE_ID = re.compile(r"<[^@]+@[^@]+>")


class _VerbatimHeader(UnstructuredHeader, BaseHeader):
    """A header for `verbatim_line`.

    The standard library writes a word too long for a line as RFC 2047 encoded words; a List-Unsubscribe so
    written is no longer a link (cpython issue 85725).
    """

    max_count = 1

    def fold(self, *, policy: email.policy.Policy) -> str:  # noqa: ARG002 - ours always ends lines with CRLF
        return verbatim_line(str(self.name), str(self))


def _policy() -> EmailPolicy[EmailMessage]:
    registry = HeaderRegistry()
    for name in ("message-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id"):
        registry.map_to_type(name, _VerbatimHeader)
    return email.policy.SMTP.clone(header_factory=registry, max_line_length=LINE_WIDTH)


_POLICY = _policy()


@dataclass(frozen=True)
class StepHeaders:
    """The headers that all mails of a step share. Refuses, with ContentError, what cannot stand in a header."""

    from_name: str
    from_email: str
    reply_to: str
    purpose: str  # service, tips or sponsor
    list_id: str  # "tips.runreigate.example"
    list_name: str  # "Run Reigate tips"
    feedback_id: str  # "campaign:race:stream:sender"

    def __post_init__(self) -> None:
        for field in fields(self):
            refuse_control(field.name, getattr(self, field.name))
        for name in ("list_id", "feedback_id"):
            _refuse_bad_word(name, getattr(self, name))
        if len(self.list_id) > _LIST_ID_LIMIT or set(self.list_name) & set("<>"):
            raise ContentError(f"list_id has at most {_LIST_ID_LIMIT} characters, list_name no < or >")
        if self.purpose not in PURPOSES:
            raise ContentError(f"purpose must be one of: {', '.join(PURPOSES)}")


@dataclass(frozen=True)
class EntrantHeaders:
    """The headers that are one entrant's own. Refuses, with ContentError, what cannot stand in a header."""

    to_email: str
    message_id: str  # with its angle brackets; made once per delivery, kept by a resend
    date: datetime  # aware
    unsubscribe_url: str = ""  # needed unless the purpose is service; there only if a part is tips
    unsubscribe_mailto: str = ""  # an address
    tracking: tuple[
        tuple[str, str], ...
    ] = ()  # names and values, written as they stand: ours, and plain ASCII

    def __post_init__(self) -> None:
        refuse_control("to_email", self.to_email)
        for name in ("unsubscribe_url", "unsubscribe_mailto"):
            _refuse_bad_word(name, getattr(self, name))
        for name, value in self.tracking:
            refuse_control(name, value)
        _refuse_bad_word("message_id", self.message_id[1:-1])
        if not _MESSAGE_ID.fullmatch(self.message_id):
            raise ContentError("message_id must look like <something@our.domain>")
        if self.date.utcoffset() is None:
            raise ContentError("date must carry its time zone")


def refuse_control(name: str, value: str) -> None:
    """Raise ContentError for a line break or control character: it would begin a header of its own."""
    if _CONTROL.search(value):
        raise ContentError(f"{name} holds a line break or control character; take it out")


def _refuse_bad_word(name: str, word: str) -> None:
    """These are written as they stand: plain ASCII, without spaces or the marks that end a member."""
    if word and (len(word) > _LINE_LIMIT or not _WORD.fullmatch(word)):
        raise ContentError(f"{name} must be at most {_LINE_LIMIT} plain characters without spaces, <, > or ,")


def ways_out(purpose: str, own: EntrantHeaders) -> list[tuple[str, str]]:
    """The headers by which mail programs offer to unsubscribe. Raises ContentError.

    A service mail has none, unless a part of it is tips for its reader: then it has the link of those.
    """
    if purpose == "service" and not own.unsubscribe_url:
        return []
    if not own.unsubscribe_url.startswith(("https://", "http://")):
        raise ContentError("tips and sponsor emails need unsubscribe_url, starting with https://")
    mailto = f", <mailto:{own.unsubscribe_mailto}>" if own.unsubscribe_mailto else ""
    link = ("List-Unsubscribe", f"<{own.unsubscribe_url}>{mailto}")
    if own.unsubscribe_url.startswith("https://"):  # RFC 8058, section 3.1: only beside an https link
        return [link, ("List-Unsubscribe-Post", _ONE_CLICK)]
    return [link]


def verbatim_line(name: str, value: str) -> str:
    """A header that is written as it stands and folded between members only."""
    return f"{name}: " + value.replace(", ", ",\r\n ") + "\r\n"


def folded_line(name: str, value: str | Address) -> bytes:
    """A header as the email package writes it: folded, encoded words where needed. Some 0.2 ms."""
    return _POLICY.fold_binary(name, _POLICY.header_factory(name, value))


def build_email(rendered: RenderedEmail, headers: StepHeaders, own: EntrantHeaders) -> bytes:
    """The message as bytes with CRLF line ends, no line over 998 octets. Raises ContentError.

    Made by the email package alone, which takes milliseconds: a `Frame` makes the same in a fraction of one.
    """
    refuse_control("the subject", rendered.subject)
    message = EmailMessage(policy=_POLICY)
    message["From"] = address("from_email", headers.from_email, headers.from_name)
    message["To"] = address("to_email", own.to_email)
    message["Reply-To"] = address("reply_to", headers.reply_to)
    message["Subject"] = rendered.subject
    message["Date"] = own.date
    message["Message-ID"] = own.message_id
    _add_list_headers(message, headers, own)
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    message.set_boundary(BOUNDARY)
    return message.as_bytes()


def address(field: str, spec: str, name: str = "") -> Address:
    """The address, parsed. Raises ContentError, which does not repeat it, when it is not one in plain ASCII."""
    try:
        parsed = Address(name, addr_spec=spec)
    except (
        ValueError,
        IndexError,
        AttributeError,
        MessageError,
    ):  # the package trips over some, such as "0@["
        raise ContentError(f"{field} is not an email address") from None
    if not parsed.username or not parsed.domain or not spec.isascii():
        raise ContentError(f"{field} is not an email address in plain ASCII")
    return parsed


def _add_list_headers(message: EmailMessage, headers: StepHeaders, own: EntrantHeaders) -> None:
    message["List-Id"] = f"{headers.list_name} <{headers.list_id}>"
    message["Feedback-ID"] = headers.feedback_id
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    if headers.purpose == "service":
        message["Auto-Submitted"] = "auto-generated"
    for name, value in (*ways_out(headers.purpose, own), *own.tracking):
        message[name] = value
