"""The mail server without faults, spoken to by smtplib and byte by byte."""

import base64
import smtplib
import time

import pytest
from postbox_clients import letter
from raw_smtp import BODY, RawSmtp, envelope

from postbox import Postbox


def test_keeps_what_smtplib_sends_byte_for_byte(box):
    with smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.send_message(letter(subject="Größe 42"))
        smtp.send_message(letter(to="ben@example.com"))
    box.wait_for(emails=2)
    first, second = box.emails
    assert (first.recipient, first.sender, first.subject) == (
        "amy@example.com",
        "tips@example.org",
        "Größe 42",
    )
    assert first.raw.endswith(b"\r\nBreak them in.\r\n")
    assert first.message["To"] == "amy@example.com"
    assert second.recipient == "ben@example.com"
    assert first.arrived_at.tzinfo is not None
    assert box.smtp_connections == 1


def test_each_recipient_gets_an_email(box):
    with smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.sendmail("tips@example.org", ["amy@example.com", "ben@example.com"], "Subject: x\r\n\r\nx")
    assert [email.recipient for email in box.emails] == ["amy@example.com", "ben@example.com"]


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n",
        b"..\r\n",
        b"a\r\n.b\r\n..c\r\n",
        b"\r\n.\r\n.\r\n",
        b"",
        b"bare\n.\nline feeds\r\n",
        b"a\r.\r\n",
        b".\r\n.\r\n",
    ],
)
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_dots_come_back_as_they_were_however_the_bytes_are_cut(box, body, piece):
    stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        for start in range(0, len(stuffed), piece):
            smtp.send(stuffed[start : start + piece])
        assert smtp.read(1)[0].startswith(b"250")
        assert smtp.codes(b"NOOP\r\n") == [250]
    assert [email.raw for email in box.emails] == [body]


def test_answers_a_pipelined_group_in_order_and_takes_an_envelope_behind_a_body(box):
    with RawSmtp(box.smtp_port) as smtp:
        assert smtp.codes(envelope("a@example.com"), 3) == [250, 250, 354]
        assert smtp.codes(BODY + envelope("b@example.com"), 4) == [250, 250, 250, 354]
        assert smtp.codes(BODY + b"QUIT\r\n", 2) == [250, 221]
        assert smtp.rest() == b""
    assert [email.recipient for email in box.emails] == ["a@example.com", "b@example.com"]


def test_a_body_sent_before_its_354_is_refused(box):
    with RawSmtp(box.smtp_port) as smtp:
        smtp.send(envelope() + BODY)
        assert b"503 5.5.0 Improper pipelining" in smtp.rest()
    assert box.emails == []


def test_without_pipelining_a_client_that_does_not_wait_is_refused():
    with Postbox(pipelining=False) as box, RawSmtp(box.smtp_port, hello=False) as smtp:
        smtp.read(1)
        assert b"PIPELINING" not in smtp.ask(b"EHLO test\r\n")[0]
        assert smtp.codes(b"MAIL FROM:<a@example.org>\r\n") == [250]
        smtp.send(b"RCPT TO:<b@example.com>\r\nDATA\r\n")
        assert b"503 5.5.0 Improper pipelining" in smtp.rest()


def test_without_pipelining_a_patient_client_is_served():
    with Postbox(pipelining=False) as box, smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.send_message(letter())
        assert len(box.emails) == 1


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        ([b"RCPT TO:<a@example.com>"], 503),
        ([b"DATA"], 503),
        ([b"MAIL FROM:a@example.com"], 501),
        ([b"MAIL FROM:<a>"], 501),
        ([b"MAIL FROM:<a@example.com> FOO=1"], 555),
        ([b"MAIL FROM:<a@example.com> SIZE=99999999999"], 552),
        ([b"MAIL FROM:<a@example.com>", b"MAIL FROM:<a@example.com>"], 503),
        ([b"MAIL FROM:<>", b"RCPT TO:<>"], 501),
        ([b"MAIL FROM:<>", b"RCPT TO:<a@example.com> NOTIFY=NEVER"], 555),
        ([b"MAIL FROM:<>", b"DATA"], 554),
        (["MAIL FROM:<bjørn@example.com>".encode()], 553),
        ([b"MAIL FROM:<\xff@example.com> SMTPUTF8"], 553),
        (["MAIL FROM:<bjørn@example.com> SMTPUTF8 BODY=8BITMIME SIZE=100".encode()], 250),
        ([b'MAIL FROM:<"a>b"@example.com>'], 250),
        ([b"MAIL FROM:<>", b"RSET", b"RCPT TO:<a@example.com>"], 503),
        ([b"noop"], 250),
        ([b"VRFY amy"], 252),
        ([b"EHLO"], 501),
        ([b"HELP"], 500),
        ([b"AUTH PLAIN AAAA"], 502),
        ([b"STARTTLS"], 502),
        ([b""], 500),
    ],
)
def test_the_last_command_is_answered_with(box, commands, code):
    with RawSmtp(box.smtp_port) as smtp:
        assert [smtp.codes(command + b"\r\n") for command in commands][-1] == [code]


