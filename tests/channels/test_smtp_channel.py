"""The mail channel against a scripted server: all that can go wrong, and whose message it touches."""

import time
from collections.abc import Callable, Iterator

import pytest
from scripted_smtp import DEFAULTS, Say, ScriptedSmtp

from campaigns.channels.outcomes import ChannelDown, Email, Kind, Outcome
from campaigns.channels.smtp import SmtpChannel

Connect = Callable[..., SmtpChannel]


def always() -> bool:
    return True


def email(key: int, data: bytes = b"Subject: hi\r\n\r\nbody\r\n", **changes: str) -> Email:
    sender = changes.get("sender", "tips@race.test")
    return Email(key, sender, changes.get("recipient", f"runner{key}@example.test"), data)


def emails(count: int) -> list[Email]:
    return [email(key) for key in range(1, count + 1)]


def sent(channel: SmtpChannel, messages: list[Email]) -> list[Outcome]:
    return list(channel.send(messages, always))


def kinds(outcomes: list[Outcome]) -> list[Kind]:
    return [outcome.kind for outcome in outcomes]


def recipients(server: ScriptedSmtp) -> list[str]:
    return [mail.recipient for mail in server.mails]


def test_each_message_is_accepted_with_its_queue_id_over_one_connection(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    outcomes = sent(channel_to(server), emails(3))
    assert [(o.key, o.kind, o.code, o.provider_ref) for o in outcomes] == [
        (key, Kind.ACCEPTED, "250 2.0.0", "4XyZ12") for key in (1, 2, 3)
    ]
    assert recipients(server) == [f"runner{key}@example.test" for key in (1, 2, 3)]
    assert server.connections == 1
    assert "RSET" not in server.commands
    assert "NOOP" not in server.commands


def test_the_connection_stays_open_between_blocks(server: ScriptedSmtp, channel_to: Connect) -> None:
    channel = channel_to(server)
    sent(channel, emails(2))
    sent(channel, emails(2))
    assert server.connections == 1


def test_no_messages_open_no_connection(server: ScriptedSmtp, channel_to: Connect) -> None:
    assert sent(channel_to(server), []) == []
    assert server.connections == 0


def test_a_connection_is_renewed_politely_after_its_share(server: ScriptedSmtp, channel_to: Connect) -> None:
    sent(channel_to(server, per_connection=2), emails(5))
    assert [mail.connection for mail in server.mails] == [1, 1, 2, 2, 3]
    assert server.commands.count("QUIT") == 2


@pytest.mark.parametrize(
    ("answer", "kind", "code", "recognised"),
    [
        (b"550 5.1.1 no such user\r\n", Kind.RECIPIENT, "550 5.1.1", True),
        (b"550 5.2.1 disabled\r\n", Kind.RECIPIENT, "550 5.2.1", True),
        (b"553 no\r\n", Kind.RECIPIENT, "553", True),
        (b"550 5.1.8 bad sender address\r\n", Kind.POLICY, "550 5.1.8", True),
        (b"550 5.7.26 unauthenticated\r\n", Kind.POLICY, "550 5.7.26", True),
        (b"530 login first\r\n", Kind.POLICY, "530", True),
        (b"450 4.2.0 greylisted\r\n", Kind.TRANSIENT, "450 4.2.0", True),
        (b"452 4.2.2 over quota\r\n", Kind.TRANSIENT, "452 4.2.2", True),
        (b"552 5.2.2 mailbox full\r\n", Kind.RECIPIENT, "552 5.2.2", False),
        (b"599 strange\r\n", Kind.RECIPIENT, "599", False),
    ],
)
def test_a_refused_recipient_gets_its_kind_and_no_body(
    server: ScriptedSmtp, channel_to: Connect, answer: bytes, kind: Kind, code: str, recognised: bool
) -> None:
    server.on("RCPT", answer)
    first, second = sent(channel_to(server), emails(2))
    assert (first.key, first.kind, first.code, first.recognised) == (1, kind, code, recognised)
    assert second.kind is Kind.ACCEPTED
    assert recipients(server) == ["runner2@example.test"]
    assert server.commands.count("DATA") == 1


@pytest.mark.parametrize(
    ("answer", "kind", "recognised"),
    [
        (b"552 too big\r\n", Kind.MESSAGE, True),
        (b"554 not wanted\r\n", Kind.MESSAGE, True),
        (b"552 5.3.4 too big\r\n", Kind.MESSAGE, True),
        (b"552 5.2.3 too long for this mailbox\r\n", Kind.MESSAGE, True),
        (b"550 5.6.0 bad content\r\n", Kind.MESSAGE, True),
        (b"554 5.7.1 spam\r\n", Kind.POLICY, True),
        (b"550 5.1.10 not found\r\n", Kind.RECIPIENT, True),
        (b"550 cannot\r\n", Kind.RECIPIENT, False),
        (b"554 5.0.0 cannot\r\n", Kind.RECIPIENT, False),
        (b"451 4.3.0 later\r\n", Kind.TRANSIENT, True),
        (b"421 4.3.2 closing\r\n", Kind.TRANSIENT, True),
    ],
)
def test_a_refusal_after_the_dot_is_an_answer_and_never_a_doubt(
    server: ScriptedSmtp, channel_to: Connect, answer: bytes, kind: Kind, recognised: bool
) -> None:
    server.on("DOT", answer)
    first, second = sent(channel_to(server), emails(2))
    assert (first.kind, first.recognised) == (kind, recognised)
    assert second.kind is Kind.ACCEPTED


@pytest.mark.parametrize("answer", [b"550 5.1.1 who\r\n", b"553 sender\r\n", b"552 5.3.4 size\r\n"])
def test_any_permanent_refusal_of_the_sender_is_policy_and_condemns_nobody(
    server: ScriptedSmtp, channel_to: Connect, answer: bytes
) -> None:
    server.on("MAIL", answer)
    assert kinds(sent(channel_to(server), emails(2))) == [Kind.POLICY, Kind.ACCEPTED]


def test_a_lost_answer_to_the_dot_is_one_doubt_and_the_rest_goes_over_a_new_connection(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("DOT", None, Say(then="close"))
    outcomes = sent(channel_to(server), emails(4))
    assert kinds(outcomes) == [Kind.ACCEPTED, Kind.DOUBTFUL, Kind.ACCEPTED, Kind.ACCEPTED]
    assert server.connections == 2


@pytest.mark.parametrize("half", [b"250", b"250-first line\r\n", b"250 2.0.0 ok"])
def test_half_an_answer_to_the_dot_is_a_doubt(server: ScriptedSmtp, channel_to: Connect, half: bytes) -> None:
    server.on("DOT", Say(half, then="close"))
    assert kinds(sent(channel_to(server), emails(1))) == [Kind.DOUBTFUL]


def test_silence_after_the_dot_is_a_doubt_within_its_own_timeout(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("DOT", Say(then="hang"))
    begun = time.monotonic()
    assert kinds(sent(channel_to(server, dot_timeout=0.3), emails(1))) == [Kind.DOUBTFUL]
    assert time.monotonic() - begun < 2


def test_a_dot_is_answered_later_than_any_command_may_be(server: ScriptedSmtp, channel_to: Connect) -> None:
    server.on("DOT", Say(b"250 2.0.0 ok\r\n", wait=0.8))
    channel = channel_to(server, reply_timeout=0.3, dot_timeout=5)
    assert kinds(sent(channel, emails(2))) == [Kind.ACCEPTED, Kind.ACCEPTED]
    assert server.connections == 1


def test_rubbish_after_the_dot_is_a_doubt(server: ScriptedSmtp, channel_to: Connect) -> None:
    server.on("DOT", b"yes, fine\r\n")
    assert kinds(sent(channel_to(server), emails(2))) == [Kind.DOUBTFUL, Kind.ACCEPTED]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("then", ["close", "reset", "hang"])
def test_an_end_before_the_dot_is_no_doubt(
    server: ScriptedSmtp, channel_to: Connect, verb: str, then: str
) -> None:
    server.on(verb, Say(then=then))
    outcomes = sent(channel_to(server, reply_timeout=0.3), emails(2))
    assert kinds(outcomes) == [Kind.TRANSIENT, Kind.ACCEPTED]
    assert recipients(server) == ["runner2@example.test"]


def test_an_answer_given_before_a_reset_in_the_middle_of_the_body_counts(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("BODY", Say(b"250 2.0.0 Ok: queued as EARLY\r\n", then="close"))
    [outcome] = sent(channel_to(server), [email(1, b"x" * 70 + b"\r\n" + b"y" * 30_000_000)])
    assert (outcome.kind, outcome.provider_ref) == (Kind.ACCEPTED, "EARLY")


def test_a_refusal_given_before_a_reset_in_the_middle_of_the_body_counts(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("BODY", Say(b"552 5.3.4 too big\r\n", then="close"))
    [outcome] = sent(channel_to(server), [email(1, b"y" * 30_000_000)])
    assert (outcome.kind, outcome.code) == (Kind.MESSAGE, "552 5.3.4")


def test_a_reset_in_the_middle_of_the_body_was_never_handed_over(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("BODY", Say(then="close"))
    [outcome] = sent(channel_to(server), [email(1, b"y" * 30_000_000)])
    assert outcome.kind is Kind.TRANSIENT


@pytest.mark.parametrize(
    "farewell",
    [
        Say(DEFAULTS["DOT"] + b"421 4.4.2 too many\r\n", then="close"),  # merged with the answer before
        Say(DEFAULTS["DOT"], then="close"),
        Say(DEFAULTS["DOT"], then="reset"),
    ],
)
def test_a_connection_ended_between_messages_touches_nobody(
    server: ScriptedSmtp, channel_to: Connect, farewell: Say
) -> None:
    server.on("DOT", None, farewell)
    outcomes = []
    for outcome in channel_to(server).send(emails(4), always):
        outcomes.append(outcome)
        time.sleep(0.02)
    assert kinds(outcomes) == [Kind.ACCEPTED] * 4
    assert server.connections == 2
    assert recipients(server) == [f"runner{key}@example.test" for key in (1, 2, 3, 4)]


def test_a_421_to_the_next_envelope_reopens_and_sends_that_message(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("MAIL", None, Say(b"421 4.7.0 enough on this connection\r\n", then="close"))
    assert kinds(sent(channel_to(server), emails(3))) == [Kind.ACCEPTED] * 3
    assert server.connections == 2


def test_a_421_on_a_fresh_connection_does_not_go_round_for_ever(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("MAIL", *[Say(b"421 4.7.0 go away\r\n", then="close")] * 3)
    assert kinds(sent(channel_to(server), emails(2))) == [Kind.TRANSIENT] * 2


def test_a_354_after_a_refused_recipient_gets_no_body_and_shifts_no_answer(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("RCPT", b"550 5.1.1 no such user\r\n354 go ahead all the same\r\n")
    outcomes = sent(channel_to(server), emails(3))
    assert kinds(outcomes) == [Kind.RECIPIENT, Kind.ACCEPTED, Kind.ACCEPTED]
    assert recipients(server) == ["runner2@example.test", "runner3@example.test"]
    assert server.connections == 2


def test_a_354_in_place_of_a_refusal_to_the_recipient_is_not_followed_by_a_body(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("RCPT", b"354 go ahead\r\n")
    assert kinds(sent(channel_to(server), emails(2))) == [Kind.TRANSIENT, Kind.ACCEPTED]
    assert recipients(server) == ["runner2@example.test"]


def test_a_server_that_will_not_reset_is_left(server: ScriptedSmtp, channel_to: Connect) -> None:
    server.on("RCPT", b"550 5.1.1 no such user\r\n")
    server.on("RSET", b"354 go ahead\r\n")
    assert kinds(sent(channel_to(server), emails(2))) == [Kind.RECIPIENT, Kind.ACCEPTED]
    assert server.connections == 2


@pytest.mark.parametrize(
    "unasked", [b"250 2.0.0 Ok\r\n" * 2 + b"354 go ahead\r\n", b"250 2.0.0 Ok\r\n", b"354 go ahead\r\n"]
)
def test_answers_given_unasked_are_never_taken_for_the_next_persons(
    server: ScriptedSmtp, channel_to: Connect, unasked: bytes
) -> None:
    server.on("DOT", DEFAULTS["DOT"] + unasked)
    server.on("RCPT", None, b"550 5.1.1 no such user\r\n")
    outcomes = sent(channel_to(server), emails(3))
    assert kinds(outcomes) == [Kind.ACCEPTED, Kind.RECIPIENT, Kind.ACCEPTED]
    assert recipients(server) == ["runner1@example.test", "runner3@example.test"]


ANSWER = b"250-2.0.0 first line\r\n250-2.0.0 second\r\n250 2.0.0 Ok: queued as CUT99\r\n"


def test_a_many_line_answer_split_at_any_byte_is_one_answer(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("DOT", *[Say(ANSWER, cut=cut) for cut in range(1, len(ANSWER))])
    outcomes = sent(channel_to(server, per_connection=1000), emails(len(ANSWER) - 1))
    assert {(o.kind, o.provider_ref) for o in outcomes} == {(Kind.ACCEPTED, "CUT99")}
    assert server.connections == 1


def test_refusals_split_at_any_byte_stay_with_their_person(server: ScriptedSmtp, channel_to: Connect) -> None:
    no = b"550-5.1.1 no such\r\n550 5.1.1 user\r\n"
    for cut in range(1, len(no)):
        server.on("RCPT", Say(no, cut=cut), None)
    outcomes = sent(channel_to(server, per_connection=1000), emails(2 * (len(no) - 1)))
    assert kinds(outcomes) == [Kind.RECIPIENT, Kind.ACCEPTED] * (len(no) - 1)
    assert recipients(server) == [f"runner{o.key}@example.test" for o in outcomes if o.kind is Kind.ACCEPTED]


def test_an_endless_answer_is_cut_off(server: ScriptedSmtp, channel_to: Connect) -> None:
    server.on("MAIL", b"250-on and on\r\n" * 5000)
    assert kinds(sent(channel_to(server), emails(1))) == [Kind.TRANSIENT]


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: dots\r\n\r\n.\r\n..\r\n.leading\r\nmid.dle\r\n",
        b".begins with a dot\r\n",
        b"Subject: bare\n\nline\n.\nlone CR\rend",
        b"Subject: smuggled\r\n\r\nhi\r\n.\r\nMAIL FROM:<evil@example.test>\r\n",
        b"no line end at all",
    ],
)
def test_a_body_arrives_whole_whatever_dots_and_line_ends_it_holds(
    server: ScriptedSmtp, channel_to: Connect, data: bytes
) -> None:
    assert kinds(sent(channel_to(server), [email(1, data), email(2)])) == [Kind.ACCEPTED] * 2
    wanted = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert server.mails[0].data == wanted + (b"" if wanted.endswith(b"\r\n") else b"\r\n")
    assert len(server.mails) == 2
    assert server.commands.count("DATA") == 2


def test_an_address_that_would_carry_commands_is_not_sent(server: ScriptedSmtp, channel_to: Connect) -> None:
    evil = "a@example.test>\r\nRCPT TO:<b@example.test"
    messages = [email(1, recipient=evil), email(2, sender=evil), email(3, recipient=""), email(4)]
    outcomes = sent(channel_to(server), messages)
    assert kinds(outcomes) == [Kind.RECIPIENT, Kind.POLICY, Kind.RECIPIENT, Kind.ACCEPTED]
    assert "b@example.test" not in "".join(server.commands)


def test_an_address_beyond_ascii_needs_smtputf8(
    smtp: Callable[..., ScriptedSmtp], channel_to: Connect
) -> None:
    plain, able = smtp(), smtp(features=("SMTPUTF8", "8BITMIME"))
    message = email(1, "Subject: Zoë\r\n\r\nhi\r\n".encode(), recipient="zoë@example.test")
    [refused] = sent(channel_to(plain), [message])
    assert refused.kind is Kind.RECIPIENT
    assert "SMTPUTF8" in refused.detail
    assert "zoë" not in refused.detail
    assert kinds(sent(channel_to(able), [message])) == [Kind.ACCEPTED]
    assert "MAIL FROM:<tips@race.test> BODY=8BITMIME SMTPUTF8" in able.commands


def test_ascii_asks_for_no_extension_even_where_offered(
    smtp: Callable[..., ScriptedSmtp], channel_to: Connect
) -> None:
    able = smtp(features=("SMTPUTF8", "8BITMIME"))
    sent(channel_to(able), emails(1))
    assert "MAIL FROM:<tips@race.test>" in able.commands


def test_what_is_stored_of_a_refusal_names_nobody(server: ScriptedSmtp, channel_to: Connect) -> None:
    server.on(
        "RCPT", b"550-5.1.1 <Jo.Bloggs@example.test> unknown,\r\n550 5.1.1 user jo.bloggs +447700900123\r\n"
    )
    [outcome] = sent(channel_to(server), [email(1, recipient="jo.bloggs@example.test")])
    assert outcome.detail == "<[address]> unknown, user [address] [number]"


def test_nothing_more_is_handed_over_once_told_not_to_continue(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    drawn: list[int] = []
    done: list[int] = []

    def messages() -> Iterator[Email]:
        for message in emails(5):
            drawn.append(message.key)
            yield message

    for outcome in channel_to(server).send(messages(), lambda: len(done) < 2):
        done.append(outcome.key)  # noqa: PERF401 — the stop depends on it
    assert done == [1, 2]
    assert recipients(server) == ["runner1@example.test", "runner2@example.test"]
    assert len(drawn) <= 3


def test_told_not_to_continue_while_connecting_hands_over_nothing(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    assert list(channel_to(server).send(emails(2), lambda: not server.connections)) == []
    assert not any(command.startswith("MAIL") for command in server.commands)


def test_a_server_that_is_away_takes_nobody_with_it(server: ScriptedSmtp, channel_to: Connect) -> None:
    channel = channel_to(server)
    server.stop()
    with pytest.raises(ChannelDown) as down:
        sent(channel, emails(3))
    assert down.value.kind is Kind.TRANSIENT


def test_a_server_that_goes_away_in_a_block_leaves_the_outcomes_so_far(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    server.on("DOT", None, Say(then="close"))
    server.on("CONNECT", None, b"554 5.3.2 not today\r\n")
    outcomes: list[Outcome] = []
    with pytest.raises(ChannelDown) as down:
        outcomes.extend(channel_to(server).send(emails(4), always))
    assert down.value.kind is Kind.POLICY


@pytest.mark.parametrize(
    ("greeting", "kind", "code"),
    [
        (Say(b"554 5.7.1 you are listed\r\n"), Kind.POLICY, "554 5.7.1"),
        (Say(b"421 4.3.2 busy\r\n"), Kind.TRANSIENT, "421 4.3.2"),
        (Say(b"HTTP/1.1 400 Bad Request\r\n"), Kind.TRANSIENT, ""),
        (Say(then="close"), Kind.TRANSIENT, ""),
        (Say(then="hang"), Kind.TRANSIENT, ""),
    ],
)
def test_a_greeting_that_is_no_welcome_is_raised_before_any_message(
    server: ScriptedSmtp, channel_to: Connect, greeting: Say, kind: Kind, code: str
) -> None:
    server.on("CONNECT", greeting)
    with pytest.raises(ChannelDown) as down:
        sent(channel_to(server, connect_timeout=0.3), emails(2))
    assert (down.value.kind, down.value.code) == (kind, code)
    assert not server.mails


def test_after_a_failed_opening_the_channel_opens_again(server: ScriptedSmtp, channel_to: Connect) -> None:
    server.on("CONNECT", b"421 4.3.2 busy\r\n")
    channel = channel_to(server)
    with pytest.raises(ChannelDown):
        sent(channel, emails(1))
    assert kinds(sent(channel, emails(1))) == [Kind.ACCEPTED]


def test_a_long_idle_connection_is_not_trusted(
    server: ScriptedSmtp, channel_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.channels.smtp_pool._TRUSTED_IDLE", 0.05)
    channel = channel_to(server)
    sent(channel, emails(1))
    time.sleep(0.1)
    sent(channel, emails(1))
    assert server.connections == 2
