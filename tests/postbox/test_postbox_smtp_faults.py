"""What the mail server does wrong when told to, seen from the client's socket."""

import smtplib
import time

import pytest
from postbox_clients import letter
from raw_smtp import BODY, RawSmtp, envelope


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_refuses_at_a_stage_so_often_and_then_works(box, stage):
    fault = box.faults.add("smtp", "refuse", stage=stage, code=451, text="4.7.1 Later", count=1)
    parts = [b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b@example.com>\r\n", b"DATA\r\n", BODY]
    with RawSmtp(box.smtp_port) as smtp:
        for part, name in zip(parts, ["mail", "rcpt", "data", "dot"], strict=True):
            reply = smtp.ask(part)[0]
            if name == stage:
                assert reply == b"451 4.7.1 Later\r\n"
                break
            assert reply[:1] in b"23"
        smtp.ask(b"RSET\r\n")
        smtp.ask(envelope(), 3)
        assert smtp.codes(BODY) == [250]
    assert len(box.emails) == 1
    assert fault.played == 1


def test_refuses_at_the_greeting_and_closes(box):
    box.faults.add("smtp", "refuse", stage="greeting", code=554, text="No")
    with RawSmtp(box.smtp_port, hello=False) as smtp:
        assert smtp.rest() == b"554 No\r\n"


def test_an_answer_of_several_lines(box):
    box.faults.add("smtp", "refuse", stage="mail", code=550, text="5.7.1 One\n5.7.1 two")
    with RawSmtp(box.smtp_port) as smtp:
        assert smtp.ask(b"MAIL FROM:<>\r\n") == [b"550-5.7.1 One\r\n550 5.7.1 two\r\n"]


def test_only_the_matching_recipient_is_refused_after_the_first_one(box):
    box.faults.add("smtp", "refuse", stage="rcpt", code=550, match="*@bad.example", after=1)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(b"MAIL FROM:<>\r\n")
        to = [b"a@bad.example", b"b@good.example", b"C@BAD.example", b"d@bad.example"]
        assert smtp.codes(b"".join(b"RCPT TO:<" + each + b">\r\n" for each in to), 4) == [250, 250, 550, 550]


@pytest.mark.parametrize(("code", "answer"), [(None, 554), (250, 250)])
def test_354_after_every_recipient_was_refused(box, code, answer):
    box.faults.add("smtp", "refuse", stage="rcpt", code=550, match="amy@example.com")
    box.faults.add("smtp", "go_ahead", code=code, match="amy@example.com")
    with RawSmtp(box.smtp_port) as smtp:
        assert smtp.codes(envelope(), 3) == [250, 550, 354]
        assert smtp.codes(b".\r\n") == [answer]
        assert smtp.codes(envelope("ben@example.com"), 3) == [250, 250, 354]
        assert smtp.codes(BODY) == [250]
    assert [email.recipient for email in box.emails] == ["ben@example.com"]


def test_421_between_messages_then_closes(box):
    box.faults.add("smtp", "refuse", stage="between", code=421, text="4.3.2 Shutting down", after=1)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        assert smtp.codes(BODY) == [250]
        smtp.ask(envelope(), 3)
        smtp.send(BODY)
        assert smtp.rest().endswith(b"postbox\r\n421 4.3.2 Shutting down\r\n")
    assert len(box.emails) == 2


def test_421_at_any_stage_closes(box):
    box.faults.add("smtp", "refuse", stage="mail", code=421, text="Bye")
    with RawSmtp(box.smtp_port) as smtp:
        smtp.send(b"MAIL FROM:<>\r\n")
        assert smtp.rest() == b"421 Bye\r\n"


@pytest.mark.parametrize("kept", [True, False])
def test_closes_before_the_250_with_the_message_kept_or_not(box, kept):
    box.faults.add("smtp", "close", stage="dot", kept=kept, count=1)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.send(BODY)
        assert smtp.rest() == b""
    assert len(box.emails) == int(kept)


def test_closes_just_after_the_250(box):
    box.faults.add("smtp", "close", stage="between", count=1)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.send(BODY)
        assert smtp.rest().startswith(b"250 ")
    assert len(box.emails) == 1


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "dot"])
def test_a_slow_answer_is_late_and_right_and_in_order(box, stage):
    box.faults.add("smtp", "slow", stage=stage, seconds=0.3, count=1)
    started = time.monotonic()
    with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=5) as smtp:
        smtp.send_message(letter())
        assert time.monotonic() - started >= 0.3
    assert len(box.emails) == 1


def test_behind_a_slow_answer_a_pipelined_group_keeps_its_order(box):
    box.faults.add("smtp", "slow", stage="rcpt", seconds=0.2, count=1)
    with RawSmtp(box.smtp_port) as smtp:
        assert smtp.codes(envelope(), 3) == [250, 250, 354]


