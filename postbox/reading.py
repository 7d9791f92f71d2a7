"""An email as a person reads it: its parts, its headers, and its HTML made safe to frame."""

import re
from dataclasses import dataclass
from email.message import EmailMessage

from postbox.store import Email, header

_LONGEST_RAW = 200_000  # characters shown on the page; the whole stands behind a link
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
_NEW_TAB = '<base target="_blank">'  # a link in the frame opens beside it: the frame cannot show other pages
_UNREADABLE = (IndexError, ValueError, AttributeError, TypeError, LookupError, AssertionError)

# Messages bring their own inline styles and nothing else: no script, no request to anywhere, no form.
FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dataclass(frozen=True)
class Reading:
    """What the page shows of one email; `html` and `text` are None when it has no such part."""

    subject: str
    author: str
    text: str | None
    has_html: bool
    headers: list[tuple[str, str]]
    raw: str
    raw_is_cut: bool


def read(email: Email) -> Reading:
    """Take an email apart; whatever is malformed shows as far as it can be read."""
    raw = email.raw.decode("utf-8", "replace").replace("\r\n", "\n")
    return Reading(
        subject=email.subject,
        author=header(email.message, "From"),
        text=_body(email.message, "plain"),
        has_html=_body(email.message, "html") is not None,
        headers=[(name, header(email.message, name, nth)) for name, nth in _numbered(email.message.keys())],
        raw=raw[:_LONGEST_RAW],
        raw_is_cut=len(raw) > _LONGEST_RAW,
    )


def framed_html(email: Email) -> str | None:
    """The HTML part for the frame, otherwise as it came; None when there is none."""
    html = _body(email.message, "html")
    if html is None:
        return None
    head = _HEAD.search(html)
    return html[: head.end()] + _NEW_TAB + html[head.end() :] if head else _NEW_TAB + html


def _numbered(names: list[str]) -> list[tuple[str, int]]:
    """Each header's name with how many of that name stand before it."""
    seen: dict[str, int] = {}
    numbered = []
    for name in names:
        nth = seen.get(name.lower(), 0)
        seen[name.lower()] = nth + 1
        numbered.append((name, nth))
    return numbered


def _body(message: EmailMessage, kind: str) -> str | None:
    try:
        part = message.get_body((kind,))
        if not isinstance(part, EmailMessage) or part.get_content_type() != f"text/{kind}":
            return None
    except _UNREADABLE:
        return None
    try:
        return str(part.get_content())
    except _UNREADABLE:  # an unknown charset, or a transfer encoding that is not what it says
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
