"""One message over one connection: its envelope, its body, and what the answers mean for its recipient.

Knows nothing of other messages but the one whose envelope may go behind this body. RFC 5321, RFC 2920.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from campaigns.channels.outcomes import Email, Kind, Outcome, scrub
from campaigns.channels.smtp_connection import Connection, Lost, Steps
from campaigns.channels.smtp_replies import (
    Reply,
    Stage,
    address_fault,
    envelope,
    meaning,
    wire_form,
)

_STAGES = ((Stage.MAIL, 2), (Stage.RCPT, 2), (Stage.DATA, 3))
_DOT_EXPECTED = 2


@dataclass(slots=True)
class Transaction:
    """One try at one message. In seconds, `timeout` is for the envelope's answers, `dot_timeout` for the dot's."""

    connection: Connection
    message: Email
    timeout: float
    dot_timeout: float
    _answers: list[Reply] = field(default_factory=list)
    _reused: bool = False
    body_begun: bool = False

    def run(
        self, following: Callable[[], Email | None], may_begin: Callable[[], bool]
    ) -> Steps[Outcome | None]:
        """Hand the message over. None: nothing of its body has left and it may be tried anew.

        `following` is asked for the message whose envelope may go behind the body, then `may_begin` right before
        the body goes out. Between a body and its answer neither is: an error there would lose the answer.
        """
        try:
            yield from self._ask(monotonic() + self.timeout)
            if not self._welcome():
                return (yield from self._turned_down())
            behind = following()
            if not may_begin():
                self.connection.drop()  # DATA is open for a valid recipient: there is no other way back
                return None
            return (yield from self._finish(behind))
        except Lost as lost:
            return self._lost(lost)

    def _ask(self, deadline: float) -> Steps[None]:
        """Collect the envelope's answers, all of them unless the server closes or the line is lock-step."""
        commands = envelope(self.message, self.connection.features)
        ahead = self.connection.envelope is self.message
        together = self.connection.pipelining
        self._reused = self.connection.transactions > 0
        if not ahead:
            self.connection.envelope = self.message
        self.connection.transactions += 1
        for number, (command, (_, expected)) in enumerate(zip(commands, _STAGES, strict=True)):
            if ahead or (together and number):
                reply = yield from self.connection.answer(deadline)
            else:
                behind = b"".join(commands[1:]) if together else b""
                reply = yield from self.connection.exchange(command, deadline, behind)
            _check_turn(reply, expected)
            self._answers.append(reply)
            if reply.status == 421 or (reply.family != expected and not together):
                return

    def _welcome(self) -> bool:
        return len(self._answers) == len(_STAGES) and self._refusal() is None

    def _refusal(self) -> tuple[Stage, Reply] | None:
        """The first answer that is not the one hoped for: those behind it only follow from it."""
        for reply, (stage, expected) in zip(self._answers, _STAGES, strict=False):
            if reply.family != expected:
                return stage, reply
        return None

    def _finish(self, following: Email | None) -> Steps[Outcome]:
        """Send the body; the next envelope goes behind it in the same write."""
        features = self.connection.features
        behind = b"".join(envelope(following, features)) if following else b""
        self.body_begun = True
        body = wire_form(self.message)
        reply = yield from self.connection.exchange(body, monotonic() + self.dot_timeout, behind)
        _check_turn(reply, _DOT_EXPECTED)
        self.connection.envelope = following
        if reply.family == _DOT_EXPECTED:
            return Outcome(self.message.key, Kind.ACCEPTED, reply.code, provider_ref=reply.queue_id)
        if reply.status == 421:
            self.connection.drop()
        return self._refused(Stage.DOT, reply)

    def _turned_down(self) -> Steps[Outcome | None]:
        refusal = self._refusal()
        assert refusal is not None
        if any(reply.status == 421 for reply in self._answers):
            self.connection.drop()
            if self._answers[0].status == 421 and self._reused:
                return None
        else:
            yield from self._leave(monotonic() + self.timeout)
        return self._refused(*refusal)

    def _refused(self, stage: Stage, reply: Reply) -> Outcome:
        kind, recognised = meaning(stage, reply)
        recipient = self.message.recipient
        detail = scrub(reply.words, recipient, recipient.rpartition("@")[0])
        return Outcome(self.message.key, kind, reply.code, detail, recognised=recognised)

    def _leave(self, deadline: float) -> Steps[None]:
        """End a transaction that was refused; a server that is not in step afterwards is dropped."""
        try:
            in_step = yield from self._left(deadline)
        except Lost:
            in_step = False
        self.connection.envelope = None
        if not in_step:
            self.connection.drop()

    def _left(self, deadline: float) -> Steps[bool]:
        accepted = [reply.family in (2, 3) for reply in self._answers]
        if accepted[2:] == [True]:  # a 354 all the same
            if accepted[1]:
                return False  # a lone dot would send an empty mail to a recipient who was accepted
            return (yield from self.connection.exchange(b".\r\n", deadline)).status != 421
        if any(accepted):
            return (yield from self.connection.exchange(b"RSET\r\n", deadline)).status == 250
        return True

    def _lost(self, lost: Lost) -> Outcome | None:
        self.connection.drop()
        if not self._answers and self._reused:
            return None
        in_doubt = self.body_begun and lost.sent
        return Outcome(self.message.key, Kind.DOUBTFUL if in_doubt else Kind.TRANSIENT, detail=str(lost))


def _check_turn(reply: Reply, expected: int) -> None:
    """When answers have slipped against commands, none of them may be taken for another person's."""
    if reply.family not in (expected, 4, 5):
        raise Lost("The mail server answered out of turn.", sent=True)


def unsendable(message: Email, features: frozenset[str]) -> Outcome | None:
    """Refuse what no server can be asked: bad envelope addresses, which would also let commands in."""
    utf8 = "smtputf8" in features
    if fault := address_fault(message.sender, utf8=utf8):
        return Outcome(message.key, Kind.POLICY, detail=f"Sender: {fault}")
    if fault := address_fault(message.recipient, utf8=utf8) or _missing(message.recipient):
        return Outcome(message.key, Kind.RECIPIENT, detail=fault)
    return None


def _missing(recipient: str) -> str:
    return "" if recipient else "The address is empty."
