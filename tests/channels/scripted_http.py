"""A stand-in for Twilio's message endpoint that answers, or breaks off, as a test tells it to."""

import contextlib
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from scripted_smtp import DATA

Answer = Callable[["Handler"], None]


def created(handler: "Handler") -> None:
    sid = f"SM{handler.server.next_number():032d}"
    handler.reply(201, {"sid": sid, "status": "queued", "num_segments": "1", "price": None})


def refusal(status: int, code: int | None, message: str = "no") -> Answer:
    def answer(handler: "Handler") -> None:
        body = {"message": message, "status": status, "more_info": ""}
        handler.reply(status, body | ({"code": code} if code else {}))

    return answer


def page(status: int, text: str) -> Answer:
    return lambda handler: handler.reply(status, text)


def slow(seconds: float) -> Answer:
    def answer(handler: "Handler") -> None:
        handler.server.stopped.wait(seconds)
        created(handler)

    return answer


def break_off(handler: "Handler") -> None:
    """Close without an answer, after the request was read whole."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def answer_then_close(handler: "Handler") -> None:
    """Answer as if the connection stayed open, then close it: the next request meets a stale one."""
    created(handler)
    handler.close_connection = True


def elsewhere(handler: "Handler") -> None:
    """Redirect with the one status that asks for the POST to be repeated."""
    handler.send_response(307)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@dataclass
class Asked:
    path: str
    form: dict[str, str]
    authorization: str
    connection: tuple[str, int]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: deque[Answer] = deque()
        self.asked: list[Asked] = []
        self.stopped = threading.Event()
        self.busy = self.busiest = self.number = 0
        self.lock = threading.Lock()

    def next_number(self) -> int:
        with self.lock:
            self.number += 1
            return self.number


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        server = self.server
        with server.lock:
            server.busy += 1
            server.busiest = max(server.busiest, server.busy)
            authorization = self.headers.get("Authorization", "")
            server.asked.append(Asked(self.path, form, authorization, self.client_address))
            answer = server.script.popleft() if server.script else created
        try:
            with contextlib.suppress(OSError):
                answer(self)
        finally:
            with server.lock:
                server.busy -= 1

    def reply(self, status: int, body: dict[str, object] | str) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class ScriptedTwilio:
    """Answers each request from `on`, then creates messages."""

    server: Server = field(default_factory=Server)
    tls: bool = False

    def __post_init__(self) -> None:
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(DATA / "test-only-localhost.pem", DATA / "test-only-localhost.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.server.server_port}"

    @property
    def asked(self) -> list[Asked]:
        return self.server.asked

    def on(self, *answers: Answer) -> None:
        self.server.script.extend(answers)

    def stop(self) -> None:
        self.server.stopped.set()
        self.server.shutdown()
        self.server.server_close()
