"""The SMTP server: bytes in, replies out, bodies stored, faults played. What to answer is the dialogue's part."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field

from postbox.faults import Due, Fault, Faults
from postbox.smtp_dialogue import Dialogue, SmtpSettings, Turn
from postbox.store import Store
from postbox.wire import Wire

_LONGEST_LINE = 12_288  # RFC 4954, 4: what AUTH may need
_TERMINATOR = b"\r\n.\r\n"
_LAST_IN_A_GROUP = frozenset(("ehlo", "data", "no_recipients", "starttls", "auth", "prompt"))
_NO_RECIPIENTS = b"554 5.5.1 No valid recipients\r\n"


@dataclass(eq=False)
class SmtpServer:
    """What all sessions share. `connections` counts those opened since the start."""

    store: Store
    faults: Faults
    settings: SmtpSettings
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    connections: int = 0
    sessions: set["SmtpSession"] = field(default_factory=set)

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Start serving; the port is free again once the answer is closed and `drop_all` was called."""
        return await asyncio.get_running_loop().create_server(
            lambda: SmtpSession(self), host, port, ssl=self.tls if self.implicit_tls else None, backlog=512
        )

    def drop_all(self) -> None:
        """Cut every connection."""
        for session in list(self.sessions):
            session.cut()


class SmtpSession(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._dialogue = Dialogue(server.settings)
        self._wire: Wire
        self._buffer = bytearray()
        self._body = _Body(server.settings.size_limit)
        self._dot_without_recipients = _NO_RECIPIENTS
        self._deaf = False  # nothing more is read: closing or playing dead
        self._upgrade: asyncio.Task[None] | None = None  # while it runs, what comes is kept for later

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._wire = Wire(transport, asyncio.get_running_loop())
        self._dialogue.encrypted = self._server.implicit_tls
        self._server.sessions.add(self)
        self._server.connections += 1
        self._play(Turn("greeting", b"220 postbox ESMTP\r\n"))
        self._wire.flush()

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection; a message without its dot is gone."""
        self._deaf = True
        self._wire.stop()
        self._server.sessions.discard(self)

    def cut(self) -> None:
        """Close without a word."""
        self._deaf = True
        if self._upgrade is not None:
            self._upgrade.cancel()
        self._wire.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came and answer every complete line or body in it, in order, in one write."""
        if self._deaf:
            return
        self._buffer += data
        while self._buffer and not self._deaf and self._upgrade is None and self._advance():
            pass
        self._wire.flush()

    def _advance(self) -> bool:
        return self._take_body() if self._dialogue.expects_body else self._take_line()

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_LINE:
                self._say_and_close(b"500 5.5.2 Line too long\r\n")
            return False
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        turn = self._dialogue.line(line)
        if self._buffer and self._must_wait(turn):
            self._say_and_close(b"503 5.5.0 Improper pipelining: wait for the answer\r\n")
            return False
        self._play(turn)
        return True

    def _must_wait(self, turn: Turn) -> bool:
        """Whether the client had to read this answer before it wrote on (RFC 2920, 3.1)."""
        return not self._server.settings.pipelining or turn.stage in _LAST_IN_A_GROUP

    def _take_body(self) -> bool:
        raw = self._body.take(self._buffer)
        if raw is None:
            return False
        envelope = self._dialogue.envelope
        assert envelope is not None
        recipients = tuple(envelope.recipients)
        # The transaction ends with the dot, whatever the answer to it.
        self._dialogue.close_transaction()
        if self._body.was_too_big:
            self._play(Turn("dot", b"552 5.3.4 Message too big\r\n", recipients=envelope.everyone))
        elif not recipients:
            self._play(Turn("dot", self._dot_without_recipients, recipients=envelope.everyone))
        else:
            self._accept(envelope.sender, recipients, raw)
        return True

    def _accept(self, sender: str, recipients: tuple[str, ...], raw: bytes) -> None:
        def keep() -> None:
            self._server.store.add_emails(list(recipients), sender, raw)

        self._play(Turn("dot", b"250 2.0.0 OK: it is in the postbox\r\n", keep, recipients))
        if not self._deaf:
            self._play_between(recipients)

    def _play_between(self, recipients: tuple[str, ...]) -> None:
        due = self._server.faults.take("smtp", "between", recipients)
        if due.deed is not None:
            self._do(due.deed, Turn("between", b""), due)

    def _play(self, turn: Turn) -> None:
        due = self._server.faults.take("smtp", turn.stage, turn.recipients)
        if due.deed is not None:
            self._do(due.deed, turn, due)
            return
        turn.effect()
        self._answer(turn.reply, due)
        if self._dialogue.has_quit:
            self._close()
        elif self._dialogue.wants_tls:
            self._wire.then(self._begin_tls)

    def _do(self, fault: Fault, turn: Turn, due: Due) -> None:
        if fault.kept:
            turn.effect()
        elif turn.stage == "rcpt" and self._dialogue.envelope is not None:
            self._dialogue.envelope.refused += turn.recipients
        if fault.kind == "refuse":
            self._answer(_reply(fault), due)
        elif fault.kind == "go_ahead":
            self._go_ahead(fault, due)
        if fault.kind == "hang":
            self._deaf = True
        elif fault.kind == "close" or fault.code == 421 or turn.stage in ("greeting", "between"):
            self._close()

    def _go_ahead(self, fault: Fault, due: Due) -> None:
        """354 to DATA even though no recipient was taken, as RFC 2920, 3.1 warns that servers do."""
        self._dot_without_recipients = _NO_RECIPIENTS if fault.code is None else _reply(fault)
        self._dialogue.go_ahead()
        self._answer(b"354 End with <CR><LF>.<CR><LF>\r\n", due)

    def _answer(self, reply: bytes, due: Due) -> None:
        if not due.answer:
            self._wire.reply(reply)
            return
        if (seconds := due.seconds("slow")) is not None:
            self._wire.pause(seconds)
        if (seconds := due.seconds("split")) is not None:
            self._wire.reply_split(reply, seconds or 0.001)
        elif (seconds := due.seconds("merge")) is not None:
            self._wire.reply_merged(reply, seconds or 0.05)
        else:
            self._wire.reply(reply)

    def _say_and_close(self, reply: bytes) -> None:
        self._wire.reply(reply)
        self._close()

    def _close(self) -> None:
        self._deaf = True
        self._wire.then(self._wire.transport.close)

    def _begin_tls(self) -> None:
        self._wire.transport.pause_reading()  # the client's hello must not reach this protocol in the clear
        self._buffer.clear()  # nor may a command sent in the clear be obeyed as if it were encrypted
        self._upgrade = asyncio.get_running_loop().create_task(self._start_tls())

    async def _start_tls(self) -> None:
        tls = self._server.tls
        assert tls is not None
        transport = None
        with contextlib.suppress(OSError):  # a client that does not trust us hangs up: its own affair
            transport = await asyncio.get_running_loop().start_tls(
                self._wire.transport, self, tls, server_side=True
            )
        if transport is None:
            self.connection_lost(None)
            return
        self._wire.transport = transport
        self._dialogue.start_over()
        self._upgrade = None
        self.data_received(b"")  # an early EHLO may already be here


class _Body:
    """Finds the end of a body that comes in pieces; holds back nothing but what is needed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._searched = 0
        self._dropped = False
        self.was_too_big = False

    def take(self, buffer: bytearray) -> bytes | None:
        """Remove a complete body from the buffer and return it unstuffed; None while it is incomplete."""
        if not self._dropped and buffer.startswith(b".\r\n"):
            return self._finish(buffer, 0, 3)
        end = buffer.find(_TERMINATOR, self._searched)
        if end >= 0:
            return self._finish(buffer, end + 2, end + len(_TERMINATOR))
        if len(buffer) > self._limit + len(_TERMINATOR):
            del buffer[: 1 - len(_TERMINATOR)]
            self._dropped = True
        self._searched = max(0, len(buffer) - len(_TERMINATOR) + 1)
        return None

    def _finish(self, buffer: bytearray, end: int, after: int) -> bytes:
        raw = bytes(buffer[:end])
        del buffer[:after]
        self.was_too_big = self._dropped or len(raw) > self._limit
        self._searched, self._dropped = 0, False
        return _unstuffed(raw)


def _unstuffed(raw: bytes) -> bytes:
    """Without the dot that the client put before each line that began with one (RFC 5321, 4.5.2)."""
    return raw.replace(b"\r\n.", b"\r\n").removeprefix(b".")


def _reply(fault: Fault) -> bytes:
    """The fault's answer; several lines of text make a reply of several lines."""
    lines = fault.text.splitlines() or [""]
    marks = ["-"] * (len(lines) - 1) + [" "]
    return "".join(f"{fault.code}{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()
