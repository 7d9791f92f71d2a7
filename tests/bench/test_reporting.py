"""The provider of the bench of reports: it calls at its rate, each number once, and again where no answer came."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe

import pytest

from bench import reporting


class Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    came: list[str] = []
    hang_up_on: set[int] = set()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if int(body["MessageID"]) in Hook.hang_up_on:
            Hook.hang_up_on.remove(int(body["MessageID"]))
            self.close_connection = True
            return
        Hook.came.append(body["Metadata"]["delivery"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    Hook.came, Hook.hang_up_on = [], set()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def called(port: int, rate: float, seconds: float, codes: list[str]) -> reporting.Called:
    ours, theirs = Pipe()
    calling = threading.Thread(target=reporting.call, args=(theirs, port, rate, codes))
    calling.start()
    time.sleep(seconds)
    ours.send("stop")
    told: reporting.Called = ours.recv()
    calling.join()
    return told


def test_it_calls_no_faster_than_its_rate_and_names_each_code_in_turn(port):
    told = called(port, 50, 0.5, ["a", "b"])
    assert told.answers == {204: len(Hook.came)}
    assert 2 <= len(Hook.came) <= 1 + told.seconds * 50
    assert abs(Hook.came.count("a") - Hook.came.count("b")) <= 1


def test_a_call_without_an_answer_is_made_again(port):
    Hook.hang_up_on = {3}
    told = called(port, 50, 0.5, [str(number) for number in range(100)])
    assert told.answers[0] == 1
    assert sorted(map(int, Hook.came)) == list(range(len(Hook.came)))
