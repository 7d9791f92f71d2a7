"""Envelopes sent ahead of their turn (RFC 2920): every answer stays with its person, whatever happens."""

import time
from collections.abc import Callable, Iterator

import pytest
from scripted_smtp import AUTHORITY, DEFAULTS, Say, ScriptedSmtp

from campaigns.channels.outcomes import ChannelDown, Email, Kind, Outcome
from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.smtp_url import SmtpServer, Tls

Connect = Callable[..., SmtpChannel]
Start = Callable[..., ScriptedSmtp]

PIPELINING = ("PIPELINING",)


def always() -> bool:
    return True


def email(key: int, data: bytes = b"Subject: hi\r\n\r\nbody\r\n", recipient: str = "") -> Email:
    return Email(key, "tips@race.test", recipient or f"runner{key}@example.test", data)


def emails(count: int) -> list[Email]:
    return [email(key, b"Subject: hi\r\n\r\nto %d only\r\n" % key) for key in range(1, count + 1)]


class NeverBehindABody:
    """Turns that come only when the message before has its outcome, as at a low rate over one connection."""

    def __init__(self) -> None:
        self.asked_again = True

    def wait(self) -> float:
        self.asked_again = not self.asked_again
        return 0.001 if self.asked_again else 0.0

    def take(self) -> None:
        pass


