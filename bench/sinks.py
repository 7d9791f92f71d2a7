"""Mail servers to measure against, each a process of its own: Postfix's smtp-sink, else a lean one, near or far."""

import contextlib
import multiprocessing
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

from bench import lean_sink

_SPAWN = multiprocessing.get_context("spawn")
_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SMTP_SINK = shutil.which("smtp-sink", path=_PLACES)
SMTP_SOURCE = shutil.which("smtp-source", path=_PLACES)

LEAN = "bench/lean_sink.py"
NAME = "Postfix's smtp-sink" if SMTP_SINK else LEAN
"""What stands for a mail server near by."""


@dataclass(frozen=True)
class Sink:
    """A mail server on loopback that takes everything."""

    name: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        """As EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.port}?tls=none"


@contextlib.contextmanager
def sink() -> Iterator[Sink]:
    """A mail server near by, as fast as there is one."""
    with _smtp_sink(SMTP_SINK) if SMTP_SINK else lean() as made:
        yield made


@contextlib.contextmanager
def lean(*, pipelining: bool = True, delay: float = 0.0) -> Iterator[Sink]:
    """The lean mail server, whose every answer comes `delay` seconds late, which smtp-sink cannot do."""
    with child(lean_sink.serve, delay, pipelining) as (port, pid):
        yield Sink(LEAN, port, pid)


@contextlib.contextmanager
def child(target: Callable[..., None], *args: object) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: the port that it says first, and its process number."""
    ours, theirs = _SPAWN.Pipe()
    process: BaseProcess = _SPAWN.Process(target=target, args=(theirs, *args), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        yield int(ours.recv()), process.pid
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def _smtp_sink(program: str) -> Iterator[Sink]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    options = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *options, f"127.0.0.1:{port}", "100"], start_new_session=True)
    try:
        _wait_for(port)
        yield Sink(NAME, port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError("smtp-sink did not begin to listen within 5 seconds.")
