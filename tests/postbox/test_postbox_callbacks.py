"""Status callbacks: signed, in order, to this machine only, and harmless when nobody listens."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest
from postbox_clients import ACCOUNT, TOKEN, twilio_client
from twilio.request_validator import RequestValidator

from postbox import Postbox
from postbox.callbacks import is_loopback

AMY = "+447700900001"


class Listener(ThreadingHTTPServer):
    """An app's endpoint: keeps path, form and signature of what is posted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict[str, str], str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        self.server.seen.append((self.path, form, self.headers["X-Twilio-Signature"]))
        redirect = self.path.startswith("/redirect")
        self.send_response(302 if redirect else 204)
        if redirect:
            self.send_header("Location", "/followed")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def text_with_callback(box, url, **options):
    twilio_client(box).messages.create(to=AMY, body="Dré", status_callback=url, **{"from_": "Run", **options})
    deadline = time.monotonic() + 5
    while len(box.texts[-1].reports) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return box.texts[-1]


@pytest.mark.parametrize(
    "path", ["/cb/token.1", "/cb/token.1?a=1&b=%20x", "/cb/%E2%82%AC%7Ex?y=%2f#rc=3&rp=all"]
)
def test_sent_then_delivered_each_signed_with_the_token_over_the_exact_url(box, listener, path):
    text = text_with_callback(box, listener.url + path)
    assert [form["MessageStatus"] for _, form, _ in listener.seen] == ["sent", "delivered"]
    for seen_path, form, signature in listener.seen:
        assert seen_path == path.partition("#")[0]
        assert (form["MessageSid"], form["SmsSid"], form["To"]) == (text.sid, text.sid, AMY)
        assert (form["From"], form["AccountSid"], form["ApiVersion"]) == ("Run", ACCOUNT, "2010-04-01")
        url = listener.url + seen_path
        assert RequestValidator(TOKEN).validate(url, form, signature)
        assert not RequestValidator("another").validate(url, form, signature)
    assert text.reports == [("sent", "204"), ("delivered", "204")]
    assert text.status == "delivered"


def test_a_services_callback_names_the_service(box, listener):
    service = "MG" + "a" * 32
    text_with_callback(box, listener.url + "/cb", messaging_service_sid=service, from_=None)
    assert {form["MessagingServiceSid"] for _, form, _ in listener.seen} == {service}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/cb",
        "https://tips.example.org/cb",
        "http://127.0.0.1.example.org/",
        "http://169.254.1.1/",
        "http://user@10.0.0.1/",
        "ftp://127.0.0.1/",
        "//127.0.0.1/",
        "http:///",
        "nonsense",
        "http://[::",
    ],
)
def test_no_other_machine_is_called(box, url):
    assert not is_loopback(url)
    text = text_with_callback(box, url)
    assert {outcome for _, outcome in text.reports} == {"refused: not a loopback address"}
    assert text.status == "delivered"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://127.9.9.9/x", "http://localhost/", "http://[::1]:80/"]
)
def test_this_machine_may_be_called(url):
    assert is_loopback(url)


def test_a_redirect_is_not_followed(box, listener):
    text = text_with_callback(box, listener.url + "/redirect")
    assert {outcome for _, outcome in text.reports} == {"302"}
    assert {path for path, _, _ in listener.seen} == {"/redirect"}


def test_an_app_without_the_endpoint_does_no_harm(box):
    text = text_with_callback(box, "http://127.0.0.1:1/cb")
    assert text.reports == [("sent", "no answer"), ("delivered", "no answer")]
    twilio_client(box).messages.create(to=AMY, body="still here", from_="Run")


def test_the_signature_uses_the_configured_token(listener):
    with Postbox(twilio_login=(ACCOUNT, TOKEN), delivery_delay=0.0) as box:
        text_with_callback(box, listener.url + "/cb")
    path, form, signature = listener.seen[0]
    assert RequestValidator(TOKEN).validate(listener.url + path, form, signature)
