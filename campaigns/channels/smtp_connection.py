"""One connection to a mail server: opened by smtplib, then bytes out and whole answers in.

Knows nothing of what is in a message and of what an answer means for it. What has to wait for the socket is written as
steps: it yields each wait, so that one thread serves many connections. `settled` runs the steps of one alone.
"""

import contextlib
import math
import select
import smtplib
import socket
import ssl
from collections.abc import Generator
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias, TypeVar

from campaigns.channels.outcomes import ChannelDown, Email, Kind, scrub
from campaigns.channels.smtp_replies import Reply, parse_reply
from campaigns.channels.smtp_url import SmtpServer, Tls

_LONGEST_LINE = 4096
_MOST_LINES = 100
_LAST_WORDS = 1.0  # seconds: what a server said before a reset is already here, or it never comes
_AT_ONCE = 16384  # bytes: the longest TLS record (RFC 8446, 5.1)
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_TOO_LATE = "The mail server did not answer in time."
_BROKE = "The connection to the mail server broke."

Wait: TypeAlias = tuple[int, float]
"""What a step waits for: the socket to be ready (POLLIN or POLLOUT), until a monotonic moment."""

T = TypeVar("T")
Steps: TypeAlias = Generator[Wait, bool, T]
"""Yields its waits, is sent whether the socket was ready in time, and returns its result."""


class Lost(Exception):
    """The connection is no longer usable. `sent`: all of the data was written, only its answer is missing."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@dataclass(slots=True, eq=False)
class Connection:
    """An open, greeted and logged-in connection over a non-blocking socket.

    `envelope` is the message whose MAIL, RCPT and DATA are on the wire while its body is not.
    """

    sock: socket.socket
    features: frozenset[str]
    transactions: int = 0
    used_at: float = field(default_factory=monotonic)
    envelope: Email | None = None
    closed: bool = False
    number: int = field(init=False)
    pipelining: bool = field(init=False)
    _buffer: bytearray = field(default_factory=bytearray)
    _lines: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.number = self.sock.fileno()
        self.pipelining = "pipelining" in self.features  # commands may come in groups (RFC 2920)

    def exchange(self, data: bytes, deadline: float, behind: bytes = b"") -> Steps[Reply]:
        """Write `data`, with `behind` in the same go; return the answer to `data` by `deadline` (monotonic).

        Only when no answer is owed: what a server says unasked must never be taken for an answer. When writing
        fails the socket is read to its end first, for an answer given before the reset counts, and closed.
        Raises Lost.
        """
        if self.spoke_unasked():
            raise Lost("The mail server spoke out of turn or closed the connection.", sent=False)
        self.used_at = monotonic()
        written, fault = yield from self._write(data + behind, deadline)
        if not fault:
            return (yield from self.answer(deadline))
        try:
            return (yield from self.answer(monotonic() + _LAST_WORDS))
        except Lost:
            raise Lost(fault, sent=written >= len(data)) from None
        finally:
            self.drop()

    def answer(self, deadline: float) -> Steps[Reply]:
        """Return the next complete answer, by `deadline` (monotonic seconds). Raises Lost."""
        while not self._complete():
            yield from self._receive(deadline)
        lines, self._lines = self._lines, []
        try:
            return parse_reply(tuple(lines))
        except ValueError as error:
            raise Lost("The mail server's answer was not SMTP.", sent=True) from error

    def drop(self) -> None:
        """Close the socket without a word."""
        self.closed = True
        self.sock.close()

    def quit(self) -> Steps[None]:
        """Take leave, waiting for the goodbye no longer than a second, and close."""
        with contextlib.suppress(Lost):
            yield from self.exchange(b"QUIT\r\n", monotonic() + _LAST_WORDS)
        self.drop()

    def spoke_unasked(self) -> bool:
        """Whether words, or the end of the connection, are here although no answer is owed."""
        if self._buffer or self._lines:
            return True
        try:
            self._buffer += self.sock.recv(_AT_ONCE)
        except _WOULD_BLOCK:
            return False
        except OSError:
            return True
        return True

    def _write(self, data: bytes, deadline: float) -> Steps[tuple[int, str]]:
        """Return how many bytes are written, and what went wrong if not all are.

        A piece is no longer than one TLS record: a piece that failed cannot be read by the other side, so the
        count is exact with TLS too.
        """
        view, written = memoryview(data), 0
        while written < len(view):
            try:
                written += self.sock.send(view[written : written + _AT_ONCE])
            except _WOULD_BLOCK as would_block:
                if not (yield _direction(would_block, select.POLLOUT), deadline):
                    return written, _TOO_LATE
            except OSError:
                return written, _BROKE
        return written, ""

    def _complete(self) -> bool:
        """Take lines from the buffer; True when they are a whole answer. Raises Lost."""
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._lines.append(line)
            if line[3:4] != b"-" or len(self._lines) >= _MOST_LINES:
                return True
        if len(self._buffer) > _LONGEST_LINE:
            raise Lost("The mail server's answer was too long.", sent=True)
        return False

    def _receive(self, deadline: float) -> Steps[None]:
        direction = select.POLLIN
        while True:
            # What TLS has decrypted already is not on the socket, and no poll tells of it.
            if not _decrypted(self.sock) and not (yield direction, deadline):
                raise Lost(_TOO_LATE, sent=True)
            try:
                data = self.sock.recv(_AT_ONCE)
            except _WOULD_BLOCK as would_block:
                direction = _direction(would_block, select.POLLIN)
                continue
            except OSError as error:
                raise Lost(_BROKE, sent=True) from error
            if not data:
                raise Lost("The mail server closed the connection.", sent=True)
            self._buffer += data
            return


def _decrypted(sock: socket.socket) -> bool:
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _direction(would_block: OSError, plainly: int) -> int:
    """What to wait for: TLS may have to write in order to read, and the other way round."""
    if isinstance(would_block, ssl.SSLWantReadError):
        return select.POLLIN
    return select.POLLOUT if isinstance(would_block, ssl.SSLWantWriteError) else plainly


def settled(connection: Connection, steps: Steps[T]) -> T:
    """Run the steps of one connection to their end, blocking at each wait."""
    poll = select.poll()
    try:
        direction, deadline = next(steps)
        while True:
            poll.register(connection.sock, direction)
            left = max(0.0, deadline - monotonic())
            direction, deadline = steps.send(bool(poll.poll(math.ceil(left * 1000))))
    except StopIteration as end:
        result: T = end.value
        return result


def open_connection(server: SmtpServer, timeout: float) -> Connection:
    """Connect, greet, encrypt and log in; `timeout` in seconds is for each of these steps.

    Raises ChannelDown: TRANSIENT for the network and 4xx answers, POLICY for what a person must change
    (5xx answers, a login or certificate that is refused, a server without the STARTTLS or AUTH asked for).
    """
    smtp: smtplib.SMTP | None = None
    try:
        smtp = _connect(server, timeout)
        _greet(smtp, server)
    except (smtplib.SMTPException, OSError) as error:
        if smtp is not None:
            smtp.close()
        raise _down(error, server) from error
    return _take_over(smtp)


def _connect(server: SmtpServer, timeout: float) -> smtplib.SMTP:
    # A given local name keeps smtplib from a reverse look-up that can take seconds; _greet corrects it.
    if server.tls is Tls.IMPLICIT:
        context = ssl.create_default_context(cafile=server.cafile)
        return smtplib.SMTP_SSL(server.host, server.port, "localhost", timeout=timeout, context=context)
    return smtplib.SMTP(server.host, server.port, "localhost", timeout=timeout)


def _greet(smtp: smtplib.SMTP, server: SmtpServer) -> None:
    smtp.local_hostname = _own_name(smtp)
    smtp.ehlo_or_helo_if_needed()
    if server.tls is Tls.STARTTLS:
        code, words = smtp.starttls(context=ssl.create_default_context(cafile=server.cafile))
        if code != 220:
            raise smtplib.SMTPResponseException(code, words)
        smtp.ehlo_or_helo_if_needed()
    if server.user:
        smtp.login(server.user, server.password)


def _own_name(smtp: smtplib.SMTP) -> str:
    """The host's full name, else its address on this connection as a literal (RFC 5321, 4.1.3)."""
    name = socket.gethostname()
    if "." in name or smtp.sock is None:
        return name
    address = smtp.sock.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _take_over(smtp: smtplib.SMTP) -> Connection:
    """Keep the socket alone: smtplib would close it on an error before the last words are read."""
    sock, smtp.sock = smtp.sock, None
    if sock is None:
        raise ChannelDown(Kind.TRANSIENT, "", "The mail server closed the connection after the greeting.")
    if smtp.file is not None:
        smtp.file.close()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return Connection(sock, frozenset(smtp.esmtp_features))


