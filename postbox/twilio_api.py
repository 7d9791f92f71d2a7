"""Twilio's Messages API over HTTP: create, list, fetch and delete, with faults."""

import asyncio
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from aiohttp import BasicAuth, hdrs, web

from postbox.callbacks import Progress
from postbox.faults import Fault, Faults
from postbox.numbers import Numbers
from postbox.store import Store, Text
from postbox.twilio_list import list_json
from postbox.twilio_shapes import VERSION, Order, TwilioError, message_json, read_order

_STILL_THERE = 0.1  # seconds between looks at whether a client that gets no answer is gone
_USUAL_ERRORS = {401: 20003, 403: 20005, 404: 20404, 429: 20429}


class TwilioApi:
    """One account's messages; `login` is (account sid, auth token) and is demanded when set."""

    def __init__(
        self,
        store: Store,
        faults: Faults,
        numbers: Numbers,
        progress: Progress,
        login: tuple[str, str] | None,
    ) -> None:
        self._store, self._faults, self._numbers, self._progress = store, faults, numbers, progress
        self._login = login

    def routes(self) -> list[web.RouteDef]:
        """Its addresses, as Twilio's."""
        messages = f"/{VERSION}/Accounts/{{account}}/Messages"
        return [
            web.post(f"{messages}.json", self._create),
            web.get(f"{messages}.json", self._list, allow_head=False),
            web.get(f"{messages}/{{sid}}.json", self._fetch, allow_head=False),
            web.delete(f"{messages}/{{sid}}.json", self._delete),
            web.get(f"/{VERSION}/Accounts/{{account}}/Balance.json", self._balance, allow_head=False),
        ]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}

        def accept() -> web.Response:
            account, token = self._authorise(request)
            text = self._store.add_text(partial(_new_text, account, read_order(form, self._numbers)))
            answer = web.json_response(message_json(text), status=201)
            self._progress.follow(text, token)
            return answer

        return await self._play(request, "create", form.get("To", ""), accept)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        due = self._faults.take("twilio", "list", [request.query.get("To", "")])
        lag = due.seconds("lag") or 0.0

        def find() -> web.Response:
            account, _ = self._authorise(request)
            now = datetime.now(UTC)
            old = [
                text for text in self._store.newest_texts() if (now - text.arrived_at).total_seconds() >= lag
            ]
            return web.json_response(list_json(old, account, request.query))

        return await self._carry_out(request, due.deed, due.seconds("slow"), find)

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        return await self._play(
            request,
            "fetch",
            self._recipient(request),
            lambda: web.json_response(message_json(self._text(request))),
        )

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        def delete() -> web.Response:
            text = self._text(request)
            if text.status != "delivered":
                raise TwilioError(409, 20009, "Cannot delete this resource before it is complete")
            text.deleted = True
            return web.Response(status=204)

        return await self._carry_out(request, None, None, delete)

    async def _balance(self, request: web.Request) -> web.StreamResponse:
        def tell() -> web.Response:
            account, _ = self._authorise(request)
            return web.json_response({"account_sid": account, "balance": "500.00", "currency": "GBP"})

        return await self._carry_out(request, None, None, tell)

    def _text(self, request: web.Request) -> Text:
        account, _ = self._authorise(request)
        text = self._store.text(request.match_info["sid"])
        if text is None or text.deleted or text.account_sid != account:
            raise TwilioError(404, 20404, f"The requested resource {request.path} was not found")
        return text

    def _recipient(self, request: web.Request) -> str:
        text = self._store.text(request.match_info["sid"])
        return text.to if text is not None else ""

    def _authorise(self, request: web.Request) -> tuple[str, str]:
        """The account and the token that signs its callbacks: as configured, else as the client gives it."""
        account = request.match_info["account"]
        given = _basic_auth(request)
        if self._login is None:
            return account, given[1]
        wanted = (account, *self._login)
        if not _same(wanted, (self._login[0], *given)):
            raise TwilioError(401, 20003, "Authenticate")
        return account, self._login[1]

    async def _play(
        self, request: web.Request, stage: str, recipient: str, act: Callable[[], web.Response]
    ) -> web.StreamResponse:
        due = self._faults.take("twilio", stage, [recipient])
        return await self._carry_out(request, due.deed, due.seconds("slow"), act)

    async def _carry_out(
        self, request: web.Request, fault: Fault | None, slow: float | None, act: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """Act, unless the fault stands in the way; answer, as late and as wrongly as the faults say."""
        try:
            answer = act() if fault is None or fault.kept else web.Response()
        except TwilioError as error:
            answer, fault = _error(error), None
        await asyncio.sleep(slow or 0)
        if fault is None:
            return answer
        if fault.kind == "refuse":
            assert fault.code is not None
            code = fault.error or _USUAL_ERRORS.get(fault.code, 20500 if fault.code >= 500 else 20001)
            return _error(TwilioError(fault.code, code, fault.text))
        while fault.kind == "hang" and request.transport is not None:
            await asyncio.sleep(_STILL_THERE)
        if request.transport is not None:
            request.transport.abort()
        return answer


def _new_text(account: str, order: Order, number: int) -> Text:
    now = datetime.now(UTC)
    return Text(
        number=number,
        sid=f"SM{secrets.token_hex(16)}",
        account_sid=account,
        to=order.to,
        sender=order.sender if order.service_sid is None else None,
        service_sid=order.service_sid,
        body=order.body,
        status="accepted" if order.service_sid else "queued",
        status_callback=order.status_callback,
        validity_period=order.validity_period,
        arrived_at=now,
        updated_at=now,
    )


def _basic_auth(request: web.Request) -> tuple[str, str]:
    try:
        given = BasicAuth.decode(request.headers.get(hdrs.AUTHORIZATION, ""), encoding="utf-8")
    except ValueError:
        return "", ""
    return given.login, given.password


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return hmac.compare_digest("\0".join(one).encode(), "\0".join(other).encode())


def _error(error: TwilioError) -> web.Response:
    return web.json_response(error.as_json(), status=error.status)
