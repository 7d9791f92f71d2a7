"""A mail server that takes everything and keeps nothing, as little as asyncio allows: for where smtp-sink is not,
and for where every answer has to come late. Answers only what our clients send, one session as any other."""

import asyncio
from multiprocessing.connection import Connection

FEATURES = b"250-SIZE\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
GREETING, PIPELINING = b"250-sink\r\n", b"250-PIPELINING\r\n"
ANSWERS = {b"QUIT": b"221 Bye\r\n", b"DATA": b"354 Go on\r\n"}
OK = b"250 2.0.0 Ok: queued\r\n"
END = b"\r\n.\r\n"


class Session(asyncio.Protocol):
    """One connection. Each answer comes `delay` seconds after what it answers, as if the server were far away."""

    def __init__(self, delay: float, *, pipelining: bool) -> None:
        self._delay = delay
        self._answers = ANSWERS | {b"EHLO": GREETING + (PIPELINING if pipelining else b"") + FEATURES}
        self._waiting = b""
        self._in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        waiting, answers = self._waiting + data, b""
        while True:
            # The CRLF before a body belongs to its end as well: a body may be empty.
            mark = END if self._in_body else b"\r\n"
            end = waiting.find(mark)
            if end < 0:
                break
            line = waiting[: min(end, 4)].upper()
            waiting = waiting[end + len(mark) :]
            answers += OK if self._in_body else self._answers.get(line, OK)
            self._in_body = not self._in_body and line == b"DATA"
            if self._in_body:
                waiting = b"\r\n" + waiting
        self._waiting = waiting
        if answers:
            self._write(answers)

    def _write(self, answers: bytes) -> None:
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answers)
        else:
            self._transport.write(answers)


def serve(ready: Connection, delay: float, pipelining: bool) -> None:
    """Answers on a free port of this machine, which it sends to `ready`, until the process is ended."""
    asyncio.run(_serve(ready, delay, pipelining))


async def _serve(ready: Connection, delay: float, pipelining: bool) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(delay, pipelining=pipelining), "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()
