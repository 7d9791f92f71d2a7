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

_ONE_CLICK = "List-Unsubscribe=One-Click"
_LINE_LIMIT = 900  # octets; RFC 5322 allows 998 with the header's name
_LIST_ID_LIMIT = 70  # beyond a line's length the library would write it as encoded words
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_VISIBLE_ASCII = re.compile(r"[!-~]+")


class _VerbatimHeader(UnstructuredHeader, BaseHeader):
    """A header that is written as it stands and folded between members only.

    The standard library writes a word too long for a line as RFC 2047 encoded words; a List-Unsubscribe so
    written is no longer a link (cpython issue 85725).
    """

    max_count = 1

    def fold(self, *, policy: email.policy.Policy) -> str:
        members = str(self).split(", ")
        return f"{self.name}: " + f",{policy.linesep} ".join(members) + policy.linesep


def _policy() -> EmailPolicy[EmailMessage]:
    registry = HeaderRegistry()
    for name in ("message-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id"):
        registry.map_to_type(name, _VerbatimHeader)
    # 76, not 78: the limit of a quoted-printable line, for which the library takes the header limit.
    return email.policy.SMTP.clone(header_factory=registry, max_line_length=76)


_POLICY = _policy()


@dataclass(frozen=True)
class EmailHeaders:
    """All of an email that is not its words. Refuses, with ContentError, what cannot stand in a header."""

    from_name: str
    from_email: str
    to_email: str
    reply_to: str
    message_id: str  # with its angle brackets; made once per delivery, kept by a resend
    date: datetime  # aware
    purpose: str  # service, tips or sponsor
    list_id: str  # "tips.runreigate.example"
    list_name: str  # "Run Reigate tips"
    feedback_id: str  # "campaign:race:stream:sender"
    unsubscribe_url: str = ""  # needed unless the purpose is service
    unsubscribe_mailto: str = ""  # an address
    to_name: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) and _CONTROL.search(value):
                raise ContentError(f"{field.name} holds a line break or control character; take it out")
        self._refuse_bad_words()
        if self.purpose not in PURPOSES:
            raise ContentError(f"purpose must be one of: {', '.join(PURPOSES)}")
        if self.date.utcoffset() is None:
            raise ContentError("date must carry its time zone")
        if self.purpose != "service" and not self.unsubscribe_url.startswith(("https://", "http://")):
            raise ContentError("tips and sponsor emails need unsubscribe_url, starting with https://")

    def _refuse_bad_words(self) -> None:
        """These are written as they stand: plain ASCII, without spaces or the marks that end a member."""
        for name in ("message_id", "list_id", "feedback_id", "unsubscribe_url", "unsubscribe_mailto"):
            value = getattr(self, name)
            bare = value[1:-1] if name == "message_id" else value
            if value and (
                not _VISIBLE_ASCII.fullmatch(bare) or set(bare) & set("<>,") or len(value) > _LINE_LIMIT
            ):
                raise ContentError(
                    f"{name} must be at most {_LINE_LIMIT} plain characters without spaces, <, > or ,"
                )
        if len(self.list_id) > _LIST_ID_LIMIT or set(self.list_name) & set("<>"):
            raise ContentError(f"list_id has at most {_LIST_ID_LIMIT} characters, list_name no < or >")
        if not re.fullmatch(r"<[^@]+@[^@]+>", self.message_id):
            raise ContentError("message_id must look like <something@our.domain>")


def build_email(rendered: RenderedEmail, headers: EmailHeaders) -> bytes:
    """The message as bytes with CRLF line ends, no line over 998 octets. Raises ContentError."""
    if _CONTROL.search(rendered.subject):
        raise ContentError("the subject holds a line break or control character; take it out")
    message = EmailMessage(policy=_POLICY)
    _add_envelope_headers(message, rendered.subject, headers)
    _add_list_headers(message, headers)
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    message.set_boundary(BOUNDARY)
    return message.as_bytes()


def _add_envelope_headers(message: EmailMessage, subject: str, headers: EmailHeaders) -> None:
    message["From"] = _address("from_email", headers.from_name, headers.from_email)
    message["To"] = _address("to_email", headers.to_name, headers.to_email)
    message["Reply-To"] = _address("reply_to", "", headers.reply_to)
    message["Subject"] = subject
    message["Date"] = headers.date
    message["Message-ID"] = headers.message_id


def _address(field: str, name: str, address: str) -> Address:
    try:
        parsed = Address(name, addr_spec=address)
    except (ValueError, IndexError, MessageError):
        raise ContentError(f"{field} is not an email address") from None
    if not parsed.username or not parsed.domain or not address.isascii():
        raise ContentError(f"{field} is not an email address in plain ASCII")
    return parsed


def _add_list_headers(message: EmailMessage, headers: EmailHeaders) -> None:
    message["List-Id"] = f"{headers.list_name} <{headers.list_id}>"
    message["Feedback-ID"] = headers.feedback_id
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    if headers.purpose == "service":
        message["Auto-Submitted"] = "auto-generated"
        return
    message["List-Unsubscribe"] = ", ".join(_ways_out(headers))
    if headers.unsubscribe_url.startswith("https://"):  # RFC 8058, section 3.1: only beside an https link
        message["List-Unsubscribe-Post"] = _ONE_CLICK


def _ways_out(headers: EmailHeaders) -> list[str]:
    mailto = [f"<mailto:{headers.unsubscribe_mailto}>"] if headers.unsubscribe_mailto else []
    return [f"<{headers.unsubscribe_url}>", *mailto]
