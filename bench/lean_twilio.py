"""A stand-in for Twilio's API that takes every text, so many milliseconds late, and knows when each came.

As little as asyncio allows: `POST` is a text, `GET` answers with the moments (seconds) of all texts so far.
"""

import asyncio
import json
import re
import time
from multiprocessing.connection import Connection

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Exchange(asyncio.Protocol):
    """One connection that stays open; requests come one after the other."""

    def __init__(self, latency: float, came: list[float]) -> None:
        self._latency, self._came = latency, came
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        head, end, body = self._waiting.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        if not end or len(body) < length:
            return
        self._waiting = body[length:]
        if head.startswith(b"GET"):
            self._transport.write(_answer("200 OK", self._came))
        else:
            self._came.append(time.monotonic())
            words = _answer("201 Created", {"sid": f"SM{len(self._came):032x}", "status": "queued"})
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, words)


def _answer(status: str, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def serve(ready: Connection, latency: float) -> None:
    """Answers on a free port of this machine, which it sends to `ready`, until the process is ended."""
    asyncio.run(_serve(ready, latency))


async def _serve(ready: Connection, latency: float) -> None:
    came: list[float] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(latency, came), "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()
