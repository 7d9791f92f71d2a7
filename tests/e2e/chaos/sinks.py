"""The mail server and the Twilio of a chaos run: processes of their own that can be killed and come back.

What they have answered for stands in their files; nothing else is believed about what arrived.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postbox import Email, Text
from postbox.arrivals import read

ROOT = Path(__file__).resolve().parents[3]
PORTS = range(20_000, 30_000)
"""Below those that a kernel gives to outgoing connections: a client that calls a dead server must not meet itself."""


@dataclass
class Sink:
    """One postbox process that serves mail and texts; of each only one is used."""

    file: Path
    faults: Sequence[dict[str, Any]] = ()
    smtp_port: int = 0
    http_port: int = 0
    process: subprocess.Popen[bytes] | None = None
    _read: int = 0
    _arrived: int = 0

    def __post_init__(self) -> None:
        self.smtp_port, self.http_port = free_ports(2)

    def start(self) -> None:
        """Serves, again with all that it has answered for, and plays its faults anew."""
        ports = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port)]
        with self.file.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "postbox", *ports, "--file", str(self.file)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._wait()
        for fault in self.faults:
            self.play(**fault)

    def _wait(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{self.url}/api/counts", timeout=5).close()
                return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(f"The postbox does not answer: see {self.file.with_suffix('.log')}.")

    def play(self, **fault: Any) -> None:
        """Sets a fault; its words are those of `postbox.Fault`."""
        request = urllib.request.Request(
            f"{self.url}/faults", json.dumps(fault).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=5).close()

    def heal(self) -> None:
        """Everything works again."""
        urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/faults", method="DELETE"), timeout=5
        ).close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def stop(self) -> None:
        """Ends it at once."""
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def arrived(self) -> int:
        """How many messages it has answered for, counted from its file."""
        if self.file.exists():
            with self.file.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            self._read += len(new)
            self._arrived += new.count(b"\n")
        return self._arrived


@dataclass
class Sinks:
    """Both, named as a `Station` asks for them."""

    folder: Path
    mail_faults: Sequence[dict[str, Any]] = ()
    text_faults: Sequence[dict[str, Any]] = ()
    mail: Sink = field(init=False)
    twilio: Sink = field(init=False)

    def __post_init__(self) -> None:
        self.mail = Sink(self.folder / "mail.arrived", self.mail_faults)
        self.twilio = Sink(self.folder / "twilio.arrived", self.text_faults)

    def __enter__(self) -> "Sinks":
        self.mail.start()
        self.twilio.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mail.stop()
        self.twilio.stop()

    @property
    def email_url(self) -> str:
        return f"smtp://127.0.0.1:{self.mail.smtp_port}"

    @property
    def twilio_base_url(self) -> str:
        return self.twilio.url

    def each_email(self) -> Iterator[Email]:
        """Every mail that was answered for, in order of arrival, one at a time: all at once may not fit."""
        return (one for one in read(self.mail.file) if isinstance(one, Email))

    @property
    def emails(self) -> list[Email]:
        """The same, at once."""
        return list(self.each_email())

    @property
    def texts(self) -> list[Text]:
        """Every text that was answered for, in order of arrival."""
        return [one for one in read(self.twilio.file) if isinstance(one, Text)]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, and no two alike."""
    found: set[int] = set()
    while len(found) < count:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return list(found)
