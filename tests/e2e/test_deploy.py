"""docs/deploy.md in processes without Docker: the compose file's own commands behind a TLS proxy, from red to green."""

import http.client
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from station import ROOT, Station, wait_until
from test_compose import SERVICES, answers, started

from campaigns.cli import embedded

pytestmark = pytest.mark.timeout(240)


NAME = socket.gethostname()
"""This machine's own name, which leads back to it and is not localhost."""


class Proxy(http.server.BaseHTTPRequestHandler):
    """What Caddy does: TLS in front, everything passed on, with word of who asked and how."""

    protocol_version = "HTTP/1.1"
    behind = 0

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        inner = http.client.HTTPConnection("127.0.0.1", Proxy.behind, timeout=10)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        headers |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": "https"}
        try:
            inner.request(self.command, self.path, body, headers)
            answer = inner.getresponse()
            said = answer.read()
        except OSError:
            self.send_error(502)
            return
        finally:
            inner.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_HEAD = pass_on  # noqa: N815 - the names http.server calls

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of the TLS side and the certificate to trust."""
    if shutil.which("openssl") is None or not leads_here(NAME):
        pytest.skip("openssl is not installed, or this machine does not find itself by its name")
    words = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -keyout key -out cert"
    names = ["-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run([*words.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with http.server.ThreadingHTTPServer((socket.gethostbyname(NAME), 0), Proxy) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, tmp_path / "cert"
        server.shutdown()


def leads_here(name: str) -> bool:
    """Whether a name is an address of this machine: nothing but it may be called."""
    try:
        with socket.socket() as probe:
            probe.bind((socket.gethostbyname(name), 0))
    except OSError:
        return False
    return True


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder for servers of one's own."""
    folder = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    yield folder
    embedded.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def wrongs(station: Station) -> dict[str, str]:
    """What `aidstation check --deploy` says is wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "campaigns.cli", "check", "--deploy", "--json"],
        cwd=ROOT, env=station.env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = json.loads(done.stdout)
    found = {one["name"]: one["words"] for one in said["checks"] if one["state"] == "wrong"}
    assert done.returncode == (1 if found else 0), done.stderr
    assert all(one["cure"] for one in said["checks"] if one["state"] != "good")
    return found


def test_following_the_page_takes_the_check_from_red_to_green(station, proxy, elsewhere):
    port, certificate = proxy
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        Proxy.behind = probe.getsockname()[1]
    station.env["SSL_CERT_FILE"] = os.fspath(certificate)

    assert {"public_url", "cookies", "secret_key", "suppression_key", "database_url", "redis_url"} <= set(
        wrongs(station)
    )

    # 2. keys; 3. TLS in front; Postgres and Redis of one's own, as services
    for key in ("SECRET_KEY", "SUPPRESSION_KEY"):
        station.env[key] = (station.home / "keys" / key.lower()).read_text()
    station.env["PUBLIC_URL"] = f"https://{NAME}:{port}"
    own_servers(station, elsewhere)
    station.command("migrate")
    # 4. to 6. providers and who is told
    station.env |= {"EMAIL_ESP": "postmark", "ESP_WEBHOOK_SECRET": "hook:secret", "METRICS_TOKEN": "figures"}
    station.env |= {"ALARM_EMAIL": "night@example.org", "EMAIL_FROM": "Run Reigate <tips@example.org>"}
    not_started = {"workers", "tick", "watch", "sending", "backup", "accounts"}
    assert set(wrongs(station)) - {"tls", "hsts", "twilio_hook", "esp_hook"} == not_started

    # 7. start and look
    for name in SERVICES:
        station.processes.append(started(name, station, Proxy.behind))
    wait_until(lambda: answers(f"http://127.0.0.1:{Proxy.behind}/readyz"), 60)
    wait_until(
        lambda: station.sql("SELECT count(*) FROM heartbeats WHERE name IN ('tick', 'watch')") == [(2,)], 60
    )
    station.command("user", "create", "you@example.org", "--name", "You")
    station.command("backup", str(station.home / "first.backup"))
    wait_until(lambda: wrongs(station) == {}, 30, lambda: str(wrongs(station)))


def own_servers(station: Station, home: Path) -> None:
    """A Postgres and a Redis of one's own: not under AIDSTATION_HOME, as in compose."""
    servers = embedded.ensure(home, {}, say=lambda line: None)
    station.database_url, station.redis_url = servers.database_url, servers.redis_url
    station.env |= {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
