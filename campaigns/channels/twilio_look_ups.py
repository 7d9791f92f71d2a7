"""Asks Twilio what became of texts: one by its sid, or all to a number. Knows nothing of races or the database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, DecimalException
from typing import Any, TypeVar

from requests.exceptions import RequestException
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
)
from twilio.rest import Client  # type: ignore[import-untyped]

from campaigns.channels.twilio_http import TwilioHttp

MOST_TO_A_NUMBER = 200
"""Texts looked through in one search: several seasons of one race."""

_GONE = 404

T = TypeVar("T")


class LookUpFailed(Exception):
    """Twilio did not answer, or not with what was asked for: nothing is known, ask again later."""


@dataclass(frozen=True, slots=True)
class Found:
    """A text as Twilio has it; `code` is '' where nothing went wrong."""

    sid: str
    status: str
    code: str
    body: str
    created_at: datetime | None


class TwilioLookUps:
    """Connections of its own with short timeouts, so that questions never stand in the way of what is sent."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        base_url: str | None = None,
        connect_timeout: float = 3,
        read_timeout: float = 10,
    ) -> None:
        self._http = TwilioHttp(base_url, 1, connect_timeout, read_timeout)
        client = Client(account_sid, auth_token, http_client=self._http)
        self._messages, self._balance = client.messages, client.balance
        self._numbers, self._services = client.incoming_phone_numbers, client.messaging.v1.services

    def text(self, sid: str) -> Found | None:
        """One text, None when Twilio has it no more. Raises LookUpFailed."""
        return _asked(lambda: _found(self._messages(sid).fetch()))

    def texts_to(self, number: str) -> list[Found]:
        """The texts to an E.164 number, however far they have come. Raises LookUpFailed.

        Without DateSent, which a text on its way has not got yet.
        """
        rows = _asked(
            lambda: self._messages.list(to=number, limit=MOST_TO_A_NUMBER, page_size=MOST_TO_A_NUMBER)
        )
        return [_found(row) for row in rows or ()]

    def credit(self) -> tuple[Decimal, str] | None:
        """What is left on the account and in which currency, None where Twilio does not say. Raises LookUpFailed.

        Accounts below another have no balance of their own (Twilio, "Account Balance").
        """
        return _asked(lambda: _credit(self._balance.fetch()))

    def inbound_address(self, sender: str) -> str | None:
        """Where texts to a sender go, None where Twilio does not say; a name takes none. Raises LookUpFailed."""
        if sender.startswith("MG"):
            return _asked(lambda: self._services(sender).fetch().inbound_request_url)
        rows = _asked(lambda: self._numbers.list(phone_number=sender, limit=1)) if sender[:1] == "+" else None
        return rows[0].sms_url if rows else None

    def close(self) -> None:
        """Close the connections."""
        self._http.session.close()


def _asked(act: Callable[[], T]) -> T | None:
    try:
        return act()
    except TwilioRestException as refusal:
        if refusal.status == _GONE:
            return None
        raise LookUpFailed(f"Twilio refused the question ({refusal.code or refusal.status}).") from refusal
    except (TwilioException, RequestException, ValueError, KeyError, TypeError) as error:
        raise LookUpFailed(f"Twilio cannot be asked ({type(error).__name__}).") from error


def _credit(row: Any) -> tuple[Decimal, str] | None:
    try:
        return Decimal(row.balance), str(row.currency or "")
    except (DecimalException, TypeError):
        return None


def _found(row: Any) -> Found:
    return Found(
        sid=str(row.sid),
        status=str(row.status),
        code=str(row.error_code or ""),
        body=row.body or "",
        created_at=row.date_created,
    )
