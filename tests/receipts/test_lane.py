"""Reports taken at a stretch: stored with one commit, answered after it, and left to a thread where one is not plain.

The worker is gunicorn's own, in a thread of this process, with real connections.
"""

import os
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import DataError, OperationalError, connections
from esp_calls import SECRET, postmark
from gunicorn.config import Config
from gunicorn.glogging import Logger
from people import a_campaign, a_step, an_event, entrants, queue, the_step
from twilio_calls import ACCOUNT, TOKEN, status_fields, twilio_call
from webhook_cases import Call

from campaigns import attempt_code
from campaigns.models import Receipt
from campaigns.receipts import lane, storing

PATIENCE = 30
THREADS = 2

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Served:
    """A worker that serves. `groups`: how many reports each statement had; `asked`: who asked the application."""

    worker: lane.Worker
    port: int
    connected: ExitStack
    code: str
    groups: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    writes: threading.Event = field(default_factory=threading.Event)
    may_write: threading.Event = field(default_factory=threading.Event)
    fails: Callable[[list[dict]], Exception | None] = lambda rows: None

    def connect(self) -> "Provider":
        address = ("127.0.0.1", self.port)
        return Provider(self.connected.enter_context(socket.create_connection(address, PATIENCE)))

    def reporters(self, number: int) -> list["Provider"]:
        """Connections in the lane: each has brought a report."""
        connected = []
        for _ in range(number):  # one after the other: gunicorn closes one without a call after some seconds
            connected.append(self.connect())
            assert connected[-1].calls(self.report("first")) == 204
        wait_until(lambda: len(self.worker._lane._conns) == number)
        self.groups, self.asked = [], []
        return connected

    def report(self, ref: str) -> Call:
        return postmark(self.code, MessageID=ref)

    def insert(self, rows: list[dict], insert: Callable[[list[dict]], None]) -> None:
        self.writes.set()
        assert self.may_write.wait(PATIENCE)
        error = self.fails(rows)
        if error is not None:
            raise error
        insert(rows)
        self.groups.append(len(rows))


class Provider:
    """One connection of a provider."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def calls(self, call: Call) -> int:
        self.says(wire(call))
        return self.hears()

    def says(self, said: bytes) -> None:
        self.connection.sendall(said)

    def hears(self) -> int:
        """The status of one answer; 0 where the connection has ended."""
        head = self._hears_until(b"\r\n\r\n")
        if b"chunked" in head:
            self._hears_until(b"0\r\n\r\n")
        return int(head.split()[1]) if head else 0

    def _hears_until(self, end: bytes) -> bytes:
        heard = b""
        while not heard.endswith(end) and (byte := self.connection.recv(1)):
            heard += byte
        return heard


def wire(call: Call, *more: str) -> bytes:
    headers = {"Host": "testserver", "Content-Type": call.content_type, "Content-Length": str(len(call.body))}
    lines = [f"{name}: {value}" for name, value in (headers | dict(call.headers)).items()]
    return "\r\n".join([f"POST {call.path} HTTP/1.1", *lines, *more, "", ""]).encode() + call.body


def wait_until(is_so) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def code(settings) -> str:
    settings.ESP_WEBHOOK_SECRET = SECRET
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, TOKEN
    settings.ALLOWED_HOSTS = ["testserver"]
    loaded = a_campaign(an_event(), a_step())
    [row] = queue(the_step(loaded), entrants(loaded.event, 1))
    row.refresh_from_db()
    return attempt_code.code_of(row.token, 1)


@pytest.fixture
def served(code, monkeypatch) -> Iterator[Served]:
    application, insert = get_wsgi_application(), storing._insert
    get_response = application.get_response
    with ExitStack() as connected:
        listener = socket.create_server(("127.0.0.1", 0))
        served = Served(a_worker(listener), listener.getsockname()[1], connected, code)

        def ask(request):
            served.asked.append("lane" if in_lane() else "pool")
            try:
                return get_response(request)
            finally:
                connections.close_all() if not in_lane() else None

        monkeypatch.setattr(storing, "_insert", lambda rows: served.insert(rows, insert))
        served.may_write.set()
        monkeypatch.setattr(lane, "IDLE", PATIENCE)
        monkeypatch.setattr(lane, "LOOKS_UP", 0.02)
        monkeypatch.setattr(application, "get_response", ask)
        served.worker.wsgi = application
        thread = threading.Thread(target=served.worker.run)
        thread.start()
        yield served
    served.worker.handle_exit(None, None)
    thread.join(PATIENCE)
    wait_until(lambda: not any(thread.name == "lane" for thread in threading.enumerate()))


def a_worker(listener: socket.socket) -> lane.Worker:
    """As gunicorn's master makes one, but for what only a process of its own can have."""
    config = Config()
    config.set("threads", THREADS)
    worker = lane.Worker(1, os.getppid(), [listener], None, PATIENCE, config, Logger(config))
    worker.tpool, worker.poller = worker.get_thread_pool(), selectors.DefaultSelector()
    worker.method_queue.init()
    return worker


def in_lane() -> bool:
    return threading.current_thread().name == "lane"


def refs() -> list[str]:
    return sorted(set(Receipt.objects.values_list("raw__MessageID", flat=True)) - {"first"})


