"""The link that shows a sent email in a browser: a delivery's token in 22 characters. Pure."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

_LENGTH = 22


def code_of(token: UUID) -> str:
    """The token as it stands in a link."""
    return urlsafe_b64encode(token.bytes).decode().rstrip("=")


def token_of(code: str) -> UUID | None:
    """The token that a link names, None where it can be none of ours."""
    if len(code) != _LENGTH or not code.isascii():
        return None
    try:
        token = UUID(bytes=urlsafe_b64decode(code + "=="))
    except ValueError:
        return None
    return token if code_of(token) == code else None
