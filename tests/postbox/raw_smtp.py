"""An SMTP client that sends exactly the bytes it is told and shows exactly what comes back."""

import re
import socket

_REPLY = re.compile(rb"(?:\d{3}-[^\r\n]*\r\n)*\d{3} [^\r\n]*\r\n")


class RawSmtp:
    """One connection; `hello` says EHLO and reads the answers up to there."""

    def __init__(self, port: int, *, hello: bool = True) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.seen = b""
        if hello:
            self.read(1)
            self.ask(b"EHLO test\r\n")

    def __enter__(self) -> "RawSmtp":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(self, data: bytes, replies: int = 1) -> list[bytes]:
        self.send(data)
        return self.read(replies)

    def read(self, replies: int) -> list[bytes]:
        """So many replies, each complete; fails when the connection ends before."""
        found = []
        while len(found) < replies:
            reply = _REPLY.match(self.seen)
            if reply:
                found.append(reply[0])
                self.seen = self.seen[reply.end() :]
                continue
            data = self.sock.recv(65536)
            assert data, f"closed after {found}"
            self.seen += data
        return found

    def codes(self, data: bytes, replies: int = 1) -> list[int]:
        return [int(reply[:3]) for reply in self.ask(data, replies)]

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while data := self.sock.recv(65536):
            self.seen += data
        return self.seen

    def is_silent(self, seconds: float = 0.3) -> bool:
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        else:
            return False
        finally:
            self.sock.settimeout(5)


def envelope(to: str = "amy@example.com", sender: str = "tips@example.org") -> bytes:
    """MAIL, RCPT and DATA in one piece."""
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode()


BODY = b"Subject: Shoes\r\n\r\nBreak them in.\r\n.\r\n"
