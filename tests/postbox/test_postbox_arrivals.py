"""A postbox that is killed: whatever it has answered for it still knows."""

import json
import signal
import smtplib
import subprocess
import sys

import requests
from postbox_clients import letter, twilio_client

from postbox import Postbox
from postbox.arrivals import Arrivals, read


def test_what_was_answered_for_outlives_sigkill(tmp_path):
    file = tmp_path / "arrived"
    command = [sys.executable, "-m", "postbox", "--smtp-port", "0", "--http-port", "0", "--file", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ready = json.loads(process.stdout.readline())
        with smtplib.SMTP("127.0.0.1", ready["smtp_port"]) as smtp:
            smtp.send_message(letter("amy@example.com", subject="Schöne Schuhe"))
        made = requests.post(
            f"{ready['twilio_base_url']}/2010-04-01/Accounts/AC1/Messages.json",
            data={"To": "+447700900123", "From": "Run", "Body": "Drink – early"},
            auth=("AC1", "token"), timeout=5,
        ).json()  # fmt: skip
        process.send_signal(signal.SIGKILL)
    with Postbox(file=file) as again:
        (email,) = again.emails
        assert (email.number, email.recipient, email.subject) == (1, "amy@example.com", "Schöne Schuhe")
        (text,) = twilio_client(again, "AC1", "token").messages.list(to="+447700900123")
        assert (text.sid, text.body, text.status) == (made["sid"], "Drink – early", "delivered")
        with smtplib.SMTP("127.0.0.1", again.smtp_port) as smtp:
            smtp.send_message(letter("bob@example.com"))
        assert [email.number for email in again.emails] == [1, 2]
    assert [one.number for one in read(file)] == [1, 1, 2]


def test_a_line_cut_short_is_forgotten_and_not_written_behind(tmp_path):
    file = tmp_path / "arrived"
    with Postbox(file=file) as box, smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.send_message(letter("amy@example.com"))
    with file.open("ab") as torn:
        torn.write(b'{"kind":"email","recip')
    assert len(list(read(file))) == 1
    Arrivals(file).close()
    with Postbox(file=file) as box, smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.send_message(letter("bob@example.com"))
    assert [email.recipient for email in read(file)] == ["amy@example.com", "bob@example.com"]
