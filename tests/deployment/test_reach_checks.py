"""What answers when it is called, with a TLS server, a mail server and a Twilio on this machine, each made wrong."""

import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from email.utils import formatdate
from time import time

import pytest

from campaigns.checking import State
from campaigns.deployment import reach_checks
from campaigns.preflight import sender
from postbox import Postbox

RECORDS: dict[str, list[str] | None] = {}
"""What name servers say of the sender's domain."""

ACCOUNT = f"AC{'0' * 32}"


class Front(http.server.BaseHTTPRequestHandler):
    """A proxy with our pages behind it; a test changes what it says."""

    hsts, hook_status, metrics_status, skew = "max-age=31536000", 403, 401, 0.0

    def do_GET(self) -> None:
        self.answer(Front.metrics_status if self.path == "/metrics" else 200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(Front.hook_status)

    def answer(self, status: int) -> None:
        self.send_response_only(status)
        self.send_header("Date", formatdate(time() + Front.skew, usegmt=True))
        if Front.hsts:
            self.send_header("Strict-Transport-Security", Front.hsts)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Twilio(http.server.BaseHTTPRequestHandler):
    """The two questions about an account, as Twilio answers them."""

    status, sms_url = 200, "https://localhost/hooks/twilio/inbound"
    knows_numbers = True

    def do_GET(self) -> None:
        if "Balance" not in self.path and not Twilio.knows_numbers:
            self.send_error(404)
            return
        if "Balance" in self.path:
            said = {"balance": "12.5", "currency": "GBP", "account_sid": ACCOUNT}
        else:
            row = {
                "sid": "PN1",
                "account_sid": ACCOUNT,
                "phone_number": "+447700900900",
                "sms_url": Twilio.sms_url,
            }
            said = {"incoming_phone_numbers": [row], "next_page_uri": None}
        body = json.dumps(
            said if Twilio.status == 200 else {"code": 20003, "message": "no", "status": 401}
        ).encode()
        self.send_response(Twilio.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out cert"
    subprocess.run(
        [*words.split(), "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


def serving(handler: type, context: ssl.SSLContext | None = None) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def station(settings, certificate, monkeypatch) -> Iterator[object]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert", certificate / "key")
    front, twilio = serving(Front, context), serving(Twilio)
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate / "cert"))
    Front.hsts, Front.hook_status, Front.metrics_status, Front.skew = "max-age=31536000", 403, 401, 0.0
    settings.PUBLIC_URL = f"https://localhost:{front.server_port}"
    Twilio.knows_numbers = True
    Twilio.status, Twilio.sms_url = 200, f"{settings.PUBLIC_URL}/hooks/twilio/inbound"
    settings.TWILIO_BASE_URL = f"http://127.0.0.1:{twilio.server_port}"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, "token"
    settings.TWILIO_FROM, settings.TWILIO_MESSAGING_SERVICE_SID = "+447700900900", ""
    settings.EMAIL_FROM = "Run Reigate <tips@reigate.run>"
    records = {
        "reigate.run": ["v=spf1 include:x -all"],
        "_domainkey.reigate.run": [],
        "_dmarc.reigate.run": ["v=DMARC1; p=none"],
    }
    RECORDS.clear()
    RECORDS.update(records)
    monkeypatch.setattr(sender, "texts", RECORDS.get)
    with Postbox(smtp_login=("user", "secret")) as box:
        settings.EMAIL_URL = (
            box.email_url.replace("smtp://", "smtp://user:secret@")
            if "@" not in box.email_url
            else box.email_url
        )
        yield settings
    front.shutdown()
    twilio.shutdown()


def wrongs() -> set[str]:
    return {check.name for check in reach_checks.checks() if check.state == State.WRONG}


def test_a_station_that_can_be_reached_is_green(station):
    assert {check.name: check.words for check in reach_checks.checks() if check.state != State.GOOD} == {}


def test_a_certificate_that_nobody_trusts_is_red(station, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    [check] = [check for check in reach_checks.checks() if check.name == "tls"]
    assert check.state == State.WRONG
    assert "certificate" in check.words


def test_an_address_that_does_not_answer_is_red(station):
    station.PUBLIC_URL = "https://localhost:1"
    assert "tls" in wrongs()


@pytest.mark.parametrize(("what", "value", "red"), [
    ("hsts", "", {"hsts"}),
    ("hook_status", 404, {"twilio_hook", "esp_hook"}),
    ("hook_status", 502, {"twilio_hook", "esp_hook"}),
    ("hook_status", 200, {"twilio_hook", "esp_hook"}),
    ("metrics_status", 200, {"metrics_shut"}),
    ("skew", 40.0, {"clock_skew"}),
])  # fmt: skip
def test_a_proxy_that_does_not_pass_on_what_it_should_is_red(station, what, value, red):
    setattr(Front, what, value)
    assert wrongs() == red


@pytest.mark.parametrize("url", ["", "smtp://127.0.0.1:1", "wrong password"])
def test_a_mail_server_that_does_not_let_us_in_is_red(station, url):
    station.EMAIL_URL = station.EMAIL_URL.replace(":secret@", ":guess@") if url == "wrong password" else url
    assert wrongs() == {"smtp"}


@pytest.mark.parametrize(("name", "records", "red"), [
    ("reigate.run", [], "spf"),
    ("reigate.run", ["v=spf1 +all"], "spf"),
    ("_domainkey.reigate.run", None, "dkim"),
    ("_dmarc.reigate.run", [], "dmarc"),
])  # fmt: skip
def test_each_record_of_the_senders_domain_that_is_missing_is_red(station, name, records, red):
    RECORDS[name] = records
    assert wrongs() == {red}


def test_without_a_name_server_the_domain_wants_a_look(station, monkeypatch):
    def nobody(name: str) -> None:
        raise sender.CouldNotLookUp(name)

    monkeypatch.setattr(sender, "texts", nobody)
    assert {check.name for check in reach_checks.checks() if check.state == State.LOOK} == {"dns"}


def test_a_token_that_twilio_does_not_know_is_red(station):
    Twilio.status = 401
    assert wrongs() == {"twilio_account"}


def test_an_account_that_is_not_set_is_red(station):
    station.TWILIO_AUTH_TOKEN = ""
    assert wrongs() == {"twilio_account"}


def test_a_sender_that_no_phone_accepts_is_red(station):
    station.TWILIO_FROM = "Run Reigate Half"
    assert wrongs() == {"twilio_sender"}


def test_answers_that_go_elsewhere_are_red(station):
    Twilio.sms_url = "https://demo.twilio.com/welcome/sms/reply"
    assert wrongs() == {"twilio_inbound"}


def test_a_question_about_answers_that_fails_is_red_by_itself(station):
    Twilio.knows_numbers = False
    assert wrongs() == {"twilio_inbound"}
