"""What a person answers to a text: handed to the application's webhook as Twilio does, signed, and kept to be shown.

Words that Twilio itself acts on (https://help.twilio.com/articles/223134027) close or open the number here as well.
"""

import secrets
import threading
import xml.etree.ElementTree as ET
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from yarl import URL

from postbox.callbacks import POOL_NUMBER, Progress
from postbox.numbers import E164, Mark, Numbers
from postbox.segments import count_segments
from postbox.store import Store, Text
from postbox.twilio_shapes import VERSION

KEEP = 50
"""Replies kept for each number."""

LONGEST = 1600
"""Characters of a text."""

_STOPS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
_STARTS = frozenset({"start", "yes", "unstop"})
_STOPPED = "You have successfully been unsubscribed. You will not receive any more messages from this number."
_STARTED = "You have successfully been re-subscribed to messages from this number."


@dataclass(eq=False)
class Reply:
    """One text from a phone; `outcome` is the webhook's status, or why there is none."""

    body: str
    arrived_at: datetime
    outcome: str = ""
    answers: list[str] = field(default_factory=list)
    """What came back to the phone: from Twilio itself, and as TwiML."""


class Replies:
    """Replies by number, and the way to send one. `url` is the application's webhook on this machine; None: none."""

    def __init__(self, store: Store, numbers: Numbers, progress: Progress, url: str | None) -> None:
        self._store, self._numbers, self._progress, self.url = store, numbers, progress, url
        self._lock = threading.Lock()
        self._by_number: dict[str, deque[Reply]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Its one address: a form of the page, or JSON of a script."""
        return [web.post("/replies", self._take)]

    def to(self, number: str) -> list[Reply]:
        """Kept replies from a number, oldest first."""
        with self._lock:
            return list(self._by_number.get(number, ()))

    async def _take(self, request: web.Request) -> web.Response:
        # A form of another site would be the browser's, not the person's.
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise web.HTTPForbidden(text="Replies come from this postbox's own page.")
        is_form = request.content_type != "application/json"
        given: Any = await (request.post() if is_form else request.json())
        number, body = str(given.get("number", "")), str(given.get("body", "")).strip()[:LONGEST]
        texts = self._store.conversation(number)
        if not body or not E164.match(number) or not texts:
            raise web.HTTPBadRequest(text="A reply needs words, and a number that has got a text.")
        reply = await self.send(texts[-1], body)
        if is_form:
            raise web.HTTPSeeOther(str(URL("/").with_query(number=number).with_fragment("phone")))
        return web.json_response({"outcome": reply.outcome, "answers": reply.answers}, status=201)

    async def send(self, text: Text, body: str) -> Reply:
        """Answers a text with these words."""
        reply = Reply(body, datetime.now(UTC))
        with self._lock:
            self._by_number.setdefault(text.to, deque(maxlen=KEEP)).append(reply)
        self._obey(text.to, reply)
        if self.url is None:
            reply.outcome = "no webhook is set"
            return reply
        reply.outcome, said = await self._progress.post(self.url, _fields(text, body), text.account_sid)
        reply.answers += _messages(said)
        return reply

    def _obey(self, number: str, reply: Reply) -> None:
        """Twilio's own block: it answers, and the application hears of it all the same."""
        word = reply.body.lower()
        if word in _STOPS:
            self._numbers.mark(number, Mark.STOPPED)
            reply.answers.append(_STOPPED)
        elif word in _STARTS and self._numbers.get(number) == Mark.STOPPED:
            self._numbers.mark(number, None)
            reply.answers.append(_STARTED)


def _fields(text: Text, body: str) -> dict[str, str]:
    """https://www.twilio.com/docs/messaging/guides/webhook-request."""
    sid = f"SM{secrets.token_hex(16)}"
    return {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": text.account_sid,
        "From": text.to,
        "To": text.sender or POOL_NUMBER,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": str(count_segments(body)),
        "SmsStatus": "received",
        "ApiVersion": VERSION,
    }


def _messages(twiml: str) -> list[str]:
    try:
        answer = ET.fromstring(twiml)  # noqa: S314 - of an application on this machine
        return ["".join(message.itertext()) for message in answer.iter("Message")]
    except ET.ParseError:
        return []
