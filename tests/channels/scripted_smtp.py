"""A mail server that says what a test tells it to say, on a real loopback socket."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).parent / "data"
AUTHORITY = DATA / "test-only-authority.pem"

DEFAULTS = {
    "CONNECT": b"220 mail.test ESMTP\r\n",
    "STARTTLS": b"220 2.0.0 go ahead\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go ahead\r\n",
    "DOT": b"250 2.0.0 Ok: queued as 4XyZ12\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}


@dataclass
class Say:
    """An answer: its bytes, where to cut it in two, how long to wait before it, and what to do after it."""

    data: bytes = b""
    then: str = ""  # close | reset | hang
    cut: int = 0
    wait: float = 0.0


@dataclass
class Mail:
    sender: str
    recipient: str
    raw: bytes  # dots still doubled, without the final dot
    connection: int

    @property
    def data(self) -> bytes:
        return b"".join(line.removeprefix(b".") for line in self.raw.splitlines(keepends=True))


class Gone(Exception):
    """The script ended the connection."""


@dataclass
class ScriptedSmtp:
    """Answers each command from the queue of its verb, and yes when the queue is empty or holds None.

    Verbs: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY (said once a body begins to arrive), DOT.
    With `merge`, answers are held back until the client has to be waited for, and leave in one write. `pieces`
    cuts each write: it is given the bytes and how many writes there were before. `to` is asked before any queue what
    a recipient's RCPT and DOT get.
    """

    features: tuple[str, ...] = ()
    tls: str = "none"
    merge: bool = False
    pieces: Callable[[bytes, int], list[bytes]] | None = None
    to: Callable[[str, str], Say | bytes | None] | None = None
    mails: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    ended: int = 0

    def __post_init__(self) -> None:
        self._held: defaultdict[socket.socket, bytearray] = defaultdict(bytearray)
        self._writes = 0
        self._script: defaultdict[str, deque[Say | None]] = defaultdict(deque)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._stopped = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(DATA / "test-only-localhost.pem", DATA / "test-only-localhost.key")
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def on(self, verb: str, *answers: Say | bytes | None) -> None:
        self._script[verb].extend(Say(answer) if isinstance(answer, bytes) else answer for answer in answers)

    def stop(self) -> None:
        self._stopped.set()
        # shutdown wakes the accept below; close alone would not
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join(2)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, Gone, ValueError):
            if self.tls == "implicit":
                sock = self._context.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            session = _Session(self, sock, number)
            try:
                session.run()
            finally:
                session.sock.close()
        sock.close()
        self.ended += 1

    def next_answer(self, verb: str, default: bytes) -> Say:
        queue = self._script[verb]
        return (queue.popleft() if queue else None) or Say(default)

    def answer_to(self, verb: str, recipient: str, default: bytes) -> Say:
        own = self.to(verb, recipient) if self.to and verb in ("RCPT", "DOT") else None
        return Say(own) if isinstance(own, bytes) else own or self.next_answer(verb, default)

    def say(self, sock: socket.socket, answer: Say) -> None:
        if answer.wait:
            self._stopped.wait(answer.wait)
        if answer.cut:
            sock.sendall(answer.data[: answer.cut])
            time.sleep(0.002)
        self._held[sock] += answer.data[answer.cut :]
        if not self.merge or answer.then:
            self.flush(sock)
        if answer.then == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if answer.then == "hang":
            self._stopped.wait(5)
        if answer.then:
            raise Gone

    def flush(self, sock: socket.socket) -> None:
        data = bytes(self._held.pop(sock, b""))
        for piece in self.pieces(data, self._writes) if self.pieces and data else [data]:
            sock.sendall(piece)
            if piece is not data:
                time.sleep(0.0005)
        self._writes += bool(data)

    def scripted(self, verb: str) -> bool:
        return bool(self._script[verb])

    def ehlo(self) -> bytes:
        lines = ["mail.test", *self.features]
        if self.tls == "starttls":
            lines.append("STARTTLS")
        marks = ["-"] * (len(lines) - 1) + [" "]
        return "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()

    def secure(self, sock: socket.socket) -> socket.socket:
        self.flush(sock)
        secured = self._context.wrap_socket(sock, server_side=True)
        self._open.append(secured)
        return secured


class _Lines:
    """Reads lines, and lets the server say what it holds back before it waits for more."""

    def __init__(self, server: ScriptedSmtp, sock: socket.socket) -> None:
        self._server, self._sock = server, sock
        self._buffer = b""

    def readline(self) -> bytes:
        while b"\n" not in self._buffer:
            self._server.flush(self._sock)
            data = self._sock.recv(65536)
            if not data:
                return b""
            self._buffer += data
        line, end, self._buffer = self._buffer.partition(b"\n")
        return line + end

    def some(self) -> None:
        if not self._buffer:
            self._buffer = self._sock.recv(65536)


class _Session:
    def __init__(self, server: ScriptedSmtp, sock: socket.socket, number: int) -> None:
        self.server, self.sock, self.number = server, sock, number
        self.lines = _Lines(server, sock)
        self.sender = self.recipient = ""
        self.stage = "idle"  # idle | mail | rcpt, kept as strictly as a real server does

    def run(self) -> None:
        self.server.say(self.sock, self.server.next_answer("CONNECT", DEFAULTS["CONNECT"]))
        while line := self.lines.readline():
            command = line.decode().rstrip("\r\n")
            self.server.commands.append(command)
            self._answer(command)

    def _answer(self, command: str) -> None:
        verb = command.split(" ")[0].split(":")[0].upper()
        default = self.server.ehlo() if verb == "EHLO" else DEFAULTS.get(verb, b"500 5.5.1 what\r\n")
        if {"MAIL": "idle", "RCPT": "mail", "DATA": "rcpt"}.get(verb, self.stage) != self.stage:
            default = b"503 5.5.1 bad sequence of commands\r\n"
        if verb == "MAIL":
            self.sender = command.partition("<")[2].partition(">")[0]
        if verb == "RCPT":
            self.recipient = command.partition("<")[2].partition(">")[0]
        answer = self.server.answer_to(verb, self.recipient, default)
        self.server.say(self.sock, answer)
        if answer.data.startswith(b"250"):
            self.stage = {"MAIL": "mail", "RCPT": "rcpt", "RSET": "idle"}.get(verb, self.stage)
        if verb == "STARTTLS" and answer.data.startswith(b"220"):
            self.sock = self.server.secure(self.sock)
            self.lines = _Lines(self.server, self.sock)
        if verb == "DATA" and answer.data.startswith(b"354"):
            self._body()
        if verb == "QUIT":
            raise Gone

    def _body(self) -> None:
        if self.server.scripted("BODY"):
            self.lines.some()
            self.server.say(self.sock, self.server.next_answer("BODY", b""))
        raw = b""
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise Gone
            raw += line
        answer = self.server.answer_to("DOT", self.recipient, DEFAULTS["DOT"])
        if answer.data.startswith(b"250"):  # noted before it is said: the test may look at once
            self.server.mails.append(Mail(self.sender, self.recipient, raw, self.number))
        self.server.say(self.sock, answer)
        self.stage = "idle"