def test_mail_needs_a_greeting_first(box):
    with RawSmtp(box.smtp_port, hello=False) as smtp:
        smtp.read(1)
        assert smtp.codes(b"MAIL FROM:<>\r\n") == [503]
        assert smtp.codes(b"HELO test\r\n") == [250]
        assert smtp.codes(b"MAIL FROM:<>\r\n") == [250]


def test_more_recipients_than_the_limit_are_put_off(box):
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(b"MAIL FROM:<>\r\n")
        group = b"".join(b"RCPT TO:<%d@example.com>\r\n" % n for n in range(1001))
        codes = smtp.codes(group, 1001)
    assert codes[:1000] == [250] * 1000
    assert codes[1000] == 452


def test_a_message_over_the_size_limit_is_swallowed_and_refused_and_the_connection_goes_on():
    with Postbox(size_limit=1000) as box, RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.send(b"x" * 5000)
        time.sleep(0.1)  # what was sent is dropped by now; the rest alone would be small enough
        assert smtp.codes(b"x\r\n.\r\n") == [552]
        smtp.ask(envelope(), 3)
        assert smtp.codes(b"x" * 998 + b"\r\n.\r\n") == [250]
        smtp.ask(envelope(), 3)
        assert smtp.codes(b"x" * 999 + b"\r\n.\r\n") == [552]
        assert len(box.emails) == 1


def test_a_line_without_end_is_cut_off(box):
    with RawSmtp(box.smtp_port) as smtp:
        smtp.send(b"x" * 20_000)
        assert smtp.rest().startswith(b"500 5.5.2")


def test_a_message_without_its_dot_is_not_kept(box):
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.send(BODY[:-3])
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.ask(BODY)
    assert len(box.emails) == 1


LOGIN = ("user@example.org", "pass wörd")


def test_demands_the_login_it_was_given():
    with Postbox(smtp_login=LOGIN) as box, RawSmtp(box.smtp_port) as smtp:
        assert smtp.codes(b"MAIL FROM:<>\r\n") == [530]
        wrong = base64.b64encode(b"\0user@example.org\0wrong")
        assert smtp.codes(b"AUTH PLAIN " + wrong + b"\r\n") == [535]
        assert smtp.codes(b"AUTH PLAIN !!!\r\n") == [535]
        assert smtp.codes(b"AUTH CRAM-MD5\r\n") == [504]
        assert smtp.codes(b"MAIL FROM:<>\r\n") == [530]
        right = base64.b64encode("\0".join(("", *LOGIN)).encode())
        assert smtp.codes(b"AUTH PLAIN\r\n") == [334]
        assert smtp.codes(right + b"\r\n") == [235]
        assert smtp.codes(b"MAIL FROM:<>\r\n") == [250]


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_smtplib_logs_in(mechanism):
    login = ("user@example.org", "secret")
    with Postbox(smtp_login=login) as box, smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.ehlo()
        smtp.user, smtp.password = login
        code, _ = smtp.auth(mechanism[5:], getattr(smtp, mechanism))
        assert code == 235
        smtp.send_message(letter())
        assert len(box.emails) == 1


def test_email_url_carries_the_login_encoded():
    box = Postbox(smtp_port=2599, smtp_login=("a@b", "p/w:d"))
    assert box.email_url == "smtp://a%40b:p%2Fw%3Ad@127.0.0.1:2599"


def test_fifty_connections_at_once(box):
    clients = [RawSmtp(box.smtp_port) for _ in range(50)]
    for client in clients:
        client.send(envelope())
    for client in clients:
        client.read(3)
        client.send(BODY)
    for client in clients:
        client.read(1)
        client.sock.close()
    assert box.counts["emails"] == 50


def test_wait_for_says_what_is_missing(box):
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="Only 0 of 1 emails"):
        box.wait_for(emails=1, timeout=0.1)
    assert time.monotonic() - started < 2
