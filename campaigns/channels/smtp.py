"""Hand mails to one mail server over a connection that stays open, as few round trips a mail as it allows.

Knows nothing of races, journals or the database. Rules: RFC 5321, RFC 2920; a doubt is only what was handed over.
"""

from collections.abc import Iterable, Iterator
from time import monotonic

from campaigns.channels.outcomes import Email, MayContinue, Outcome
from campaigns.channels.smtp_connection import Connection, open_connection
from campaigns.channels.smtp_transaction import Transaction, unsendable
from campaigns.channels.smtp_url import SmtpServer

_TRUSTED_IDLE = 30.0
"""Seconds. A firewall may have forgotten a connection idle for longer; only a reply timeout would tell."""


class SmtpChannel:
    """One connection at a time to `server`; used by one thread of one process, created after any fork.

    `reply_timeout` (seconds) is the wait for the envelope's answers together, and again for the final dot's:
    a hand-over takes at most twice that, opening a connection a few `connect_timeout`. After
    `per_connection` transactions the connection is renewed.

    `eager` says that drawing the next message never waits, which is so where no rate is set. Then its envelope
    goes behind the body before it, one round trip a mail. Else the envelope alone goes in one write, two round
    trips: a connection must not idle with DATA open until a slot comes. A server that does not offer PIPELINING
    is asked one command at a time.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        connect_timeout: float = 10,
        reply_timeout: float = 60,
        per_connection: int = 100,
        eager: bool = False,
    ) -> None:
        self._server = server
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._per_connection = per_connection
        self._eager = eager
        self._connection: Connection | None = None

    def send(self, messages: Iterable[Email], may_continue: MayContinue) -> Iterator[Outcome]:
        """Hand over each message and yield its outcome at once, in order.

        Raises ChannelDown when no connection can be opened: the message at hand and the rest were not tried.
        When eager, up to one message more may have been drawn than has an outcome: it was not handed over.
        """
        queue = _Queue(messages)
        try:
            for message in queue:
                outcome = None
                while outcome is None:  # twice at most: a fresh connection always gives an outcome
                    connection = self._ready(may_continue)
                    if connection is None:
                        return
                    outcome = self._hand_over(connection, message, queue, may_continue)
                yield outcome
        finally:
            self._leave_no_data_open()

    def close(self) -> None:
        """Say goodbye to the mail server, if connected; `send` opens again."""
        if self._connection is not None and not self._connection.closed:
            self._connection.quit()
        self._connection = None

    def _ready(self, may_continue: MayContinue) -> Connection | None:
        """Return an open connection, None when told not to continue, also while connecting."""
        if not may_continue():
            return None
        self._renew_when_worn()
        if self._connection is None:
            self._connection = open_connection(self._server, self._connect_timeout)
            if not may_continue():
                self.close()
        return self._connection

    def _renew_when_worn(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if not connection.closed and monotonic() - connection.used_at > _TRUSTED_IDLE:
            connection.drop()
        if connection.closed:
            self._connection = None
        elif connection.envelope is None and connection.transactions >= self._per_connection:
            self.close()

    def _hand_over(
        self, connection: Connection, message: Email, queue: "_Queue", may_continue: MayContinue
    ) -> Outcome | None:
        fault = unsendable(message, connection.features)
        if fault is not None:
            return fault
        transaction = Transaction(connection, message, self._reply_timeout)
        return transaction.run(lambda: self._following(connection, queue), may_continue)

    def _following(self, connection: Connection, queue: "_Queue") -> Email | None:
        """The message whose envelope may go behind the body at hand, if any may."""
        if not (self._eager and connection.pipelining) or connection.transactions >= self._per_connection:
            return None
        message = queue.peek()
        if message is None or unsendable(message, connection.features):
            return None
        return message

    def _leave_no_data_open(self) -> None:
        """After a stop, an error or a caller that went away: an envelope without its body is taken back."""
        if self._connection is not None and self._connection.envelope is not None:
            self._connection.drop()


class _Queue:
    """The messages, with a look at the one to come."""

    def __init__(self, messages: Iterable[Email]) -> None:
        self._rest = iter(messages)
        self._peeked: Email | None = None

    def __iter__(self) -> "_Queue":
        return self

    def __next__(self) -> Email:
        message, self._peeked = self._peeked, None
        return next(self._rest) if message is None else message

    def peek(self) -> Email | None:
        if self._peeked is None:
            self._peeked = next(self._rest, None)
        return self._peeked
