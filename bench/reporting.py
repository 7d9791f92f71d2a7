"""A provider that reports: proven calls to the hook of a station, so many a second, each a report of its own.

In a process of its own, so that it takes nothing from the web processes but the processor."""

import base64
import http
import http.client
import json
import socket
import threading
import time
from multiprocessing.connection import Connection

SECRET = "hook:secret"  # noqa: S105 - of a station that lives for minutes
CALLERS = 16
"""Connections at once, as a provider keeps them."""


def call(pipe: Connection, port: int, rate: float, codes: list[str]) -> None:
    """Calls until it is told to stop; says how many were answered by each status, and how long they took."""
    calling = _Calling(port, rate, codes)
    threads = [threading.Thread(target=calling.run, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    pipe.recv()
    calling.stopped = True
    for thread in threads:
        thread.join()
    seconds = sorted(calling.seconds)
    pipe.send(
        (
            calling.answers,
            time.monotonic() - calling.begun,
            seconds[int(len(seconds) * 0.95)] if seconds else 0.0,
        )
    )


class _Calling:
    def __init__(self, port: int, rate: float, codes: list[str]) -> None:
        self.port, self.rate, self.codes = port, rate, codes
        self.begun = time.monotonic()
        self.stopped = False
        self.answers: dict[int, int] = {}
        self.seconds: list[float] = []
        self.lock = threading.Lock()

    def run(self, caller: int) -> None:
        """One connection: its turns are every `CALLERS / rate` seconds; who is late makes up for it."""
        connection: http.client.HTTPConnection | None = None
        number = caller
        while not self.stopped:
            wait = self.begun + number / self.rate - time.monotonic()
            if wait > 0:
                time.sleep(min(wait, 0.2))
                continue
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            begun = time.monotonic()
            try:
                status = self._call(connection, number)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection, status = None, 0
            with self.lock:
                self.answers[status] = self.answers.get(status, 0) + 1
                self.seconds.append(time.monotonic() - begun)
            if status:
                number += CALLERS  # without an answer a provider calls again

    def _call(self, connection: http.client.HTTPConnection, number: int) -> int:
        body = {
            "RecordType": "Delivery", "MessageID": f"{number:032d}", "Recipient": "r@example.com",
            "DeliveredAt": "2027-08-03T09:00:01Z", "Metadata": {"delivery": self.codes[number % len(self.codes)]},
        }  # fmt: skip
        connection.request("POST", "/hooks/esp/postmark", json.dumps(body), _HEADERS)
        answer = connection.getresponse()
        answer.read()
        return answer.status


_HEADERS = {
    "Content-Type": "application/json",
    "Authorization": f"Basic {base64.b64encode(SECRET.encode()).decode()}",
}


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
