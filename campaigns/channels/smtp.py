"""Hand mails to one mail server, one transaction at a time, over a connection that stays open.

Knows nothing of races, journals or the database. Rules: RFC 5321, and a doubt is only what was handed over.
"""

from collections.abc import Iterable, Iterator
from time import monotonic

from campaigns.channels.outcomes import Email, Kind, MayContinue, Outcome, scrub
from campaigns.channels.smtp_connection import Connection, Lost, open_connection
from campaigns.channels.smtp_replies import (
    Reply,
    Stage,
    address_fault,
    body_on_the_wire,
    mail_command,
    meaning,
    rcpt_command,
)
from campaigns.channels.smtp_url import SmtpServer

_TRUSTED_IDLE = 30.0
"""Seconds. A firewall may have forgotten a connection idle for longer; only a reply timeout would tell."""

_EXPECTED = {Stage.MAIL: 2, Stage.RCPT: 2, Stage.DATA: 3, Stage.DOT: 2}


class SmtpChannel:
    """One connection at a time to `server`; used by one thread of one process, created after any fork.

    `reply_timeout` (seconds) is the wait for the envelope's answers together, and again for the final dot's:
    a hand-over takes at most twice that, opening a connection a few `connect_timeout`. After
    `per_connection` transactions the connection is renewed.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        connect_timeout: float = 10,
        reply_timeout: float = 60,
        per_connection: int = 100,
    ) -> None:
        self._server = server
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._per_connection = per_connection
        self._connection: Connection | None = None

    def send(self, messages: Iterable[Email], may_continue: MayContinue) -> Iterator[Outcome]:
        """Hand over each message and yield its outcome at once.

        Raises ChannelDown when no connection can be opened: the message at hand and the rest were not tried.
        """
        for message in messages:
            outcome = None
            while outcome is None:  # twice at most: a fresh connection always gives an outcome
                connection = self._ready(may_continue)
                if connection is None:
                    return
                outcome = self._hand_over(connection, message)
            yield outcome

    def close(self) -> None:
        """Say goodbye to the mail server, if connected; `send` opens again."""
        if self._connection is not None:
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
        if self._connection is None:
            return
        if monotonic() - self._connection.used_at > _TRUSTED_IDLE:
            self._drop()
        elif self._connection.transactions >= self._per_connection:
            self.close()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None

    def _hand_over(self, connection: Connection, message: Email) -> Outcome | None:
        """Run one transaction. None: an idle connection had ended, nothing of the message has left."""
        fault = _unsendable(message, connection)
        if fault is not None:
            return fault
        reused = connection.transactions > 0
        connection.transactions += 1
        stage, deadline = Stage.MAIL, monotonic() + self._reply_timeout
        try:
            for stage, data in _steps(message, connection.features):
                if stage is Stage.DOT:
                    deadline = monotonic() + self._reply_timeout
                reply = connection.exchange(data, deadline)
                if reply.family != _EXPECTED[stage]:
                    return self._turned_down(message, stage, reply, reused, deadline)
        except Lost as lost:
            return self._lost(message, stage, lost, reused)
        return Outcome(message.key, Kind.ACCEPTED, reply.code, provider_ref=reply.queue_id)

    def _lost(self, message: Email, stage: Stage, lost: Lost, reused: bool) -> Outcome | None:
        self._drop()
        if stage is Stage.MAIL and reused:
            return None
        in_doubt = stage is Stage.DOT and lost.sent
        return Outcome(message.key, Kind.DOUBTFUL if in_doubt else Kind.TRANSIENT, detail=str(lost))

    def _turned_down(
        self, message: Email, stage: Stage, reply: Reply, reused: bool, deadline: float
    ) -> Outcome | None:
        if reply.family not in (4, 5):
            # Answers have slipped against commands: none of them may be taken for another person's.
            return self._lost(
                message, stage, Lost("The mail server answered out of turn.", sent=True), reused
            )
        if reply.status == 421:
            self._drop()
            if stage is Stage.MAIL and reused:
                return None
        elif stage in (Stage.RCPT, Stage.DATA):
            self._reset(deadline)
        kind, recognised = meaning(stage, reply)
        detail = scrub(reply.words, message.recipient, message.recipient.rpartition("@")[0])
        return Outcome(message.key, kind, reply.code, detail, recognised=recognised)

    def _reset(self, deadline: float) -> None:
        """Leave the transaction; a server that answers anything but yes (a late 354, say) is dropped."""
        if self._connection is None:
            return
        try:
            in_step = self._connection.exchange(b"RSET\r\n", deadline).status == 250
        except Lost:
            in_step = False
        if not in_step:
            self._drop()


def _steps(message: Email, features: frozenset[str]) -> Iterator[tuple[Stage, bytes]]:
    yield Stage.MAIL, mail_command(message, features)
    yield Stage.RCPT, rcpt_command(message)
    yield Stage.DATA, b"DATA\r\n"
    yield Stage.DOT, body_on_the_wire(message.data)


def _unsendable(message: Email, connection: Connection) -> Outcome | None:
    """Refuse what no server can be asked: bad envelope addresses, which would also let commands in."""
    utf8 = "smtputf8" in connection.features
    if fault := address_fault(message.sender, utf8=utf8):
        return Outcome(message.key, Kind.POLICY, detail=f"Sender: {fault}")
    if fault := address_fault(message.recipient, utf8=utf8) or _missing(message.recipient):
        return Outcome(message.key, Kind.RECIPIENT, detail=fault)
    return None


def _missing(recipient: str) -> str:
    return "" if recipient else "The address is empty."
