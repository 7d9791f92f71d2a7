"""A person answers a text on the page: the application's webhook gets it as Twilio hands it over."""

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest
from postbox_clients import ACCOUNT, TOKEN, twilio_client
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from postbox import Postbox

AMY = "+447700900001"


class Hook(BaseHTTPRequestHandler):
    seen: list[tuple[dict[str, str], str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.seen.append((dict(parse_qsl(body)), self.headers["X-Twilio-Signature"]))
        answer = b"<Response><Message>Not watched &amp; read later.</Message></Response>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def box(hook) -> Iterator[Postbox]:
    with Postbox(delivery_delay=0.01, inbound_url=f"http://127.0.0.1:{hook.server_port}/in") as box:
        twilio_client(box).messages.create(to=AMY, body="Hello", from_="+447700900000")
        yield box


def reply(box: Postbox, body: str, number: str = AMY) -> dict:
    request = urllib.request.Request(
        f"{box.page_url}replies", json.dumps({"number": number, "body": body}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def page(box: Postbox) -> str:
    with urllib.request.urlopen(box.page_url, timeout=5) as answer:
        return answer.read().decode()


def test_a_reply_reaches_the_webhook_signed_and_its_answer_is_shown(box, hook):
    done = reply(box, "Where is parking?")
    assert done == {"outcome": "200", "answers": ["Not watched & read later."]}
    [(fields, signature)] = hook.seen
    assert (fields["From"], fields["To"], fields["Body"]) == (AMY, "+447700900000", "Where is parking?")
    assert fields["AccountSid"] == ACCOUNT
    address = f"http://127.0.0.1:{hook.server_port}/in"
    assert RequestValidator(TOKEN).validate(address, fields, signature)
    shown = page(box)
    assert "Where is parking?" in shown
    assert "Not watched &amp; read later." in shown


def test_the_form_of_the_page_leads_back_to_the_conversation(box, hook):
    assert 'action="/replies"' in page(box)
    form = urllib.parse.urlencode({"number": AMY, "body": "STOP"}).encode()
    with urllib.request.urlopen(f"{box.page_url}replies", form, timeout=5) as answer:
        assert "STOP" in answer.read().decode()
    assert len(hook.seen) == 1


def test_stop_closes_the_number_as_twilio_does_until_start(box):
    client = twilio_client(box)
    assert "unsubscribed" in reply(box, "Stop")["answers"][0]
    with pytest.raises(TwilioRestException, match="unsubscribed"):
        client.messages.create(to=AMY, body="More", from_="+447700900000")
    reply(box, "start")
    client.messages.create(to=AMY, body="More", from_="+447700900000")


@pytest.mark.parametrize(("number", "body"), [(AMY, " "), ("+447700900002", "Hello"), ("Amy", "Hello")])
def test_nothing_is_sent_without_words_or_from_a_phone_that_got_no_text(box, hook, number, body):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        reply(box, body, number)
    assert hook.seen == []


def test_a_form_of_another_site_is_refused(box, hook):
    request = urllib.request.Request(
        f"{box.page_url}replies", b"number=%2B447700900001&body=STOP", {"Sec-Fetch-Site": "cross-site"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=5)
    assert hook.seen == []


def test_no_webhook_elsewhere_is_ever_called():
    with Postbox(inbound_url="http://192.0.2.1/in") as box:
        twilio_client(box).messages.create(to=AMY, body="Hello", from_="+447700900000")
        assert "not a loopback address" in reply(box, "Hello")["outcome"]


def test_without_a_webhook_the_page_offers_no_answer():
    with Postbox() as box:
        twilio_client(box).messages.create(to=AMY, body="Hello", from_="+447700900000")
        assert "/replies" not in page(box)


def test_a_marked_number_takes_a_text_and_reports_that_it_was_not_delivered(hook):
    with Postbox(delivery_delay=0.01) as box:
        box.numbers.mark(AMY, "30003")
        client = twilio_client(box)
        callback = f"http://127.0.0.1:{hook.server_port}/status"
        sid = client.messages.create(to=AMY, body="Hello", from_="Run", status_callback=callback).sid
        while len(box.texts[0].reports) < 2:
            pass
        found = client.messages(sid).fetch()
        assert (found.status, found.error_code) == ("undelivered", 30003)
    assert [(fields["MessageStatus"], fields.get("ErrorCode")) for fields, _ in hook.seen] == [
        ("sent", None),
        ("undelivered", "30003"),
    ]
