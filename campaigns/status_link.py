"""The address at which Twilio reports on one attempt: `<delivery's token>.<claim number>`. Pure."""

from uuid import UUID

from campaigns import attempt_code

RETRIES = "#rc=3&rp=all"
"""Twilio tries a callback three times more, whatever went wrong, and neither signs nor sends this part
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides)."""


def address(public_url: str, token: UUID, attempt: int) -> str:
    """The StatusCallback of an attempt."""
    return f"{public_url}/hooks/twilio/status/{attempt_code.code_of(token, attempt)}{RETRIES}"
