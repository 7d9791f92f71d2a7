"""Moves each accepted text on to sent and delivered, and tells its StatusCallback so, as Twilio does.

Calls loopback addresses only: nothing that arrives here may make this machine call another.
"""

import asyncio
import ipaddress
from collections.abc import Coroutine
from datetime import UTC, datetime

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from yarl import URL

from postbox.numbers import Numbers
from postbox.store import Text
from postbox.twilio_shapes import VERSION

POOL_NUMBER = "+447700900000"  # what a Messaging Service sends from, in Ofcom's range for drama
_TIMEOUT = ClientTimeout(total=15)  # seconds: Twilio's own limit
_AT_ONCE = 50
_LONGEST_ANSWER = 64 * 1024  # bytes


class Progress:
    """The life of texts after they were accepted; each status comes `delay` seconds after the one before."""

    def __init__(self, delay: float, numbers: Numbers) -> None:
        self._delay, self._numbers = delay, numbers
        self._tokens: dict[str, str] = {}  # by account: what its webhooks are signed with
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: ClientSession

    async def open(self) -> None:
        """Call before the first text."""
        connector = TCPConnector(limit=_AT_ONCE)
        self._session = ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=False)

    async def close(self) -> None:
        """Leave every text where it is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def follow(self, text: Text, token: str) -> None:
        """Move a text on in the background; `token` signs its callbacks."""
        self._tokens[text.account_sid] = token
        self._keep(self._move_on(text))

    def _keep(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _move_on(self, text: Text) -> None:
        for step in ("sent", "delivered"):
            await asyncio.sleep(self._delay)
            code = self._numbers.undelivered(text.to) if step == "delivered" else None
            status = "undelivered" if code else step
            text.status, text.error_code, text.updated_at = status, code, datetime.now(UTC)
            if status == "sent":
                text.sent_at = text.updated_at
                text.sender = text.sender or POOL_NUMBER
            if text.status_callback:
                outcome, _ = await self.post(text.status_callback, _fields(text), text.account_sid)
                text.reports.append((status, outcome))

    async def post(self, address: str, fields: dict[str, str], account: str) -> tuple[str, str]:
        """Calls a webhook, signed for the account: the answer's status, or why there is none, and its body."""
        url = address.partition("#")[0]  # the fragment sets Twilio's retries and is neither signed nor sent
        if not is_loopback(url):
            return "refused: not a loopback address", ""
        signature = RequestValidator(self._tokens.get(account, "")).compute_signature(url, fields)
        try:
            async with self._session.post(
                URL(url, encoded=True),
                data=fields,
                headers={"X-Twilio-Signature": signature},
                allow_redirects=False,
            ) as answer:
                return str(answer.status), (await answer.content.read(_LONGEST_ANSWER)).decode(
                    errors="replace"
                )
        except (ClientError, TimeoutError, OSError, ValueError):
            return "no answer", ""


def is_loopback(url: str) -> bool:
    """Whether an http(s) URL names this machine: a loopback address or localhost."""
    try:
        parts = URL(url, encoded=True)
        if parts.scheme not in ("http", "https") or not parts.host:
            return False
        return parts.host == "localhost" or ipaddress.ip_address(parts.host).is_loopback
    except ValueError:
        return False


def _fields(text: Text) -> dict[str, str]:
    fields = {
        "MessageSid": text.sid,
        "SmsSid": text.sid,
        "MessageStatus": text.status,
        "SmsStatus": text.status,
        "To": text.to,
        "From": text.sender or "",
        "AccountSid": text.account_sid,
        "ApiVersion": VERSION,
    }
    if text.error_code:
        fields["ErrorCode"] = str(text.error_code)
    if text.service_sid:
        fields["MessagingServiceSid"] = text.service_sid
    return fields