def _down(error: Exception, server: SmtpServer) -> ChannelDown:
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return ChannelDown(Kind.TRANSIENT, "", "The mail server closed the connection before it was ready.")
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error, server)
    if isinstance(error, smtplib.SMTPException):
        return ChannelDown(
            Kind.POLICY, "", "The mail server does not offer the TLS or login EMAIL_URL asks for."
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return ChannelDown(
            Kind.POLICY, "", f"The mail server's certificate is not valid: {error.verify_message}."
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return ChannelDown(
            Kind.POLICY, "", "The mail server does not speak TLS as EMAIL_URL asks: check tls= and port."
        )
    return ChannelDown(Kind.TRANSIENT, "", "The mail server cannot be reached.")


def _refused(error: smtplib.SMTPResponseException, server: SmtpServer) -> ChannelDown:
    raw = error.smtp_error
    text = raw if isinstance(raw, bytes) else str(raw).encode()
    if not 400 <= error.smtp_code <= 599:
        return ChannelDown(Kind.TRANSIENT, "", "The mail server's greeting was not SMTP.")
    reply = parse_reply((b"%d %s" % (error.smtp_code, b" ".join(text.splitlines())),))
    kind = Kind.TRANSIENT if reply.family == 4 else Kind.POLICY
    words = scrub(reply.words, server.user, server.user.partition("@")[0])
    return ChannelDown(kind, reply.code, f"The mail server refused the connection or login: {words}")
