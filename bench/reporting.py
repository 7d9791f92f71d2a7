"""A provider that reports: proven calls to the hook of a station, so many a second, each a report of its own.

In a process of its own, so that it takes nothing from the web processes but the processor."""

import base64
import contextlib
import http
import http.client
import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

SECRET = "hook:secret"  # noqa: S105 - of a station that lives for minutes
CALLERS = 64
"""Connections at once, as a provider keeps them: where a call is 100 ms on its way, 500 a second are 50 at once."""


@dataclass(frozen=True)
class Called:
    """What came of the calls. Times in seconds; `cpu` is the caller's own."""

    answers: dict[int, int]
    seconds: float
    p95: float
    cpu: float


def call(pipe: Pipe, port: int, rate: float, codes: list[str]) -> None:
    """Calls until it is told to stop; sends what came of it, as `Called`.

    One thread and the bytes of a call, nothing more: a provider's own machines bear the rest of its cost elsewhere.
    """
    calling = _Calling(port, rate, codes)
    while not pipe.poll():
        calling.go_on()
    pipe.recv()
    pipe.send(calling.ended())


class _Calling:
    """Connections that stay open, each with at most one call on its way; call n is due after n / rate seconds."""

    def __init__(self, port: int, rate: float, codes: list[str]) -> None:
        self.port, self.rate, self.codes = port, rate, codes
        self.begun, self.cpu_begun = time.monotonic(), time.process_time()
        self.next = 0
        self.again: list[int] = []
        self.free: list[socket.socket] = []
        self.busy: dict[socket.socket, tuple[int, float]] = {}
        self.selector = selectors.DefaultSelector()
        self.answers: Counter[int] = Counter()
        self.seconds: list[float] = []

    def go_on(self) -> None:
        """Starts what is due, and takes in what is answered."""
        while len(self.busy) < CALLERS and (number := self._due()) is not None:
            self._start(number)
        for key, _ in self.selector.select(0.01):
            self._take(key.fileobj)

    def ended(self) -> Called:
        """The end, once what is on its way has its answer."""
        while self.busy:
            for key, _ in self.selector.select(30):
                self._take(key.fileobj)
        took = sorted(self.seconds)
        p95 = took[int(len(took) * 0.95)] if took else 0.0
        cpu = time.process_time() - self.cpu_begun
        return Called(dict(self.answers), time.monotonic() - self.begun, p95, cpu)

    def _due(self) -> int | None:
        if self.again:
            return self.again.pop()
        if self.next / self.rate > time.monotonic() - self.begun:
            return None
        self.next += 1
        return self.next - 1

    def _start(self, number: int) -> None:
        connection = self.free.pop() if self.free else self._opened()
        self.busy[connection] = number, time.monotonic()
        with contextlib.suppress(OSError):  # it is read next, and found closed
            connection.sendall(_request(number, self.codes[number % len(self.codes)]))

    def _opened(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.selector.register(connection, selectors.EVENT_READ)
        return connection

    def _take(self, connection: Any) -> None:
        """An answer, or the end of a connection: then the call is made once more, as a provider does."""
        try:
            said = connection.recv(4096)
        except OSError:
            said = b""
        number, begun = self.busy.pop(connection, (None, 0.0))
        if number is not None:
            status = int(said[9:12]) if said else 0
            self.answers[status] += 1
            self.seconds.append(time.monotonic() - begun)
            if not said:
                self.again.append(number)
        if said and b"close" not in said:
            self.free.append(connection)
            return
        if connection in self.free:
            self.free.remove(connection)
        self.selector.unregister(connection)
        connection.close()


def _request(number: int, code: str) -> bytes:
    body = (
        f'{{"RecordType": "Delivery", "MessageID": "{number:032d}", "Recipient": "r{number}@example.com",'
        f' "DeliveredAt": "2027-08-03T09:00:01Z", "Metadata": {{"delivery": "{code}"}}}}'
    )
    return f"{_HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()


_HEAD = (
    "POST /hooks/esp/postmark HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    f"Authorization: Basic {base64.b64encode(SECRET.encode()).decode()}\r\n"
)


def wait_for(port: int) -> None:
    """Waits until the web processes answer: their start is not what is measured."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    raise TimeoutError("The web processes did not start: nothing was measured.")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
