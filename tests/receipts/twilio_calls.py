"""Requests as Twilio makes them, signed with its own library."""

from urllib.parse import urlencode

from django.conf import settings
from twilio.request_validator import RequestValidator
from webhook_cases import Call

ACCOUNT, TOKEN, PREVIOUS = f"AC{'0' * 32}", "token", "token before"


def twilio_call(path: str, fields: dict[str, str], token: str = TOKEN, public_url: str = "") -> Call:
    """A webhook call to `path` with these fields, signed with `token` for the public address."""
    address = (public_url or settings.PUBLIC_URL) + path
    return Call(
        path,
        urlencode(fields).encode(),
        "application/x-www-form-urlencoded",
        {"X-Twilio-Signature": RequestValidator(token).compute_signature(address, fields)},
    )


def status_fields(status: str = "delivered", sid: str = f"SM{'1' * 32}", **more: str) -> dict[str, str]:
    """What a status callback says."""
    return {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "From": "+447700900900",
        "MessageSid": sid,
        "MessageStatus": status,
        "SmsSid": sid,
        "SmsStatus": status,
        "To": "+447700900123",
        **more,
    }
