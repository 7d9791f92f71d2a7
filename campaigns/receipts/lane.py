"""gunicorn's worker, with a lane for providers that report. It must not know what a report says.

A provider reports hundreds of times a second, on connections that it keeps. With a thread for each call, most of what
one costs is the change between threads. In the lane one thread takes all that have come, at a stretch and with one
commit. It looks at a call and leaves it on its connection until all is committed: what is out of the common run (half a
call, two in one, an error) is then still there for a thread of the pool, which decides as if there were no lane.
"""

import io
import logging
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections, connection
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from gunicorn.http.wsgi import create  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from campaigns.receipts import storing

REPORTS = ("/hooks/esp/", "/hooks/twilio/status/")
"""Addresses of calls that may come hundreds of times a second, and of which nothing is done but to store them."""

PAUSE = 0.05
"""Seconds from one group of several calls to the next. Who calls alone is answered at once; of hundreds a second each
waits up to so long for the others, which is nothing to a provider (Twilio gives us 15 s)."""

IDLE = 1.0
"""Seconds without a call after which a connection leaves the lane."""

LOOKS_UP = 0.5
"""Seconds after which the lane sees who is idle and whether its worker ends, though nobody calls."""

MOST = 32 * 1024
"""Bytes of a call in the lane, its head included; reports have some hundred."""

logger = logging.getLogger(__name__)


class Worker(ThreadWorker):  # type: ignore[misc]
    """A connection that has brought a report waits for its next call in the lane."""

    def run(self) -> None:
        self._lane = Lane(self)
        threading.Thread(target=self._lane.run, name="lane", daemon=True).start()
        super().run()

    def handle(self, conn: TConn) -> Any:
        """In a thread of the pool; True where the connection is kept for another call."""
        conn.reports = False
        kept = super().handle(conn)
        conn.reports &= kept is True and not conn.parser.unreader.buf.getvalue()
        return kept

    def handle_request(self, req: Any, conn: TConn) -> Any:
        conn.reports = req.path.startswith(REPORTS)
        return super().handle_request(req, conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """In the main thread, after a call."""
        if self.alive and conn.reports:
            self._lane.join(conn)
        else:
            super().finish_request(conn, fs)

    def leave(self, conn: TConn, keep: bool) -> None:
        """Out of the lane, from any thread: kept open like every other connection, or closed."""
        ended: Future[bool] = Future()
        ended.set_result(keep)
        self.method_queue.defer(super().finish_request, conn, ended)


@dataclass(slots=True)
class _Call:
    """One call that is there whole; `size` in bytes."""

    conn: TConn
    request: Any
    body: bytes
    size: int
    answer: bytes = b""
    closes: bool = False


class Lane:
    """Takes what comes on its connections by the group."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._selector = selectors.DefaultSelector()
        self._conns: set[TConn] = set()

    def join(self, conn: TConn) -> None:
        """From any thread: epoll takes a connection while another thread waits."""
        conn.sock.setblocking(False)
        conn.called_at = time.monotonic()
        self._conns.add(conn)
        self._selector.register(conn.sock, selectors.EVENT_READ, conn)

    def run(self) -> None:
        """Until the worker ends, as it must without its lane: gunicorn then starts another."""
        try:
            while self._worker.alive:
                self._go_on()
        except Exception:
            logger.exception("The lane is broken.")
        self._worker.handle_exit(None, None)
        self._let_go(float("inf"))
        connection.close()

    def _go_on(self) -> None:
        """After a group of several the next is begun no sooner than `PAUSE` after it."""
        ready = [key.data for key, _ in self._selector.select(LOOKS_UP)]
        begun = time.monotonic()
        self._take(ready)
        self._let_go(begun)
        if len(ready) > 1:
            time.sleep(max(0.0, begun + PAUSE - time.monotonic()))

    def _let_go(self, now: float) -> None:
        """The idle leave, to be closed when their time is up; in the end all."""
        for conn in list(self._conns):
            if now - conn.called_at > IDLE:
                self._leave(conn)

    def _leave(self, conn: TConn, keep: bool = True) -> None:
        self._forget(conn)
        self._worker.leave(conn, keep)

    def _hand_on(self, conn: TConn) -> None:
        """To a thread of the pool, with what has come on it."""
        self._forget(conn)
        self._worker.enqueue_req(conn)

    def _forget(self, conn: TConn) -> None:
        self._selector.unregister(conn.sock)
        self._conns.remove(conn)

    def _take(self, conns: Sequence[TConn]) -> None:
        calls = [call for conn in conns if (call := self._whole(conn)) is not None]
        for conn in {*conns} - {call.conn for call in calls}:
            self._hand_on(conn)
        close_old_connections()
        try:
            with storing.gathered():
                for call in calls:
                    self._ask(call)
        except Exception as error:
            # Its words may be somebody's.
            logger.warning("%d reports were not stored at a stretch: %s.", len(calls), type(error).__name__)
            for call in calls:
                self._hand_on(call.conn)
        else:
            for call in calls:
                self._answer(call)

    def _whole(self, conn: TConn) -> _Call | None:
        """The call that has come, if it is exactly one, whole, and a report."""
        try:
            said = conn.sock.recv(MOST, socket.MSG_PEEK)
            parser = RequestParser(self._worker.cfg, [said], conn.client)
            request = next(parser)
            body = request.body.read()
            length = dict(request.headers).get("CONTENT-LENGTH")
            whole = length == str(len(body)) and not parser.unreader.take_buffered()
        except Exception:
            return None
        reports = request.path.startswith(REPORTS)
        return _Call(conn, request, body, len(said)) if whole and reports else None

    def _ask(self, call: _Call) -> None:
        """What Django answers, asked past what it does around each request: that is done once for a group."""
        said = _Said()
        response, environ = create(call.request, said, call.conn.client, call.conn.server, self._worker.cfg)
        environ |= {"wsgi.input": io.BytesIO(call.body), "wsgi.multithread": True}
        given = self._worker.wsgi.get_response(WSGIRequest(environ))
        response.start_response(f"{given.status_code} {given.reason_phrase}", list(given.items()))
        response.write(given.content)
        response.close()
        call.answer, call.closes = b"".join(said), response.should_close()

    def _answer(self, call: _Call) -> None:
        """Only now the call is taken from its connection."""
        try:
            call.conn.sock.recv(call.size)
            sent = call.conn.sock.send(call.answer)
        except OSError:
            sent = 0
        if call.closes or sent < len(call.answer):
            self._leave(call.conn, keep=False)
        else:
            call.conn.called_at = time.monotonic()


class _Said(list[bytes]):
    """In the place of a socket: keeps an answer until it may be given."""

    def sendall(self, data: bytes) -> None:
        self.append(data)

    send = sendall
