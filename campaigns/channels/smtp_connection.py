"""One connection to a mail server: opened by smtplib, then bytes out and whole answers in.

Knows nothing of what is in a message and of what an answer means for it.
"""

import contextlib
import math
import select
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from time import monotonic

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


class Lost(Exception):
    """The connection is no longer usable. `sent`: all of the data was written, only its answer is missing."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@dataclass(slots=True)
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
    _buffer: bytearray = field(default_factory=bytearray)

    @property
    def pipelining(self) -> bool:
        """Whether the server takes commands in groups (RFC 2920)."""
        return "pipelining" in self.features

    def exchange(self, data: bytes, deadline: float, behind: bytes = b"") -> Reply:
        """Write `data`, with `behind` in the same go; return the answer to `data` by `deadline` (monotonic).

        Only when no answer is owed: what a server says unasked must never be taken for an answer. When writing
        fails the socket is read to its end first, for an answer given before the reset counts, and closed.
        Raises Lost.
        """
        if self._spoke_unasked():
            raise Lost("The mail server spoke out of turn or closed the connection.", sent=False)
        self.used_at = monotonic()
        written, fault = self._write(data + behind, deadline)
        if not fault:
            return self.answer(deadline)
        try:
            return self.answer(monotonic() + _LAST_WORDS)
        except Lost:
            raise Lost(fault, sent=written >= len(data)) from None
        finally:
            self.drop()

    def answer(self, deadline: float) -> Reply:
        """Return the next complete answer, by `deadline` (monotonic seconds). Raises Lost."""
        lines = [self._line(deadline)]
        while lines[-1][3:4] == b"-" and len(lines) < _MOST_LINES:
            lines.append(self._line(deadline))
        try:
            return parse_reply(lines)
        except ValueError as error:
            raise Lost("The mail server's answer was not SMTP.", sent=True) from error

    def drop(self) -> None:
        """Close the socket without a word."""
        self.closed = True
        self.sock.close()

    def quit(self) -> None:
        """Take leave, waiting for the goodbye no longer than a second, and close."""
        with contextlib.suppress(Lost):
            self.exchange(b"QUIT\r\n", monotonic() + _LAST_WORDS)
        self.drop()

    def _spoke_unasked(self) -> bool:
        """Whether words, or the end of the connection, are here already."""
        if self._buffer:
            return True
        try:
            self._buffer += self.sock.recv(_AT_ONCE)
        except _WOULD_BLOCK:
            return False
        except OSError:
            return True
        return True

    def _write(self, data: bytes, deadline: float) -> tuple[int, str]:
        """Return how many bytes are written, and what went wrong if not all are.

        A piece is no longer than one TLS record: a piece that failed cannot be read by the other side, so the
        count is exact with TLS too.
        """
        view, written = memoryview(data), 0
        while written < len(view):
            try:
                written += self.sock.send(view[written : written + _AT_ONCE])
            except _WOULD_BLOCK as would_block:
                if not self._wait(would_block, select.POLLOUT, deadline):
                    return written, _TOO_LATE
            except OSError:
                return written, _BROKE
        return written, ""

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise Lost("The mail server's answer was too long.", sent=True)
            self._buffer += self._receive(deadline)
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line

    def _receive(self, deadline: float) -> bytes:
        while True:
            try:
                data = self.sock.recv(_AT_ONCE)
            except _WOULD_BLOCK as would_block:
                if not self._wait(would_block, select.POLLIN, deadline):
                    raise Lost(_TOO_LATE, sent=True) from None
                continue
            except OSError as error:
                raise Lost(_BROKE, sent=True) from error
            if not data:
                raise Lost("The mail server closed the connection.", sent=True)
            return data

    def _wait(self, would_block: OSError, direction: int, deadline: float) -> bool:
        """Wait until the socket is ready; False when time is up. TLS may have to write in order to read."""
        if isinstance(would_block, ssl.SSLWantReadError):
            direction = select.POLLIN
        elif isinstance(would_block, ssl.SSLWantWriteError):
            direction = select.POLLOUT
        poll = select.poll()
        poll.register(self.sock, direction)
        left = deadline - monotonic()
        return left > 0 and bool(poll.poll(math.ceil(left * 1000)))


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
    reply = parse_reply([b"%d %s" % (error.smtp_code, b" ".join(text.splitlines()))])
    kind = Kind.TRANSIENT if reply.family == 4 else Kind.POLICY
    words = scrub(reply.words, server.user, server.user.partition("@")[0])
    return ChannelDown(kind, reply.code, f"The mail server refused the connection or login: {words}")
