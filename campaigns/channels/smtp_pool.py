"""The connections to one mail server: which are free, when another may be opened, and opening it in the background.

Knows nothing of messages. Opening takes several answers and can hang; no connection that works waits for it.
"""

import contextlib
import select
import socket
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic

from campaigns.channels.outcomes import ChannelDown
from campaigns.channels.smtp_connection import Connection, open_connection, settled
from campaigns.channels.smtp_url import SmtpServer

_TRUSTED_IDLE = 30.0
"""Seconds. A firewall may have forgotten a connection idle for longer; only a reply timeout would tell."""

_CONTENT = 60.0
"""Seconds for which a server that refused a further connection is asked for no more than it lets us have."""


@dataclass
class Pool:
    """At most `most` connections to `server`; `per_connection` transactions wear one out."""

    server: SmtpServer
    connect_timeout: float
    per_connection: int
    most: int
    poll: select.poll = field(default_factory=select.poll)
    idle: list[Connection] = field(default_factory=list)
    busy: set[Connection] = field(default_factory=set)
    _openings: list[Future[Connection]] = field(default_factory=list)
    _content_until: float = 0.0

    def __post_init__(self) -> None:
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self.poll.register(self._bell, select.POLLIN)

    def take(self) -> Connection | None:
        """A free connection that can be trusted, if there is one; it is busy from now on."""
        while self.idle:
            connection = self.idle.pop()
            if monotonic() - connection.used_at > _TRUSTED_IDLE or connection.spoke_unasked():
                connection.drop()
            self.busy.add(connection)
            if not connection.closed:
                return connection
            self.give_back(connection)
        return None

    def give_back(self, connection: Connection) -> None:
        """A busy connection is free again, or closed."""
        self.busy.remove(connection)
        if connection.closed:
            self.poll.unregister(connection.number)
        else:
            self.idle.append(connection)

    def look_at(self, number: int) -> None:
        """A free connection has something to read: the server's last words or its end, or what TLS says by itself."""
        for connection in self.idle:
            if connection.number == number and connection.spoke_unasked():
                connection.drop()
                self.poll.unregister(number)
                self.idle.remove(connection)
                return

    def worn(self, connection: Connection) -> bool:
        """Whether a connection has carried its share."""
        return connection.transactions >= self.per_connection

    @property
    def may_open(self) -> bool:
        """Whether one more connection may be asked for: none that the server does not want.

        As many at a time as are open, so that their number doubles with each answer: a server far away would
        otherwise have sent everything before the last of many is open, and a near one is not overrun.
        """
        count, coming = len(self.idle) + len(self.busy), len(self._openings)
        wanted = count + coming < self.most and coming < max(1, count)
        return wanted and (not count or monotonic() >= self._content_until)

    def open(self) -> None:
        """Begin to open a connection; the poll wakes when it is there or failed."""
        opening: Future[Connection] = Future()
        self._openings.append(opening)
        threading.Thread(target=self._open, args=(opening,), daemon=True).start()

    def _open(self, opening: Future[Connection]) -> None:
        try:
            opening.set_result(open_connection(self.server, self.connect_timeout))
        except BaseException as error:
            opening.set_exception(error)
        with contextlib.suppress(OSError):
            self._button.send(b"!")

    def opened(self) -> None:
        """Take in what has been opened. Raises ChannelDown when nothing could be and nothing else is open."""
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)
        ended = [opening for opening in self._openings if opening.done()]
        self._openings = [opening for opening in self._openings if opening not in ended]
        refusal = None
        for opening in ended:
            try:
                self._take_in(opening.result())
            except ChannelDown as down:
                self._content_until, refusal = monotonic() + _CONTENT, down
        if refusal and not self.idle and not self.busy and not self._openings:
            raise refusal

    def _take_in(self, connection: Connection) -> None:
        self.poll.register(connection.number, select.POLLIN)
        self.idle.append(connection)

    def forget_failure(self) -> None:
        """An opening that failed while nobody was waiting for it says nothing about now."""
        with contextlib.suppress(ChannelDown):
            self.opened()

    def rings(self, number: int) -> bool:
        """Whether it is not a connection that woke the poll but the end of an opening."""
        return number == self._bell.fileno()

    def close(self) -> None:
        """Say goodbye on every connection; what is being opened is dropped when it is there."""
        for opening in self._openings:
            opening.add_done_callback(_drop)
        for connection in self.idle:
            settled(connection, connection.quit())
        for connection in self.busy:
            connection.drop()
        self._bell.close()
        self._button.close()


def _drop(opening: Future[Connection]) -> None:
    with contextlib.suppress(Exception):
        opening.result().drop()
