"""What a mail server's answers mean, and the bytes it is sent. Pure: opens no socket.

Reply syntax is RFC 5321 section 4.2, enhanced codes are RFC 3463.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from campaigns.channels.outcomes import Email, Kind


class Stage(Enum):
    """Where in a transaction an answer came."""

    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    DOT = auto()


_LINE = re.compile(rb"(\d{3})(?:[ -](.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_QUEUE_ID = re.compile(r"(?:\bqueued as |\bid=|^Ok:? (?=\S+$))<?([\w.-]{5,})(?![\w@.-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer: basic code, enhanced code or '', and the words without codes."""

    status: int
    enhanced: str
    words: str

    @property
    def code(self) -> str:
        """The codes as they are stored: "550 5.1.1" or "550"."""
        return f"{self.status} {self.enhanced}".rstrip()

    @property
    def family(self) -> int:
        """2 yes, 3 go on, 4 not now, 5 no."""
        return self.status // 100

    @property
    def queue_id(self) -> str:
        """The id under which the server queued the message, '' when it does not say."""
        found = _QUEUE_ID.search(self.words)
        return found.group(1) if found else ""


@lru_cache(maxsize=64)
def parse_reply(lines: tuple[bytes, ...]) -> Reply:
    """Read the lines of one answer, line ends removed. Raises ValueError when it is not an SMTP answer.

    The last few are remembered: most answers of a mail server are the same bytes for everyone.
    """
    matches = [_LINE.fullmatch(line) for line in lines]
    statuses = {match.group(1) for match in matches if match}
    if None in matches or len(statuses) != 1:
        raise ValueError("not an SMTP answer")
    texts = [(match.group(2) or b"").decode("utf-8", "replace") for match in matches if match]
    enhanced = _ENHANCED.match(texts[0])
    words = " ".join(_ENHANCED.sub("", text, count=1) if _ENHANCED.match(text) else text for text in texts)
    return Reply(int(statuses.pop()), enhanced.group(1) if enhanced else "", words)


_SENDER_FAULTS = ("5.1.7", "5.1.8")  # bad *sender* address, which many servers report only at RCPT
_MESSAGE_FAULTS = ("5.2.3", "5.3.4")  # too long for this mailbox, too big for this system
_LOGIN_STATUSES = (530, 534, 535, 538)


def meaning(stage: Stage, reply: Reply) -> tuple[Kind, bool]:
    """Return the kind of a 4xx or 5xx answer and whether its code is one we recognise.

    An unrecognised 5xx is final for one person but says nothing about their address.
    """
    if reply.family == 4:
        return Kind.TRANSIENT, True
    if stage is Stage.MAIL or _is_policy(reply):
        return Kind.POLICY, True
    if reply.enhanced.startswith("5.1.") or reply.enhanced == "5.2.1":
        return Kind.RECIPIENT, True
    if stage is Stage.DOT and _is_about_the_message(reply):
        return Kind.MESSAGE, True
    plain_refusal = stage is Stage.RCPT and not reply.enhanced and reply.status in (550, 551, 553)
    return Kind.RECIPIENT, plain_refusal


def _is_policy(reply: Reply) -> bool:
    return (
        reply.enhanced.startswith("5.7.")
        or reply.enhanced in _SENDER_FAULTS
        or reply.status in _LOGIN_STATUSES
    )


def _is_about_the_message(reply: Reply) -> bool:
    if not reply.enhanced:
        return reply.status in (552, 554)
    return reply.enhanced.startswith("5.6.") or reply.enhanced in _MESSAGE_FAULTS


_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


def address_fault(address: str, *, utf8: bool) -> str:
    """Say why an address cannot stand in an envelope, '' when it can. `utf8`: the server offers SMTPUTF8."""
    if _UNSAFE.search(address):
        return "The address contains a space, a bracket or a control character."
    if not utf8 and not address.isascii():
        return "The address has letters beyond ASCII and the mail server does not offer SMTPUTF8."
    return ""


def mail_command(message: Email, features: frozenset[str]) -> bytes:
    """Return the MAIL line, with 8BITMIME and SMTPUTF8 where needed and offered (RFC 6152, 6531)."""
    options = ""
    if "8bitmime" in features and not message.data.isascii():
        options += " BODY=8BITMIME"
    if "smtputf8" in features and not (message.sender + message.recipient).isascii():
        options += " SMTPUTF8"
    return f"MAIL FROM:<{message.sender}>{options}\r\n".encode()


def rcpt_command(message: Email) -> bytes:
    """Return the RCPT line for the message's one recipient."""
    return f"RCPT TO:<{message.recipient}>\r\n".encode()


def envelope(message: Email, features: frozenset[str]) -> tuple[bytes, bytes, bytes]:
    """Return the MAIL, RCPT and DATA lines of a message."""
    return mail_command(message, features), rcpt_command(message), b"DATA\r\n"


def wire_form(message: Email) -> bytes:
    """Return the whole message as it goes out, with its final dot."""
    return message.data + b".\r\n" if message.plain_lines else body_on_the_wire(message.data)


def body_on_the_wire(data: bytes) -> bytes:
    """Return the whole message with CRLF line ends, dots doubled and the final dot (RFC 5321, 4.5.2).

    Must be given the joined bytes: a line end may fall on a seam between two pieces.
    """
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b"" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n") + b".\r\n"
