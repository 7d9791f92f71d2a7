"""What an SMTP server answers to each command (RFC 5321 and its extensions). Sees no socket and no faults.

A command gives a `Turn`: the reply, and the effect that holds only if that reply is really given.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_RECIPIENTS = 1000

_PATH = re.compile(rb'\s*<((?:"(?:[^"\\]|\\.)*"|[^>"\s])*)>(?:\s+(.*))?$', re.DOTALL)


@dataclass(frozen=True)
class SmtpSettings:
    """What this server offers; sizes in bytes, `login` is (user, password) and is demanded when set."""

    pipelining: bool = True
    starttls: bool = False
    size_limit: int = 35 * 1024 * 1024
    login: tuple[str, str] | None = None


def _nothing() -> None:
    """The effect of a command that changes nothing."""


class Turn(NamedTuple):
    """One reply, at a stage that faults may name, about some recipients, and what it brings about."""

    stage: str
    reply: bytes
    effect: Callable[[], object] = _nothing
    recipients: tuple[str, ...] = ()


@dataclass(slots=True)
class Envelope:
    """A transaction between MAIL and the answer to its dot."""

    sender: str
    utf8: bool
    recipients: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def everyone(self) -> tuple[str, ...]:
        """Recipients named in it, taken or refused."""
        return (*self.recipients, *self.refused)


class Dialogue:
    """The state of one connection and its answers."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self.envelope: Envelope | None = None
        self.encrypted = False
        self.expects_body = False
        self.wants_tls = False
        self.has_quit = False
        self._greeted = False
        self._logged_in = False
        self._continue: Callable[[bytes], Turn] | None = None  # the next line belongs to AUTH
        self._commands: dict[bytes, Callable[[bytes], Turn]] = {
            b"EHLO": self._ehlo,
            b"HELO": self._helo,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"RSET": self._rset,
            b"NOOP": lambda _: Turn("noop", b"250 2.0.0 OK\r\n"),
            b"VRFY": lambda _: Turn("vrfy", b"252 2.1.5 Send some mail, it will be shown\r\n"),
            b"QUIT": lambda _: Turn("quit", b"221 2.0.0 Goodbye\r\n", self._quit),
            b"STARTTLS": self._starttls,
            b"AUTH": self._auth,
        }

    def line(self, line: bytes) -> Turn:
        """The turn for one line, given without its line end."""
        if self._continue is not None:
            proceed, self._continue = self._continue, None
            return proceed(line)
        verb, _, rest = line.strip().partition(b" ")
        command = self._commands.get(verb.upper())
        if command is None:
            return Turn("unknown", b"500 5.5.1 Command not recognised\r\n")
        return command(rest)

    def start_over(self) -> None:
        """Back to the state after the greeting, as STARTTLS demands (RFC 3207, 4.2)."""
        self.encrypted, self.wants_tls = True, False
        self._greeted = self._logged_in = False
        self.envelope = None

    def _ehlo(self, rest: bytes) -> Turn:
        if not rest:
            return Turn("ehlo", b"501 5.5.4 EHLO needs a host name\r\n")
        lines = ["postbox", *self._extensions()]
        marks = ["-"] * (len(lines) - 1) + [" "]
        reply = "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True))
        return Turn("ehlo", reply.encode(), self._greet)

    def _extensions(self) -> list[str]:
        settings = self._settings
        offered = ["ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", f"SIZE {settings.size_limit}"]
        if settings.pipelining:
            offered.insert(0, "PIPELINING")
        if settings.starttls and not self.encrypted:
            offered.append("STARTTLS")
        if settings.login:
            offered.append("AUTH PLAIN LOGIN")
        return offered

    def _helo(self, rest: bytes) -> Turn:
        if not rest:
            return Turn("ehlo", b"501 5.5.4 HELO needs a host name\r\n")
        return Turn("ehlo", b"250 postbox\r\n", self._greet)

    def _greet(self) -> None:
        self._greeted = True
        self.envelope = None

    def _mail(self, rest: bytes) -> Turn:
        if not self._greeted:
            return Turn("mail", b"503 5.5.1 Say EHLO first\r\n")
        if self._settings.login and not self._logged_in:
            return Turn("mail", b"530 5.7.0 Authentication required\r\n")
        if self.envelope is not None:
            return Turn("mail", b"503 5.5.1 A transaction is already open\r\n")
        path = _path(rest, b"FROM:")
        if path is None:
            return Turn("mail", b"501 5.5.4 Write MAIL FROM:<address>\r\n")
        refusal, utf8 = self._parameters(path[1])
        if refusal or (refusal := _unreadable(path[0], utf8)):
            return Turn("mail", refusal)
        envelope = Envelope(path[0].decode(), utf8)
        return Turn("mail", b"250 2.1.0 OK\r\n", lambda: self._open(envelope))

    def _parameters(self, parameters: bytes) -> tuple[bytes, bool]:
        """A refusal, or b"", and whether SMTPUTF8 was among them."""
        utf8 = False
        for parameter in parameters.upper().split():
            name, _, value = parameter.partition(b"=")
            if name == b"SIZE" and value.isdigit():
                if int(value) > self._settings.size_limit:
                    return b"552 5.3.4 Message too big\r\n", utf8
            elif parameter == b"SMTPUTF8":
                utf8 = True
            elif parameter not in (b"BODY=7BIT", b"BODY=8BITMIME"):
                return b"555 5.5.4 MAIL parameter not recognised\r\n", utf8
        return b"", utf8

    def _open(self, envelope: Envelope) -> None:
        self.envelope = envelope

    def _rcpt(self, rest: bytes) -> Turn:
        envelope = self.envelope
        if envelope is None:
            return Turn("rcpt", b"503 5.5.1 MAIL comes first\r\n")
        path = _path(rest, b"TO:")
        if path is None or not path[0]:
            return Turn("rcpt", b"501 5.1.3 Write RCPT TO:<address>\r\n")
        if path[1]:
            return Turn("rcpt", b"555 5.5.4 RCPT parameter not recognised\r\n")
        if refusal := _unreadable(path[0], envelope.utf8):
            return Turn("rcpt", refusal)
        if len(envelope.recipients) >= MOST_RECIPIENTS:
            return Turn("rcpt", b"452 4.5.3 Too many recipients\r\n")
        recipient = path[0].decode()
        return Turn("rcpt", b"250 2.1.5 OK\r\n", lambda: envelope.recipients.append(recipient), (recipient,))

    def _data(self, rest: bytes) -> Turn:
        envelope = self.envelope
        if envelope is None:
            return Turn("data", b"503 5.5.1 MAIL comes first\r\n")
        if rest:
            return Turn("data", b"501 5.5.4 DATA stands alone\r\n")
        if not envelope.recipients:
            return Turn("no_recipients", b"554 5.5.1 No valid recipients\r\n", recipients=envelope.everyone)
        return Turn("data", b"354 End with <CR><LF>.<CR><LF>\r\n", self.go_ahead, envelope.everyone)

    def go_ahead(self) -> None:
        """From here on the client sends a body."""
        self.expects_body = True

    def _rset(self, _: bytes) -> Turn:
        return Turn("rset", b"250 2.0.0 OK\r\n", self.close_transaction)

    def close_transaction(self) -> None:
        """Ready for the next MAIL."""
        self.envelope = None
        self.expects_body = False

    def _quit(self) -> None:
        self.has_quit = True

    def _starttls(self, _: bytes) -> Turn:
        if not self._settings.starttls:
            return Turn("starttls", b"502 5.5.1 STARTTLS is not offered\r\n")
        if self.encrypted:
            return Turn("starttls", b"503 5.5.1 Already encrypted\r\n")
        return Turn("starttls", b"220 2.0.0 Begin TLS\r\n", self._want_tls)

    def _want_tls(self) -> None:
        self.wants_tls = True

    def _auth(self, rest: bytes) -> Turn:
        mechanism, _, initial = rest.partition(b" ")
        if not self._settings.login:
            return Turn("auth", b"502 5.5.1 AUTH is not offered\r\n")
        if self._logged_in or self.envelope is not None:
            return Turn("auth", b"503 5.5.1 Not now\r\n")
        if mechanism.upper() == b"PLAIN":
            return self._auth_plain(initial) if initial else self._ask(b"", self._auth_plain)
        if mechanism.upper() == b"LOGIN":
            return self._auth_user(initial) if initial else self._ask(b"VXNlcm5hbWU6", self._auth_user)
        return Turn("auth", b"504 5.5.4 Only PLAIN and LOGIN are known\r\n")

    def _ask(self, prompt: bytes, proceed: Callable[[bytes], Turn]) -> Turn:
        self._continue = proceed
        return Turn("prompt", b"334 " + prompt + b"\r\n")

    def _auth_plain(self, answer: bytes) -> Turn:
        parts = _decoded(answer).split(b"\0")
        return self._judge(parts[1], parts[2]) if len(parts) == 3 else _BAD_LOGIN

    def _auth_user(self, user: bytes) -> Turn:
        return self._ask(b"UGFzc3dvcmQ6", lambda password: self._judge(_decoded(user), _decoded(password)))

    def _judge(self, user: bytes, password: bytes) -> Turn:
        assert self._settings.login is not None
        right_user, right_password = (word.encode() for word in self._settings.login)
        if hmac.compare_digest(user, right_user) and hmac.compare_digest(password, right_password):
            return Turn("auth", b"235 2.7.0 Welcome\r\n", self._log_in)
        return _BAD_LOGIN

    def _log_in(self) -> None:
        self._logged_in = True


_BAD_LOGIN = Turn("auth", b"535 5.7.8 Wrong user or password\r\n")


def _decoded(word: bytes) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except binascii.Error:
        return b""


def _path(rest: bytes, keyword: bytes) -> tuple[bytes, bytes] | None:
    """The address between the angle brackets and the parameters after it."""
    if rest[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.match(rest[len(keyword) :])
    return (found[1], found[2] or b"") if found else None


def _unreadable(address: bytes, utf8: bool) -> bytes:
    """A refusal when the address needs SMTPUTF8 and has not got it, or has no domain; else b""."""
    if not utf8 and not address.isascii():
        return b"553 5.6.7 This address needs SMTPUTF8\r\n"
    try:
        text = address.decode()
    except UnicodeDecodeError:
        return b"553 5.6.7 This address is not UTF-8\r\n"
    if text and "@" not in text and text.lower() != "postmaster":
        return b"501 5.1.3 This address has no domain\r\n"
    return b""
