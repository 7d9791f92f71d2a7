"""Hand mails to one mail server over connections that stay open, as few round trips a mail as it allows.

Knows nothing of races, journals or the database. Rules: RFC 5321, RFC 2920; a doubt is only what was handed over.
"""

from collections.abc import Callable, Iterable, Iterator

from campaigns.channels.outcomes import AtOnce, Email, MayContinue, Outcome, Turns
from campaigns.channels.smtp_pool import Pool
from campaigns.channels.smtp_sending import Sending
from campaigns.channels.smtp_url import SmtpServer

DOT_TIMEOUT = 600.0
"""Seconds to wait for the answer to a message's final dot (RFC 5321, 4.5.3.2.6)."""


def _unnoted(key: int) -> None:
    """For callers who keep no record of what they hand over."""


class SmtpChannel:
    """Up to `connections` at a time to `server`; used by one thread of one process, created after any fork.

    `reply_timeout` (seconds) is the wait for the envelope's answers together, `dot_timeout` that for the final dot's:
    a server may have taken the message long before it says so, and who does not wait sends it again (RFC 5321,
    4.5.3.2.6 asks for ten minutes). Opening a connection takes a few `connect_timeout`. After
    `per_connection` transactions a connection is renewed. Further ones are opened only when all are busy and more
    messages wait, as many at a time as are open; a server that wants no more of them is left with those it has.

    Where a message's turn has come when the body before it goes out, its envelope goes behind that body: one
    round trip a mail. Else the envelope alone goes in one write, two round trips: a connection must not idle
    with DATA open until a slot comes. A server that does not offer PIPELINING is asked one command at a time.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        connect_timeout: float = 10,
        reply_timeout: float = 60,
        dot_timeout: float = DOT_TIMEOUT,
        per_connection: int = 100,
        connections: int = 1,
    ) -> None:
        self._server = server
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._dot_timeout = dot_timeout
        self._per_connection = per_connection
        self._connections = connections
        self._pool: Pool | None = None

    def send(
        self,
        messages: Iterable[Email],
        may_continue: MayContinue,
        *,
        turns: Turns | None = None,
        handing: Callable[[int], None] = _unnoted,
    ) -> Iterator[Outcome]:
        """Hand over each message in its turn and yield its outcome as soon as it is known.

        `handing` is told a message's key right before its body leaves, and the outcome before that is yielded
        first: of one connection at most one message is handed over without an outcome. More messages may have been
        drawn than have outcomes: those were not handed over. An error of the caller's own code, raised while a
        message is drawn or asked about, is raised here after the answers that were owed by then; a caller who goes
        away leaves in doubt what was handed over. Raises ChannelDown when no connection can be opened: the
        messages without an outcome were not tried.
        """
        if self._pool is None:
            self._pool = Pool(self._server, self._connect_timeout, self._per_connection, self._connections)
        sending = Sending(
            self._pool,
            iter(messages),
            may_continue,
            turns or AtOnce(),
            handing,
            self._reply_timeout,
            self._dot_timeout,
        )
        return sending.outcomes()

    def close(self) -> None:
        """Say goodbye to the mail server, if connected; `send` opens again."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None
