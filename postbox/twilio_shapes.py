"""Twilio's side of the contract as data: what a request must say, its errors, and the JSON of a message.

Error codes: https://www.twilio.com/docs/api/errors. Shapes: https://www.twilio.com/docs/messaging/api/message-resource.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from postbox.numbers import E164, Mark, Numbers
from postbox.store import Text

VERSION = "2010-04-01"
LONGEST_BODY = 1600  # characters
LONGEST_VALIDITY = 36_000  # seconds, also the default

_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&.-]{1,11}\Z")
_SHORT_CODE = re.compile(r"\d{3,8}\Z")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}\Z")
_MARKED: dict[Mark, tuple[int, str]] = {
    Mark.BAD: (21211, "Invalid 'To' Phone Number"),
    Mark.LANDLINE: (21635, "'To' number cannot be a landline"),
    Mark.STOPPED: (21610, "Attempt to send to unsubscribed recipient"),
}


@dataclass
class TwilioError(Exception):
    """An answer other than success: HTTP status, Twilio's error code, its sentence."""

    status: int
    code: int
    message: str

    def as_json(self) -> dict[str, Any]:
        """As Twilio words it."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


@dataclass(frozen=True)
class Order:
    """A checked request to send a text; `validity_period` in seconds."""

    to: str
    body: str
    sender: str | None
    service_sid: str | None
    status_callback: str | None
    validity_period: int


def read_order(form: Mapping[str, str], numbers: Numbers) -> Order:
    """Check the form fields of a create. Raises TwilioError as Twilio would answer."""
    to, body = form.get("To", ""), form.get("Body", "")
    sender, service = form.get("From") or None, form.get("MessagingServiceSid") or None
    _check_sender(sender, service)
    _check_recipient(to, numbers)
    if not body:
        raise TwilioError(400, 21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise TwilioError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    return Order(to, body, sender, service, form.get("StatusCallback") or None, _validity(form))


def _check_sender(sender: str | None, service: str | None) -> None:
    if service is not None:
        if not _SERVICE.match(service):
            raise TwilioError(400, 21701, "The Messaging Service does not exist.")
        return
    if sender is None:
        raise TwilioError(400, 21603, "A 'From' phone number is required.")
    if not any(shape.match(sender) for shape in (E164, _SENDER_NAME, _SHORT_CODE)):
        raise TwilioError(400, 21212, "Invalid 'From' Phone Number")


def _check_recipient(to: str, numbers: Numbers) -> None:
    if not to:
        raise TwilioError(400, 21604, "A 'To' phone number is required.")
    mark = numbers.get(to) if E164.match(to) else Mark.BAD
    if mark is not None:
        raise TwilioError(400, *_MARKED[mark])


def _validity(form: Mapping[str, str]) -> int:
    given = form.get("ValidityPeriod", str(LONGEST_VALIDITY))
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= LONGEST_VALIDITY):
        raise TwilioError(400, 90007, "Invalid validity period value")
    return int(given)


def uri(account: str, rest: str) -> str:
    """A path below an account, as Twilio names resources."""
    return f"/{VERSION}/Accounts/{account}/{rest}"


def message_json(text: Text) -> dict[str, Any]:
    """A message as create, fetch and list give it. A service's sender and segments are not known at first."""
    waits_for_service = text.status == "accepted"
    return {
        "account_sid": text.account_sid,
        "api_version": VERSION,
        "body": text.body,
        "date_created": _rfc2822(text.arrived_at),
        "date_sent": _rfc2822(text.sent_at),
        "date_updated": _rfc2822(text.updated_at),
        "direction": "outbound-api",
        "error_code": text.error_code,
        "error_message": None,
        "from": text.sender,
        "messaging_service_sid": text.service_sid,
        "num_media": "0",
        "num_segments": "0" if waits_for_service else str(text.segments),
        "price": None,
        "price_unit": "USD",
        "sid": text.sid,
        "status": text.status,
        "subresource_uris": {"media": uri(text.account_sid, f"Messages/{text.sid}/Media.json")},
        "to": text.to,
        "uri": uri(text.account_sid, f"Messages/{text.sid}.json"),
    }


def _rfc2822(moment: datetime | None) -> str | None:
    return format_datetime(moment) if moment is not None else None
