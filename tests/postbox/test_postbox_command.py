"""`python -m postbox`, and what the package may import."""

import ast
import json
import signal
import smtplib
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
from postbox_clients import letter

import postbox
from postbox import PortTaken, Postbox

COMMAND = [sys.executable, "-m", "postbox"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_announces_and_ends_cleanly(tmp_path, number):
    announce = tmp_path / "postbox.json"
    command = [*COMMAND, "--smtp-port", "0", "--http-port", "0", "--announce", str(announce)]
    command[1:1] = ["-W", "default::ResourceWarning"]  # a connection left open would speak up
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        ready = json.loads(process.stdout.readline())
        assert json.loads(announce.read_text()) == ready
        assert [file.name for file in tmp_path.iterdir()] == ["postbox.json"]
        with smtplib.SMTP("127.0.0.1", ready["smtp_port"]) as smtp:
            smtp.send_message(letter())
            counts = requests.get(f"{ready['twilio_base_url']}/api/counts", timeout=5).json()
            assert counts["emails"] == 1
            process.send_signal(number)  # with a connection still open
            out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")
    assert not announce.exists()


def test_a_taken_port_is_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for options in (
            ["--smtp-port", str(port), "--http-port", "0"],
            ["--smtp-port", "0", "--http-port", str(port)],
        ):
            done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=20)
            assert done.returncode == 1
            assert done.stderr.startswith(f"Port {port} for ")
            assert done.stderr.count("\n") == 1
        with pytest.raises(PortTaken), Postbox(smtp_port=port):
            pass


def test_listens_on_loopback_only(box):
    sockets = [*box._listener.sockets, *(site._server.sockets[0] for site in box._runner.sites)]
    assert {sock.getsockname()[0] for sock in sockets} == {"127.0.0.1"}


def test_leaves_no_thread_and_frees_its_ports():
    with Postbox() as box:
        ports = box.smtp_port, box.http_port
        box.faults.add("smtp", "hang", stage="greeting")
        hung = socket.create_connection(("127.0.0.1", box.smtp_port))
    hung.close()
    assert not any(thread.name == "postbox" for thread in threading.enumerate())
    with Postbox(*ports) as again:
        assert (again.smtp_port, again.http_port) == ports


def test_knows_nothing_of_campaigns():
    for file in Path(postbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(
                name.split(".")[0] in {"campaigns", "config", "worker", "django"} for name in names
            )