def test_reports_that_come_while_others_are_written_share_a_commit_and_no_answer_goes_before_it(served):
    first, *others = served.reporters(6)
    served.may_write.clear()
    served.writes.clear()
    first.says(wire(served.report("0")))
    assert served.writes.wait(PATIENCE)
    for number, provider in enumerate(others, 1):
        provider.says(wire(served.report(str(number))))
    assert select.select([one.connection for one in (first, *others)], [], [], 0.2)[0] == []
    served.may_write.set()
    assert [one.hears() for one in (first, *others)] == [204] * 6
    assert refs() == ["0", "1", "2", "3", "4", "5"]
    assert served.groups == [1, 5]
    assert set(served.asked) == {"lane"}


def test_a_report_that_is_told_again_is_stored_once(served):
    [provider] = served.reporters(1)
    assert [provider.calls(served.report("1")) for _ in range(3)] == [204] * 3
    assert Receipt.objects.count() == 2


def test_what_could_not_be_stored_at_a_stretch_is_stored_by_a_thread_for_each(served):
    reporters = served.reporters(3)
    served.fails = lambda _: OperationalError("gone") if in_lane() else None
    for number, provider in enumerate(reporters):
        provider.says(wire(served.report(str(number))))
    assert [one.hears() for one in reporters] == [204] * 3
    assert refs() == ["0", "1", "2"]
    assert served.asked.count("pool") == 3


def test_where_nothing_can_be_stored_nothing_is_promised(served):
    [provider] = served.reporters(1)
    served.fails = lambda _: OperationalError("gone")
    provider.says(wire(served.report("1")))
    assert provider.hears() == 500
    assert refs() == []


def test_one_that_cannot_be_kept_is_refused_and_takes_no_other_along(served):
    reporters = served.reporters(3)
    served.fails = lambda rows: DataError() if any(r["raw"]["MessageID"] == "bad" for r in rows) else None
    for ref, provider in zip(["1", "bad", "2"], reporters, strict=True):
        provider.says(wire(served.report(ref)))
    assert [one.hears() for one in reporters] == [204, 400, 204]
    assert refs() == ["1", "2"]


def test_half_a_call_holds_nobody_up(served):
    slow, quick = served.reporters(2)
    said = wire(served.report("slow"))
    slow.says(said[:-20])
    assert quick.calls(served.report("quick")) == 204
    slow.says(said[-20:])
    assert slow.hears() == 204
    assert refs() == ["quick", "slow"]


def test_two_calls_in_one_are_two(served):
    [provider] = served.reporters(1)
    provider.says(wire(served.report("1")) + wire(served.report("2")))
    assert [provider.hears(), provider.hears()] == [204, 204]
    assert refs() == ["1", "2"]


def test_every_refusal_is_as_without_a_lane(served):
    genuine = served.report("1")
    signed = twilio_call(f"/hooks/twilio/status/{served.code}", status_fields())
    refused = {
        403: [postmark(served.code, secret="hook:forged"), replace(signed, body=signed.body + b"&Added=1")],
        404: [replace(genuine, path="/hooks/esp/nobody")],
        413: [replace(genuine, body=b" " * (1024 * 1024 + 1)), replace(signed, body=b"a" * (64 * 1024 + 1))],
        415: [replace(genuine, content_type="image/png")],
    }
    each = [(status, call) for status, calls in refused.items() for call in calls]
    *reporters, last = served.reporters(len(each) + 1)
    for (status, call), provider in zip(each, reporters, strict=True):
        assert provider.calls(call) == status
    assert refs() == []
    assert last.calls(signed) == 204
    assert Receipt.objects.filter(provider="twilio").count() == 1


def test_texts_that_people_write_do_not_come_into_the_lane(served):
    [provider] = served.reporters(1)
    inbound = twilio_call("/hooks/twilio/inbound", {"AccountSid": ACCOUNT}, token="forged")
    assert [provider.calls(inbound) for _ in range(2)] == [403, 403]
    assert served.asked == ["pool", "pool"]


def test_who_calls_no_more_leaves_the_lane_and_may_come_again(served, monkeypatch):
    monkeypatch.setattr(lane, "IDLE", 0.01)
    provider = served.connect()
    assert provider.calls(served.report("1")) == 204
    wait_until(lambda: not served.worker._lane._conns)
    assert provider.calls(served.report("2")) == 204
    assert refs() == ["1", "2"]


def test_a_connection_that_is_to_end_ends_after_its_answer(served):
    [provider] = served.reporters(1)
    provider.says(wire(served.report("1"), "Connection: close"))
    assert [provider.hears(), provider.hears()] == [204, 0]
    assert served.asked == ["lane"]


def test_a_worker_that_is_to_end_answers_what_still_comes(served):
    [provider] = served.reporters(1)
    served.worker.handle_exit(None, None)
    assert [provider.calls(served.report("1")), provider.hears()] == [204, 0]
    assert refs() == ["1"]


def test_a_worker_without_its_lane_ends(served, monkeypatch):
    [provider] = served.reporters(1)
    monkeypatch.setattr(served.worker._lane, "_take", None)
    provider.says(b"x")
    wait_until(lambda: not served.worker.alive)
