"""EMAIL_URL: what it means, and that a mistake in it is one sentence without the password."""

import pytest
from scripted_smtp import AUTHORITY

from campaigns.channels.smtp_url import SmtpServer, Tls, parse_email_url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1:2525", SmtpServer("127.0.0.1", 2525, Tls.NONE)),
        ("smtp://relay.test", SmtpServer("relay.test", 25, Tls.NONE)),
        ("smtp://u:p@mail.test", SmtpServer("mail.test", 587, Tls.STARTTLS, "u", "p")),
        ("smtp://u:p@localhost:2525/", SmtpServer("localhost", 2525, Tls.NONE, "u", "p")),
        ("smtp://u:p@[::1]:2525?tls=none", SmtpServer("::1", 2525, Tls.NONE, "u", "p")),
        ("smtp://u:p@mail.test:465", SmtpServer("mail.test", 465, Tls.IMPLICIT, "u", "p")),
        ("smtp://u:p@mail.test:2525?tls=implicit", SmtpServer("mail.test", 2525, Tls.IMPLICIT, "u", "p")),
        ("smtps://u:p@mail.test", SmtpServer("mail.test", 465, Tls.IMPLICIT, "u", "p")),
        ("smtp://relay.test?tls=starttls", SmtpServer("relay.test", 587, Tls.STARTTLS)),
        (
            "smtp://jo%40race.test:p%2Fa%3As%25s%23@mail.test",
            SmtpServer("mail.test", 587, Tls.STARTTLS, "jo@race.test", "p/a:s%s#"),
        ),
        (
            f"smtps://mail.test?cafile={AUTHORITY}",
            SmtpServer("mail.test", 465, Tls.IMPLICIT, cafile=str(AUTHORITY)),
        ),
    ],
)
def test_a_url_is_read(url: str, server: SmtpServer) -> None:
    assert parse_email_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.test",
        "http://u:s3cret@mail.test",
        "smtp://",
        "smtp://u:s3cret@",
        "smtp://u:s3cret@mail.test:99999",
        "smtp://u:s3cret@mail.test:0",
        "smtp://u:s3c/ret@mail.test",
        "smtp://u:s3cret#x@mail.test",
        "smtp://[::1:s3cret",
        "smtp://u:s3cret@mail.test/inbox",
        "smtp://u:s3cret@mail.test?tls=maybe",
        "smtp://u:s3cret@mail.test?tls=",
        "smtp://u:s3cret@mail.test?timeout=3",
        "smtps://u:s3cret@mail.test?tls=none",
        "smtp://u:s3cret@mail.test?tls=none",
        "smtp://u:s3cret@192.0.2.1?tls=none",
        "smtp://u@mail.test",
        "smtp://:s3cret@mail.test",
        "smtp://u:s3cret%0D%0A@mail.test",
        "smtp://u:s3cr%C3%A9t@mail.test",
        "smtp://u:s3cret@mail..test",
        "smtps://u:s3cret@mail.test?cafile=/nowhere/ca.pem",
    ],
)
def test_a_mistake_is_one_sentence_that_keeps_the_password(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_email_url(url)
    sentence = str(caught.value)
    assert sentence.startswith("EMAIL_URL ")
    assert sentence.endswith(".")
    assert "s3c" not in sentence
    assert caught.value.__cause__ is None


def test_a_server_shows_no_password() -> None:
    assert "s3cret" not in repr(parse_email_url("smtps://u:s3cret@mail.test"))