class OneAtATime:
    """Turns of which the next comes when the message before is done."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def wait(self) -> float:
        return 0.001 if self.log and self.log[-1] == "begun" else 0.0

    def take(self) -> None:
        self.log.append("begun")


def sent(channel: SmtpChannel, messages: list[Email], *, eager: bool = True) -> list[Outcome]:
    return list(channel.send(messages, always, turns=None if eager else NeverBehindABody()))


def kinds(outcomes: list[Outcome]) -> list[Kind]:
    return [outcome.kind for outcome in outcomes]


def recipients(server: ScriptedSmtp) -> list[str]:
    return [mail.recipient for mail in server.mails]


def nobody_got_anothers(server: ScriptedSmtp) -> bool:
    return all(
        mail.raw == f"Subject: hi\r\n\r\nto {key_of(mail.recipient)} only\r\n".encode()
        for mail in server.mails
    )


def key_of(recipient: str) -> int:
    return int(recipient.removeprefix("runner").partition("@")[0])


@pytest.fixture
def server(smtp: Start) -> ScriptedSmtp:
    return smtp(features=PIPELINING)


class TestWhatIsOnTheWire:
    """`merge` makes each write of the server's one round trip."""

    def trips(self, smtp: Start, channel_to: Connect, features: tuple[str, ...], eager: bool) -> int:
        writes: list[bytes] = []

        def note(data: bytes, before: int) -> list[bytes]:
            writes.append(data)
            return [data]

        server = smtp(features=features, merge=True, pieces=note)
        assert kinds(sent(channel_to(server), emails(10), eager=eager)) == [Kind.ACCEPTED] * 10
        return len(writes) - 2  # greeting and EHLO

    def test_an_eager_channel_needs_one_round_trip_a_mail(self, smtp: Start, channel_to: Connect) -> None:
        assert self.trips(smtp, channel_to, PIPELINING, eager=True) == 11

    def test_a_paced_channel_needs_two_and_opens_no_data_for_a_mail_whose_slot_has_not_come(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        assert self.trips(smtp, channel_to, PIPELINING, eager=False) == 20

    @pytest.mark.parametrize("eager", [True, False])
    def test_without_the_servers_offer_each_command_waits_for_its_answer(
        self, smtp: Start, channel_to: Connect, eager: bool
    ) -> None:
        assert self.trips(smtp, channel_to, (), eager) == 40

    def test_a_message_is_begun_only_when_its_turn_has_come(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        log: list[str] = []
        for outcome in channel_to(server).send(emails(3), always, turns=OneAtATime(log)):
            log.append(f"done {outcome.key}")  # noqa: PERF401 — as each comes
        assert log == ["begun", "done 1", "begun", "done 2", "begun", "done 3"]

    def test_a_connections_share_is_kept_and_no_envelope_goes_over_it(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        sent(channel_to(server, per_connection=2), emails(5))
        assert [mail.connection for mail in server.mails] == [1, 1, 2, 2, 3]
        assert sum(command.startswith("MAIL") for command in server.commands) == 5
        assert server.commands.count("QUIT") == 2


class TestEachAnswerStaysWithItsPerson:
    MIXED = 24

    def script(self, server: ScriptedSmtp) -> list[tuple[int, Kind, str]]:
        """Of eight: refused at RCPT, refused at RCPT with a 354, refused at the dot, put off at the dot."""
        expected = []
        for key in range(1, self.MIXED + 1):
            rcpt = data = None
            dot, kind = b"250 2.0.0 Ok: queued as Q%04d\r\n" % key, Kind.ACCEPTED
            if key % 8 in (2, 3):
                rcpt, kind = b"550-5.1.1 no such\r\n550 5.1.1 user\r\n", Kind.RECIPIENT
            if key % 8 == 3:
                data, dot = b"354 go ahead all the same\r\n", b"554 5.5.1 no valid recipients\r\n"
            if key % 8 == 5:
                dot, kind = b"552 5.3.4 too big\r\n", Kind.MESSAGE
            if key % 8 == 6:
                dot, kind = b"451 4.3.0 later\r\n", Kind.TRANSIENT
            server.on("RCPT", rcpt)
            server.on("DATA", data)
            if key % 8 != 2:
                server.on("DOT", dot)
            expected.append((key, kind, f"Q{key:04d}" if kind is Kind.ACCEPTED else ""))
        return expected

    def check(self, server: ScriptedSmtp, channel: SmtpChannel, *, eager: bool = True) -> None:
        expected = self.script(server)
        outcomes = sent(channel, emails(self.MIXED), eager=eager)
        assert [(o.key, o.kind, o.provider_ref) for o in outcomes] == expected
        assert recipients(server) == [
            f"runner{key}@example.test" for key, kind, _ in expected if kind is Kind.ACCEPTED
        ]
        assert nobody_got_anothers(server)
        assert server.connections == 1

    @pytest.mark.parametrize("merge", [False, True])
    @pytest.mark.parametrize("is_eager", [False, True])
    def test_when_answers_come_whole_or_merged(
        self, smtp: Start, channel_to: Connect, merge: bool, is_eager: bool
    ) -> None:
        server = smtp(features=PIPELINING, merge=merge)
        self.check(server, channel_to(server), eager=is_eager)

    def test_when_every_byte_comes_alone(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, pieces=lambda data, _: [bytes([byte]) for byte in data])
        self.check(server, channel_to(server))

    def test_when_merged_answers_are_cut_at_any_byte(self, smtp: Start, channel_to: Connect) -> None:
        longest = 0

        def cut(data: bytes, before: int) -> list[bytes]:
            nonlocal longest
            longest = max(longest, len(data))
            at = before % len(data)
            return [data[:at], data[at:]] if at else [data]

        server = smtp(features=PIPELINING, merge=True, pieces=cut)
        no, yes = b"550 5.1.1 no such user\r\n", DEFAULTS["RCPT"]
        server.on("RCPT", *[no, yes] * 150)
        outcomes = sent(channel_to(server, per_connection=1000), emails(300))
        assert kinds(outcomes) == [Kind.RECIPIENT, Kind.ACCEPTED] * 150
        assert nobody_got_anothers(server)
        assert [key_of(name) for name in recipients(server)] == list(range(2, 301, 2))
        assert longest < 300, "some byte was never cut at"

    @pytest.mark.parametrize(
        "unasked", [b"250 2.0.0 Ok\r\n" * 2 + b"354 go ahead\r\n", b"250 2.0.0 Ok\r\n", b"354 go ahead\r\n"]
    )
    def test_answers_nobody_asked_for_are_taken_for_nobodys(
        self, smtp: Start, channel_to: Connect, unasked: bytes
    ) -> None:
        server = smtp(features=PIPELINING, merge=True)
        server.on("DOT", DEFAULTS["DOT"] + unasked)
        server.on("RCPT", None, b"550 5.1.1 no such user\r\n")
        outcomes = sent(channel_to(server), emails(3))
        assert outcomes[0].kind is Kind.ACCEPTED
        assert {o.key for o in outcomes if o.kind is Kind.ACCEPTED} == {
            key_of(name) for name in recipients(server)
        }
        assert nobody_got_anothers(server)


class TestTheBodyWaitsForItsOwn354:
    @pytest.mark.parametrize(
        "lone_dot", [b"250 2.0.0 Ok: queued as EMPTY\r\n", b"554 5.5.1 none\r\n", b"451 4.3.0 no\r\n"]
    )
    @pytest.mark.parametrize("is_eager", [False, True])
    def test_a_354_after_a_refused_recipient_gets_a_lone_dot_and_the_person_nothing(
        self, server: ScriptedSmtp, channel_to: Connect, lone_dot: bytes, is_eager: bool
    ) -> None:
        server.on("RCPT", None, b"550 5.1.1 no such user\r\n")
        server.on("DATA", None, b"354 go ahead all the same\r\n")
        server.on("DOT", None, lone_dot)
        outcomes = sent(channel_to(server), emails(3), eager=is_eager)
        assert kinds(outcomes) == [Kind.ACCEPTED, Kind.RECIPIENT, Kind.ACCEPTED]
        assert [mail.raw for mail in server.mails if mail.recipient.startswith("runner2")] in ([], [b""])
        assert server.connections == 1

    @pytest.mark.parametrize(
        "end", [Say(then="close"), Say(b"421 4.3.2 closing\r\n", then="close"), b"354 what\r\n"]
    )
    def test_a_lone_dot_that_goes_wrong_costs_the_connection_and_nobody(
        self, server: ScriptedSmtp, channel_to: Connect, end: Say | bytes
    ) -> None:
        server.on("RCPT", b"550 5.1.1 no such user\r\n")
        server.on("DATA", b"354 go ahead all the same\r\n")
        server.on("DOT", end)
        outcomes = sent(channel_to(server), emails(2))
        assert kinds(outcomes) == [Kind.RECIPIENT, Kind.ACCEPTED]
        assert recipients(server) == ["runner2@example.test"]

    def test_a_354_with_an_accepted_recipient_but_a_refused_sender_closes_the_socket(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        server.on("MAIL", b"451 4.3.0 later\r\n")
        server.on("RCPT", DEFAULTS["RCPT"])
        server.on("DATA", b"354 go ahead\r\n")
        assert kinds(sent(channel_to(server), emails(2))) == [Kind.TRANSIENT, Kind.ACCEPTED]
        assert recipients(server) == ["runner2@example.test"]
        assert server.connections == 2

    @pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
    def test_a_refused_envelope_behind_a_body_gets_no_body(
        self, server: ScriptedSmtp, channel_to: Connect, verb: str
    ) -> None:
        server.on(verb, None, b"450 4.2.0 greylisted\r\n")
        outcomes = sent(channel_to(server), emails(3))
        assert kinds(outcomes) == [Kind.ACCEPTED, Kind.TRANSIENT, Kind.ACCEPTED]
        assert recipients(server) == ["runner1@example.test", "runner3@example.test"]
        assert server.connections == 1

    def test_a_refused_data_gets_no_body(self, server: ScriptedSmtp, channel_to: Connect) -> None:
        server.on("DATA", None, b"451 4.3.0 disk full\r\n")
        assert kinds(sent(channel_to(server), emails(3))) == [Kind.ACCEPTED, Kind.TRANSIENT, Kind.ACCEPTED]
        assert server.connections == 1


class TestNoConnectionIdlesWithDataOpen:
    def test_a_stop_closes_the_socket_and_the_envelope_ahead_gets_neither_body_nor_outcome(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        done: list[Outcome] = []
        channel = channel_to(server)
        for outcome in channel.send(emails(5), lambda: len(done) < 2):
            done.append(outcome)  # noqa: PERF402 — the stop depends on it
        assert [o.key for o in done] == [1, 2]
        assert all_ended(server)
        assert recipients(server) == ["runner1@example.test", "runner2@example.test"]
        assert kinds(sent(channel, emails(1))) == [Kind.ACCEPTED]
        assert server.connections == 2

    def test_a_caller_who_goes_away_leaves_no_data_open(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        channel = channel_to(server)
        sending = channel.send(emails(3), always)
        next(sending)
        sending.close()  # type: ignore[attr-defined]
        assert all_ended(server)
        assert kinds(sent(channel, [email(9)])) == [Kind.ACCEPTED]
        assert recipients(server) == ["runner1@example.test", "runner9@example.test"]
        assert server.connections == 2

    def test_an_error_while_drawing_loses_no_outcome_and_leaves_no_data_open(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        def messages() -> Iterator[Email]:
            yield from emails(2)
            raise RuntimeError("the database went away")

        outcomes: list[Outcome] = []
        channel = channel_to(server)
        with pytest.raises(RuntimeError, match="database"):
            outcomes_into(outcomes, channel, messages())
        assert [o.key for o in outcomes] == [1]
        assert recipients(server) == ["runner1@example.test"]
        assert kinds(sent(channel, [email(9)])) == [Kind.ACCEPTED]

    def test_a_stop_during_a_slow_envelope_reaches_the_body(
        self, smtp: Start, channel_to: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("campaigns.channels.smtp_sending._STALE", 0.05)
        server = smtp(features=PIPELINING, pieces=slow_354)
        stop_at = time.monotonic() + 0.1
        assert list(channel_to(server).send(emails(1), lambda: time.monotonic() < stop_at)) == []
        assert server.mails == []

    def test_after_the_last_message_nothing_is_left_open(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        channel = channel_to(server)
        sent(channel, emails(3))
        sent(channel, emails(3))
        assert server.connections == 1
        assert server.commands.count("DATA") == 6


def all_ended(server: ScriptedSmtp) -> bool:
    until = time.monotonic() + 1
    while server.ended < server.connections and time.monotonic() < until:
        time.sleep(0.005)
    return server.ended == server.connections


def outcomes_into(outcomes: list[Outcome], channel: SmtpChannel, messages: Iterator[Email]) -> None:
    for outcome in channel.send(messages, always):
        outcomes.append(outcome)  # noqa: PERF402 — extend would lose what came before the error


def slow_354(data: bytes, before: int) -> list[bytes]:
    if data.startswith(b"354"):
        time.sleep(0.3)
    return [data]


class TestAConnectionThatEnds:
    @pytest.mark.parametrize("then", ["close", "reset", "hang"])
    def test_without_an_answer_to_the_dot_is_one_doubt_and_the_envelope_behind_goes_anew(
        self, server: ScriptedSmtp, channel_to: Connect, then: str
    ) -> None:
        server.on("DOT", None, Say(then=then))
        outcomes = sent(channel_to(server, reply_timeout=0.3), emails(4))
        assert kinds(outcomes) == [Kind.ACCEPTED, Kind.DOUBTFUL, Kind.ACCEPTED, Kind.ACCEPTED]
        assert recipients(server) == [f"runner{key}@example.test" for key in (1, 3, 4)]
        assert server.connections == 2

    def test_and_cannot_be_opened_again_leaves_the_envelope_behind_without_an_outcome(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        server.on("DOT", None, Say(then="close"))
        server.on("CONNECT", None, b"421 4.3.2 busy\r\n")
        outcomes: list[Outcome] = []
        with pytest.raises(ChannelDown):
            outcomes_into(outcomes, channel_to(server), iter(emails(4)))
        assert kinds(outcomes) == [Kind.ACCEPTED, Kind.DOUBTFUL]

    def test_or_says_421_is_left_at_once(self, server: ScriptedSmtp, channel_to: Connect) -> None:
        server.on("DOT", None, b"421 4.3.2 closing\r\n")
        outcomes = sent(channel_to(server), emails(3))
        assert kinds(outcomes) == [Kind.ACCEPTED, Kind.TRANSIENT, Kind.ACCEPTED]
        assert [mail.connection for mail in server.mails] == [1, 2]

    @pytest.mark.parametrize("answer", [b"421 4.3.2 closing\r\n", b"451 4.3.0 later\r\n"])
    @pytest.mark.parametrize("then", ["close", "reset"])
    def test_after_a_4xx_to_the_dot_is_no_doubt(
        self, server: ScriptedSmtp, channel_to: Connect, answer: bytes, then: str
    ) -> None:
        server.on("DOT", None, Say(answer, then=then))
        outcomes = sent(channel_to(server), emails(4))
        assert kinds(outcomes) == [Kind.ACCEPTED, Kind.TRANSIENT, Kind.ACCEPTED, Kind.ACCEPTED]
        assert server.connections == 2

    @pytest.mark.parametrize("then", ["close", "reset"])
    @pytest.mark.parametrize("farewell", [b"", b"421 4.4.2 too many\r\n"])
    def test_after_a_yes_to_the_dot_touches_nobody(
        self, server: ScriptedSmtp, channel_to: Connect, farewell: bytes, then: str
    ) -> None:
        server.on("DOT", None, Say(DEFAULTS["DOT"] + farewell, then=then))
        assert kinds(sent(channel_to(server), emails(4))) == [Kind.ACCEPTED] * 4
        assert recipients(server) == [f"runner{key}@example.test" for key in (1, 2, 3, 4)]
        assert server.connections == 2

    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize("farewell", [b"", b"421 4.4.2 enough\r\n"])
    def test_within_the_envelope_is_no_doubt(
        self, server: ScriptedSmtp, channel_to: Connect, verb: str, farewell: bytes
    ) -> None:
        server.on(verb, None, Say(farewell, then="close"))
        outcomes = sent(channel_to(server), emails(4))
        second = Kind.ACCEPTED if verb == "MAIL" else Kind.TRANSIENT
        assert kinds(outcomes) == [Kind.ACCEPTED, second, Kind.ACCEPTED, Kind.ACCEPTED]
        assert Kind.DOUBTFUL not in kinds(outcomes)
        assert nobody_got_anothers(server)

    def test_during_a_body_after_an_answer_keeps_that_answer_and_the_rest_goes_anew(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        server.on("BODY", Say(b"552 5.3.4 too big\r\n", then="close"))
        outcomes = sent(channel_to(server), [email(1, b"y" * 30_000_000), email(2)])
        assert kinds(outcomes) == [Kind.MESSAGE, Kind.ACCEPTED]
        assert server.connections == 2

    def test_during_a_body_was_never_handed_over(self, server: ScriptedSmtp, channel_to: Connect) -> None:
        server.on("BODY", Say(then="close"))
        outcomes = sent(channel_to(server), [email(1, b"y" * 30_000_000), email(2)])
        assert kinds(outcomes) == [Kind.TRANSIENT, Kind.ACCEPTED]

    def test_a_server_that_refuses_and_stops_reading_gets_no_command_inside_the_body(
        self, server: ScriptedSmtp, channel_to: Connect
    ) -> None:
        server.on("BODY", Say(b"552 5.3.4 too big\r\n", then="hang"))
        outcomes = sent(channel_to(server, reply_timeout=0.5), [email(1, b"y" * 30_000_000), email(2)])
        assert kinds(outcomes) == [Kind.MESSAGE, Kind.ACCEPTED]
        assert server.connections == 2


def test_a_bad_address_is_refused_in_its_turn_and_goes_on_no_wire(
    server: ScriptedSmtp, channel_to: Connect
) -> None:
    evil = "a@example.test>\r\nRCPT TO:<b@example.test"
    outcomes = sent(
        channel_to(server), [email(1), email(2, recipient=evil), email(3), email(4, recipient=evil)]
    )
    assert [(o.key, o.kind) for o in outcomes] == [
        (1, Kind.ACCEPTED),
        (2, Kind.RECIPIENT),
        (3, Kind.ACCEPTED),
        (4, Kind.RECIPIENT),
    ]
    assert "b@example.test" not in "".join(server.commands)


def test_a_mail_that_quotes_smtp_is_only_a_mail(server: ScriptedSmtp, channel_to: Connect) -> None:
    data = b"Subject: x\r\n\r\n.\r\nMAIL FROM:<evil@example.test>\r\n.\n.\r.\r\n"
    assert kinds(sent(channel_to(server), [email(key, data) for key in (1, 2, 3)])) == [Kind.ACCEPTED] * 3
    assert len(server.mails) == 3
    assert server.commands.count("MAIL FROM:<evil@example.test>") == 0


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_over_tls_too(smtp: Start, tls: str) -> None:
    server = smtp(features=PIPELINING, tls=tls, merge=True)
    settings = SmtpServer("localhost", server.port, Tls(tls), cafile=str(AUTHORITY))
    channel = SmtpChannel(settings, connect_timeout=2, reply_timeout=2)
    big = email(2, b"x" * 60 + b"\r\n" + b"y" * 3_000_000 + b"\r\n")
    assert kinds(sent(channel, [email(1), big, *emails(5)[2:]])) == [Kind.ACCEPTED] * 5
    assert server.mails[1].data == big.data
    assert server.connections == 1
    channel.close()
