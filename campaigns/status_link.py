"""The address at which Twilio reports on one attempt: `<delivery's token>.<claim number>`. Pure."""

from uuid import UUID

from campaigns import view_link

RETRIES = "#rc=3&rp=all"
"""Twilio tries a callback three times more, whatever went wrong, and neither signs nor sends this part
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides)."""


def address(public_url: str, token: UUID, attempt: int) -> str:
    """The StatusCallback of an attempt."""
    return f"{public_url}/hooks/twilio/status/{view_link.code_of(token)}.{attempt}{RETRIES}"


def read(path: str) -> tuple[UUID, int] | None:
    """Token and attempt of the last part of such an address; None for what was never made here."""
    code, _, number = path.partition(".")
    token = view_link.token_of(code)
    if token is None or not (number.isascii() and number.isdigit()) or len(number) > 6:
        return None
    return token, int(number)
