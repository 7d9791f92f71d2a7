"""JSON for scripts and tests: what has arrived, how many, faults and marked numbers."""

import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from postbox.faults import Faults, read_fault
from postbox.numbers import Numbers
from postbox.store import Email, Store, Text

_MOST = 1000
_DEFAULT = 100


class Api:
    """The scripts' addresses: /api/…, /faults and /numbers."""

    def __init__(self, store: Store, faults: Faults, numbers: Numbers) -> None:
        self._store, self._faults, self._numbers = store, faults, numbers

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/api/emails", self._emails),
            web.get("/api/emails/{number:\\d+}/raw", self._raw),
            web.get("/api/texts", self._texts),
            web.get("/api/counts", self._counts),
            web.delete("/api/messages", self._clear),
            web.get("/faults", self._list_faults),
            web.post("/faults", self._add_fault),
            web.delete("/faults", self._clear_faults),
            web.get("/numbers", self._list_numbers),
            web.post("/numbers", self._mark_number),
            web.delete("/numbers", self._clear_numbers),
        ]

    async def _emails(self, request: web.Request) -> web.Response:
        emails = self._store.emails(whole(request, "after", 0), _limit(request))
        return web.json_response({"emails": [_email_json(email) for email in emails]})

    async def _texts(self, request: web.Request) -> web.Response:
        texts = self._store.texts(whole(request, "after", 0), _limit(request))
        return web.json_response({"texts": [_text_json(text) for text in texts]})

    async def _raw(self, request: web.Request) -> web.Response:
        email = self._store.email(int(request.match_info["number"]))
        if email is None:
            return _refuse("There is no such email, or it is no longer kept.", 404)
        return web.Response(body=email.raw, content_type="message/rfc822")

    async def _counts(self, _: web.Request) -> web.Response:
        return web.json_response(self._store.counts())

    async def _clear(self, _: web.Request) -> web.Response:
        self._store.clear()
        return web.Response(status=204)

    async def _list_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [asdict(fault) for fault in self._faults]})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = self._faults.put(read_fault(await _json(request)))
        except ValueError as error:
            return _refuse(str(error))
        return web.json_response(asdict(fault), status=201)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return web.Response(status=204)

    async def _list_numbers(self, _: web.Request) -> web.Response:
        return web.json_response({"numbers": self._numbers.all()})

    async def _mark_number(self, request: web.Request) -> web.Response:
        try:
            data = await _json(request)
            if not isinstance(data, dict) or not isinstance(data.get("number"), str):
                raise ValueError('Send {"number": "+447700900123", "mark": "stopped"}.')
            self._numbers.mark(data["number"], data.get("mark"))
        except ValueError as error:
            return _refuse(str(error))
        return web.json_response({"numbers": self._numbers.all()})

    async def _clear_numbers(self, _: web.Request) -> web.Response:
        self._numbers.clear()
        return web.Response(status=204)


def whole(request: web.Request, name: str, default: int) -> int:
    """A whole number from the query. Raises HTTPBadRequest with one sentence."""
    given = request.query.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise web.HTTPBadRequest(text=f"{name} must be a whole number.")
    return int(given)


def _limit(request: web.Request) -> int:
    return min(whole(request, "limit", _DEFAULT), _MOST)


async def _json(request: web.Request) -> Any:
    # Insisting on the type keeps other sites' forms out: a browser asks before it sends JSON elsewhere.
    if request.content_type != "application/json":
        raise ValueError("Send JSON with Content-Type: application/json.")
    try:
        return await request.json()
    except json.JSONDecodeError:
        raise ValueError("This is not JSON.") from None


def _refuse(sentence: str, status: int = 400) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


def _email_json(email: Email) -> dict[str, Any]:
    return {
        "number": email.number,
        "recipient": email.recipient,
        "sender": email.sender,
        "subject": email.subject,
        "message_id": email.message_id,
        "size": len(email.raw),
        "arrived_at": email.arrived_at.isoformat(),
    }


def _text_json(text: Text) -> dict[str, Any]:
    return {
        "number": text.number,
        "sid": text.sid,
        "to": text.to,
        "from": text.sender,
        "messaging_service_sid": text.service_sid,
        "body": text.body,
        "segments": text.segments,
        "status": text.status,
        "status_callback": text.status_callback,
        "validity_period": text.validity_period,
        "arrived_at": text.arrived_at.isoformat(),
    }
