"""A bounce mail (RFC 3464) read: which message it is about, and what the receiving server said. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message

from campaigns.esp import OWN_HEADER

_FIELDS = 50
"""Recipients looked at: ours have one, and a made-up mail may have thousands."""


_SAID = ("Action", "Status", "Diagnostic-Code", "Remote-MTA")


@dataclass(frozen=True, slots=True)
class Bounce:
    """One report. `action` is "failed", "delayed", "delivered" or another of RFC 3464, 2.3.3; `status` as "5.1.1"."""

    action: str
    status: str
    code: str
    message_id: str
    recipient: str
    said: Mapping[str, str]
    """What the server that gave up said, by field."""


def read(data: bytes) -> Bounce | None:
    """The report in a mail; None where there is none. Never raises for what a mail may hold."""
    try:
        mail = message_from_bytes(data, policy=policy.compat32)
        parts = list(mail.walk())[:_FIELDS]
        report = next((block for part in parts for block in _blocks(part) if block["Action"]), None)
        headers = next((found for part in parts if (found := _returned(part)) is not None), None)
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return None
    if report is None or headers is None:
        return None
    recipient = _word(report, "Original-Recipient") or _word(report, "Final-Recipient")
    return Bounce(
        action=_word(report, "Action").lower(),
        status=_word(report, "Status").partition(" ")[0],
        code=_word(headers, OWN_HEADER),
        message_id=_word(headers, "Message-ID"),
        recipient=recipient.rpartition(";")[2].strip(),
        said={name: _word(report, name) for name in _SAID},
    )


def _blocks(part: Message) -> list[Message]:
    """The fields for each recipient: the email package gives them as messages of their own."""
    if part.get_content_type() != "message/delivery-status" or not part.is_multipart():
        return []
    return [block for block in part.get_payload() if isinstance(block, Message)][:_FIELDS]


def _returned(part: Message) -> Message | None:
    """The headers of the message that bounced, returned whole or alone (RFC 6522)."""
    kind = part.get_content_type()
    if kind == "message/rfc822" and part.is_multipart():
        inner = part.get_payload(0)
        return inner if isinstance(inner, Message) and inner[OWN_HEADER] else None
    if kind in ("text/rfc822-headers", "message/rfc822-headers"):
        body = part.get_payload(decode=True)
        return message_from_bytes(body, policy=policy.compat32) if isinstance(body, bytes) else None
    return None


def _word(message: Message, name: str) -> str:
    value = message[name]
    return " ".join(str(value).split())[:300] if value is not None else ""