@pytest.mark.parametrize("stage", ["greeting", "mail", "dot"])
def test_hangs_and_never_answers(box, stage):
    box.faults.add("smtp", "hang", stage=stage)
    with RawSmtp(box.smtp_port, hello=stage != "greeting") as smtp:
        if stage == "dot":
            smtp.ask(envelope(), 3)
        smtp.send(BODY if stage == "dot" else b"MAIL FROM:<>\r\n")
        assert smtp.is_silent()
        smtp.send(b"QUIT\r\n")
        assert smtp.is_silent()
    assert box.emails == []


def test_hangs_after_it_has_kept_the_message(box):
    box.faults.add("smtp", "hang", stage="dot", kept=True)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.send(BODY)
        assert smtp.is_silent()
    assert len(box.emails) == 1


def test_hangs_between_messages(box):
    box.faults.add("smtp", "hang", stage="between")
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        assert smtp.codes(BODY) == [250]
        smtp.send(b"NOOP\r\n")
        assert smtp.is_silent()


def test_every_byte_of_every_answer_may_come_alone(box):
    box.faults.add("smtp", "split", seconds=0.01)
    begun = time.monotonic()
    with RawSmtp(box.smtp_port, hello=False) as smtp:
        pieces = []
        while b"".join(pieces)[-2:] != b"\r\n":
            pieces.append(smtp.sock.recv(100))
        # A busy reader finds several bytes together, but however it reads, each has waited for the one before.
        assert time.monotonic() - begun >= 0.01 * (len(b"".join(pieces)) - 1)
        assert len(pieces) > 3
        smtp.ask(b"EHLO test\r\n")
        assert smtp.codes(envelope(), 3) == [250, 250, 354]
        assert smtp.codes(BODY + envelope("b@example.com"), 4) == [250, 250, 250, 354]
    assert len(box.emails) == 1


def test_a_fault_for_every_answer_counts_answers_only(box):
    fault = box.faults.add("smtp", "split", count=6)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.ask(BODY)
        assert fault.played == 6  # greeting, EHLO, MAIL, RCPT, DATA, dot
        assert smtp.codes(b"NOOP\r\n") == [250]
    fault = box.faults.add("smtp", "split", count=100)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.ask(BODY)
    assert fault.played == 6


def test_an_answer_is_held_and_leaves_together_with_the_next(box):
    box.faults.add("smtp", "merge", stage="dot", seconds=60)
    with RawSmtp(box.smtp_port) as smtp:
        smtp.ask(envelope(), 3)
        smtp.send(BODY)
        assert smtp.is_silent()
        smtp.send(envelope("b@example.com"))
        time.sleep(0.2)
        assert smtp.sock.recv(1000).count(b"\r\n") == 4


def test_a_held_answer_leaves_alone_when_no_other_comes(box):
    box.faults.add("smtp", "merge", stage="mail", seconds=0.1)
    with RawSmtp(box.smtp_port) as smtp:
        assert smtp.codes(b"MAIL FROM:<>\r\n") == [250]


def test_clearing_the_faults_makes_everything_work(box):
    box.faults.add("smtp", "refuse", stage="mail", code=550)
    assert len(box.faults) == 1
    box.faults.clear()
    with smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.send_message(letter())
    assert len(box.emails) == 1


def test_of_two_faults_at_one_stage_the_second_waits_for_the_first_to_be_spent(box):
    box.faults.add("smtp", "refuse", stage="mail", code=450, count=1)
    box.faults.add("smtp", "refuse", stage="mail", code=550, count=1)
    with RawSmtp(box.smtp_port) as smtp:
        assert [smtp.codes(b"MAIL FROM:<>\r\n") for _ in range(3)] == [[450], [550], [250]]


@pytest.mark.parametrize(
    ("channel", "kind", "options", "complaint"),
    [
        ("fax", "refuse", {"stage": "mail", "code": 550}, "no fault fax refuse"),
        ("smtp", "explode", {}, "no fault smtp explode"),
        ("smtp", "refuse", {"stage": "mail"}, "needs a code"),
        ("smtp", "refuse", {"stage": "lunch", "code": 550}, "needs a stage"),
        ("smtp", "hang", {}, "needs a stage"),
        ("smtp", "slow", {"stage": "between", "seconds": 1.0}, "between"),
        ("smtp", "refuse", {"stage": "mail", "code": 1000}, "needs a code"),
        ("smtp", "refuse", {"stage": "mail", "code": "550"}, "wrong type"),
        ("smtp", "close", {"stage": "dot", "count": 0}, "count"),
        ("smtp", "close", {"stage": "dot", "colour": "red"}, "no colour"),
        ("smtp", "close", {"stage": "dot", "count": True}, "wrong type"),
        ("smtp", "close", {"stage": "create"}, "needs a stage"),
        ("twilio", "close", {"stage": "dot"}, "needs a stage"),
        ("twilio", "split", {}, "no fault twilio split"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(box, channel, kind, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        box.faults.add(channel, kind, **options)
    assert len(box.faults) == 0
