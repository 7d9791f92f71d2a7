"""Mail servers to measure against, each a process of its own: Postfix's smtp-sink, else the postbox, near or far."""

import asyncio
import contextlib
import multiprocessing
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from postbox import Postbox

_SPAWN = multiprocessing.get_context("spawn")
SMTP_SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")


def name() -> str:
    """What stands for the mail server in this run."""
    return (
        "Postfix smtp-sink"
        if SMTP_SINK
        else "the postbox's SMTP server (Postfix's smtp-sink is not installed)"
    )


@contextlib.contextmanager
def sink(*, pipelining: bool) -> Iterator[int]:
    """A mail server on loopback; gives its port."""
    if SMTP_SINK:
        with _smtp_sink(SMTP_SINK, pipelining) as port:
            yield port
    else:
        with _child(_serve_postbox, pipelining) as port:
            yield port


@contextlib.contextmanager
def far(port: int, round_trip: float) -> Iterator[int]:
    """A way to `port` that holds every byte back for half of `round_trip` (seconds) in each direction."""
    with _child(_serve_delay, port, round_trip / 2) as far_port:
        yield far_port


@contextlib.contextmanager
def _smtp_sink(program: str, pipelining: bool) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    options = [] if pipelining else ["-p"]
    process = subprocess.Popen([program, *options, f"127.0.0.1:{port}", "100"])
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError("smtp-sink did not begin to listen within 5 seconds.")


@contextlib.contextmanager
def _child(target: object, *args: object) -> Iterator[int]:
    ours, theirs = _SPAWN.Pipe()
    process: BaseProcess = _SPAWN.Process(target=target, args=(theirs, *args), daemon=True)  # type: ignore[arg-type]
    process.start()
    try:
        yield int(ours.recv())
    finally:
        process.terminate()
        process.join()


def _serve_postbox(ready: Connection, pipelining: bool) -> None:
    with Postbox(pipelining=pipelining, keep=100) as box:
        ready.send(box.smtp_port)
        time.sleep(3600)


def _serve_delay(ready: Connection, port: int, one_way: float) -> None:
    asyncio.run(_delay(ready, port, one_way))


async def _delay(ready: Connection, port: int, one_way: float) -> None:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            _carry(reader, far_writer, one_way), _carry(far_reader, writer, one_way), return_exceptions=True
        )

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one_way: float) -> None:
    """Pass bytes on in order, each piece when its time has come."""
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    taking = asyncio.create_task(_take(reader, pieces, one_way))
    loop = asyncio.get_running_loop()
    data = b"first"
    while data:
        due, data = await pieces.get()
        await asyncio.sleep(due - loop.time())
        writer.write(data)
    await taking
    writer.close()


async def _take(
    reader: asyncio.StreamReader, pieces: asyncio.Queue[tuple[float, bytes]], one_way: float
) -> None:
    data = b"first"
    while data:
        data = await reader.read(65536)
        pieces.put_nowait((asyncio.get_running_loop().time() + one_way, data))
