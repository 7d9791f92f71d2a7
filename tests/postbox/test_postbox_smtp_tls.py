"""STARTTLS and TLS from the first byte."""

import shutil
import smtplib
import ssl
import subprocess
import threading
import time

import pytest
from postbox_clients import letter
from raw_smtp import RawSmtp

from postbox import Postbox


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate and key for localhost, made for this run."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out cert"
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder / "cert", folder / "key"


@pytest.fixture
def server_tls(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def client_tls(certificate):
    return ssl.create_default_context(cafile=str(certificate[0]))


def test_starttls_then_login_then_mail(server_tls, client_tls):
    with Postbox(tls=server_tls, smtp_login=("u", "p")) as box:
        assert box.email_url.endswith("?tls=starttls")
        with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=5) as smtp:
            smtp.starttls(context=client_tls)
            smtp.ehlo()
            assert not smtp.has_extn("starttls")
            smtp.login("u", "p")
            smtp.send_message(letter())
        assert len(box.emails) == 1


def test_implicit_tls(server_tls, client_tls):
    with Postbox(tls=server_tls, implicit_tls=True) as box:
        assert box.email_url.endswith("?tls=implicit")
        with smtplib.SMTP_SSL("127.0.0.1", box.smtp_port, context=client_tls, timeout=5) as smtp:
            smtp.ehlo()
            assert not smtp.has_extn("starttls")
            smtp.send_message(letter())
        assert len(box.emails) == 1


def test_what_was_said_in_the_clear_is_forgotten(server_tls, client_tls):
    with Postbox(tls=server_tls) as box, smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=5) as smtp:
        smtp.ehlo()
        smtp.mail("a@example.org")
        smtp.starttls(context=client_tls)
        assert smtp.docmd("MAIL FROM:<a@example.org>")[0] == 503  # EHLO must come again


def test_a_command_slipped_in_behind_starttls_is_not_obeyed(server_tls):
    with Postbox(tls=server_tls) as box, RawSmtp(box.smtp_port) as smtp:
        smtp.send(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")
        assert smtp.rest().startswith(b"503 5.5.0")


def test_a_command_slipped_in_while_the_220_is_late_is_not_obeyed_once_encrypted(server_tls, client_tls):
    with Postbox(tls=server_tls) as box, RawSmtp(box.smtp_port) as smtp:
        box.faults.add("smtp", "slow", stage="starttls", seconds=0.3)
        smtp.send(b"STARTTLS\r\n")
        time.sleep(0.1)
        smtp.send(b"EHLO evil")  # without a line end: what the client says next would complete it
        assert smtp.read(1)[0].startswith(b"220")
        with client_tls.wrap_socket(smtp.sock, server_hostname="127.0.0.1") as tls:
            tls.sendall(b"\r\n")
            assert tls.recv(100).startswith(b"500")


def test_an_ehlo_that_comes_together_with_the_handshake_is_answered(server_tls, client_tls):
    """TLS 1.3 clients may send data right behind their last handshake message."""
    with Postbox(tls=server_tls) as box, RawSmtp(box.smtp_port) as smtp:
        assert smtp.codes(b"STARTTLS\r\n") == [220]
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                smtp.send(outgoing.read())
                incoming.write(smtp.sock.recv(65536))
        tls.write(b"EHLO test\r\n")
        smtp.send(outgoing.read())  # Finished and EHLO in one piece
        answer = b""
        while b"SMTPUTF8" not in answer:
            incoming.write(smtp.sock.recv(65536))
            try:
                answer += tls.read()
            except ssl.SSLWantReadError:
                continue
        assert answer.startswith(b"250-postbox")


def test_a_client_that_does_not_trust_the_certificate_leaves_no_trace(server_tls):
    with Postbox(tls=server_tls) as box:
        with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=5) as smtp:
            with pytest.raises(ssl.SSLCertVerificationError):
                smtp.starttls(context=ssl.create_default_context())
            smtp.close()
        with RawSmtp(box.smtp_port) as smtp:
            assert smtp.codes(b"NOOP\r\n") == [250]
    assert not any(thread.name == "postbox" for thread in threading.enumerate())
