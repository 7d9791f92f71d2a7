"""How fast a mail server takes mails that cost nothing to make: Postfix's smtp-source, else a lean client like it."""

import select
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass, field

from bench import sinks
from bench.sinks import Sink

SESSIONS = 4


@dataclass(frozen=True)
class Ceiling:
    """Messages a second, and by which client."""

    per_s: float
    client: str


def measure(sink: Sink, octets: int, count: int = 10_000, runs: int = 7) -> Ceiling:
    """The median of `runs`: `count` mails of that size over four sessions that stay open, one command at a time."""
    client = "smtp-source -d -s 4" if sinks.SMTP_SOURCE else "bench/ceiling.py"
    send = _smtp_source if sinks.SMTP_SOURCE else _send
    rates = []
    for _ in range(runs):
        begun = time.perf_counter()
        send(sink.port, octets, count)
        rates.append(count / (time.perf_counter() - begun))
    return Ceiling(statistics.median(rates), client)


def _smtp_source(port: int, octets: int, count: int) -> None:
    assert sinks.SMTP_SOURCE
    options = ["-d", "-s", str(SESSIONS), "-l", str(octets), "-m", str(count)]
    subprocess.run([sinks.SMTP_SOURCE, *options, f"127.0.0.1:{port}"], check=True)


@dataclass
class _Session:
    """One connection that says the same words again and again, each when the last is answered."""

    socket: socket.socket
    words: tuple[bytes, ...]
    left: int
    said: int = field(default=0)

    def answered(self) -> bool:
        """Reads an answer and says what comes next; False when all is sent."""
        self.socket.recv(4096)
        if self.said == len(self.words):
            self.said, self.left = 0, self.left - 1
        if not self.left:
            self.socket.close()
            return False
        self.socket.sendall(self.words[self.said])
        self.said += 1
        return True


def _send(port: int, octets: int, count: int) -> None:
    body = (b"x" * 70 + b"\r\n") * (octets // 72) + b".\r\n"
    words = (b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b@example.org>\r\n", b"DATA\r\n", body)
    sessions = [_Session(_connected(port), words, count // SESSIONS) for _ in range(SESSIONS)]
    open_ = {session.socket.fileno(): session for session in sessions}
    poll = select.poll()
    for number, session in open_.items():
        poll.register(number, select.POLLIN)
        session.socket.sendall(b"RSET\r\n")
    while open_:
        for number, _ in poll.poll():
            if not open_[number].answered():
                poll.unregister(number)
                del open_[number]


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.recv(4096)
    connection.sendall(b"EHLO bench\r\n")
    connection.recv(4096)
    return connection
