"""Encryption and login against a real TLS server: never a password in the clear."""

import base64
from collections.abc import Callable

import pytest
from scripted_smtp import AUTHORITY, Say, ScriptedSmtp

from campaigns.channels.outcomes import ChannelDown, Email, Kind
from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.smtp_url import SmtpServer, Tls

Start = Callable[..., ScriptedSmtp]
PLAIN = ("AUTH PLAIN LOGIN", "PIPELINING")


def send_one(server: ScriptedSmtp, tls: Tls, *, host: str = "localhost", trusted: bool = True) -> Kind:
    cafile = str(AUTHORITY) if trusted else None
    settings = SmtpServer(host, server.port, tls, "jo@race.test", "s3cret pass", cafile)
    channel = SmtpChannel(settings, connect_timeout=2, reply_timeout=2)
    message = Email(1, "tips@race.test", "runner@example.test", b"Subject: hi\r\n\r\nhi\r\n")
    try:
        [outcome] = channel.send([message], lambda: True)
    finally:
        channel.close()
    return outcome.kind


def refused(server: ScriptedSmtp, tls: Tls, **options: object) -> ChannelDown:
    with pytest.raises(ChannelDown) as down:
        send_one(server, tls, **options)  # type: ignore[arg-type]
    assert not any(command.startswith("MAIL") for command in server.commands)
    assert "s3cret" not in str(down.value)
    assert "jo@race" not in str(down.value)
    return down.value


def passwords(server: ScriptedSmtp) -> list[str]:
    logins = [command.split(" ")[-1] for command in server.commands if command.startswith("AUTH")]
    return [base64.b64decode(login).decode().split("\0")[-1] for login in logins]


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_a_mail_goes_encrypted_and_logged_in(smtp: Start, tls: Tls) -> None:
    server = smtp(tls=tls.value, features=PLAIN)
    assert send_one(server, tls) is Kind.ACCEPTED
    assert passwords(server) == ["s3cret pass"]
    assert server.mails[0].data == b"Subject: hi\r\n\r\nhi\r\n"


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
@pytest.mark.parametrize("options", [{"trusted": False}, {"host": "127.0.0.1"}])
def test_a_certificate_of_a_stranger_or_for_another_name_is_a_matter_for_a_person(
    smtp: Start, tls: Tls, options: dict[str, object]
) -> None:
    server = smtp(tls=tls.value, features=PLAIN)
    down = refused(server, tls, **options)
    assert down.kind is Kind.POLICY
    assert "certificate" in down.detail
    assert passwords(server) == []


def test_a_server_without_the_required_starttls_gets_no_password(smtp: Start) -> None:
    server = smtp(features=PLAIN)
    assert refused(server, Tls.STARTTLS).kind is Kind.POLICY
    assert passwords(server) == []


def test_a_server_that_cannot_start_tls_now_is_tried_again_later(smtp: Start) -> None:
    server = smtp(tls="starttls", features=PLAIN)
    server.on("STARTTLS", b"454 4.7.0 TLS not available\r\n")
    assert refused(server, Tls.STARTTLS).kind is Kind.TRANSIENT
    assert passwords(server) == []


def test_a_plain_server_on_the_tls_port_is_a_matter_for_a_person(smtp: Start) -> None:
    assert refused(smtp(features=PLAIN), Tls.IMPLICIT).kind is Kind.POLICY


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (b"535 5.7.8 jo@race.test: wrong password\r\n", Kind.POLICY, "535 5.7.8"),
        (b"530 5.7.0 first starttls\r\n", Kind.POLICY, "530 5.7.0"),
        (b"454 4.7.0 temporary authentication failure\r\n", Kind.TRANSIENT, "454 4.7.0"),
    ],
)
def test_a_refused_login_condemns_no_message(smtp: Start, answer: bytes, kind: Kind, code: str) -> None:
    server = smtp(tls="starttls", features=("AUTH PLAIN",))
    server.on("AUTH", answer)
    down = refused(server, Tls.STARTTLS)
    assert (down.kind, down.code) == (kind, code)


def test_a_server_without_login_is_a_matter_for_a_person(smtp: Start) -> None:
    assert refused(smtp(tls="starttls"), Tls.STARTTLS).kind is Kind.POLICY


def test_an_end_during_the_login_is_transient(smtp: Start) -> None:
    server = smtp(tls="starttls", features=PLAIN)
    server.on("AUTH", Say(then="close"))
    assert refused(server, Tls.STARTTLS).kind is Kind.TRANSIENT
