"""Several connections at once in one thread: none waits for another, and every answer stays with its person."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from scripted_smtp import AUTHORITY, Say, ScriptedSmtp

from campaigns.channels.outcomes import ChannelDown, Email, Kind, Outcome
from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.smtp_connection import open_connection, settled
from campaigns.channels.smtp_url import SmtpServer, Tls

Connect = Callable[..., SmtpChannel]
Start = Callable[..., ScriptedSmtp]

PIPELINING = ("PIPELINING",)


def always() -> bool:
    return True


def emails(count: int, size: int = 0) -> list[Email]:
    return [email(key, size) for key in range(1, count + 1)]


def email(key: int, size: int = 0) -> Email:
    padding = b"x" * 70 + b"\r\n"
    data = b"Subject: hi\r\n\r\nto %d only\r\n" % key + padding * (size // len(padding))
    return Email(key, "tips@race.test", f"runner{key}@example.test", data)


def key_of(recipient: str) -> int:
    return int(recipient.removeprefix("runner").partition("@")[0])


def slowly(seconds: float = 0.02, **by_key: Say) -> Callable[[str, str], Say | None]:
    """Answers to the dot that take their time, so that several connections are needed; some people get their own."""

    def answer(verb: str, recipient: str) -> Say | None:
        if verb != "DOT":
            return None
        return by_key.get(f"k{key_of(recipient)}", Say(b"250 2.0.0 Ok: queued as QUEUED\r\n", wait=seconds))

    return answer


def summary(outcomes: list[Outcome]) -> dict[Kind, int]:
    found: dict[Kind, int] = {}
    for outcome in outcomes:
        found[outcome.kind] = found.get(outcome.kind, 0) + 1
    return found


@dataclass
class Evenly:
    """Turns so many seconds apart."""

    interval: float
    free: float = field(default_factory=time.monotonic)
    taken: list[float] = field(default_factory=list)

    def wait(self) -> float:
        return self.free - time.monotonic()

    def take(self) -> None:
        self.taken.append(time.monotonic())
        self.free += self.interval


class TestHowManyAreOpened:
    def test_a_slow_server_gets_as_many_as_are_allowed_and_no_more(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly())
        channel = channel_to(server, connections=4)
        begun = time.monotonic()
        assert summary(list(channel.send(emails(40), always))) == {Kind.ACCEPTED: 40}
        assert time.monotonic() - begun < 40 * 0.02, "four at a time are faster than one after the other"
        assert server.connections == 4
        assert len({mail.connection for mail in server.mails}) == 4
        assert len({mail.recipient for mail in server.mails}) == len(server.mails) == 40

    def test_one_message_needs_one(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, to=slowly())
        list(channel_to(server, connections=4).send(emails(1), always))
        assert server.connections == 1

    def test_they_stay_open_between_blocks(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, to=slowly())
        channel = channel_to(server, connections=3)
        for _ in range(4):
            list(channel.send(emails(12), always))
        assert server.connections == 3

    def test_each_is_renewed_after_its_share(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.005))
        assert summary(
            list(channel_to(server, connections=3, per_connection=5).send(emails(60), always))
        ) == {Kind.ACCEPTED: 60}
        shares = [mail.connection for mail in server.mails]
        assert max(shares.count(number) for number in shares) == 5

    @pytest.mark.parametrize(
        "refusal",
        [
            Say(b"421 4.7.0 Too many connections\r\n", then="close"),
            Say(b"450 4.3.2 busy\r\n"),
            Say(b"554 5.7.1 one is enough\r\n"),
            Say(then="close"),
        ],
    )
    def test_a_server_that_refuses_a_further_one_keeps_those_it_has(
        self, smtp: Start, channel_to: Connect, refusal: Say
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly())
        server.on("CONNECT", None, None, *[refusal] * 100)
        outcomes = list(channel_to(server, connections=8).send(emails(30), always))
        assert summary(outcomes) == {Kind.ACCEPTED: 30}
        assert len({mail.connection for mail in server.mails}) == 2
        assert server.connections == 4, "two were asked for together, and none again at once"

    def test_their_number_doubles_while_they_are_slow_to_open(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, to=slowly())
        server.on("CONNECT", None, None, None, None, *[Say(then="hang")] * 100)
        outcomes = list(channel_to(server, connections=64, connect_timeout=30).send(emails(120), always))
        assert summary(outcomes) == {Kind.ACCEPTED: 120}
        assert server.connections == 8, "with four open, four more are asked for and no fifth"

    def test_a_greeting_that_hangs_stalls_nobody(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.005))
        server.on("CONNECT", None, Say(then="hang"))
        begun = time.monotonic()
        outcomes = list(channel_to(server, connections=4, connect_timeout=30).send(emails(30), always))
        assert summary(outcomes) == {Kind.ACCEPTED: 30}
        assert time.monotonic() - begun < 2

    def test_when_the_last_ends_and_none_can_be_opened_the_rest_was_not_tried(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly(k5=Say(then="close"), k6=Say(then="close")))
        server.on("CONNECT", None, None, *[Say(b"421 4.3.2 busy\r\n", then="close")] * 100)
        outcomes: list[Outcome] = []
        with pytest.raises(ChannelDown) as down:
            outcomes_into(outcomes, channel_to(server, connections=2).send(emails(20), always))
        assert down.value.kind is Kind.TRANSIENT
        found = summary(outcomes)
        assert found[Kind.DOUBTFUL] == 2
        assert found[Kind.ACCEPTED] == len(server.mails)
        assert len(outcomes) < 20


def outcomes_into(outcomes: list[Outcome], sending: Iterator[Outcome]) -> None:
    for outcome in sending:
        outcomes.append(outcome)  # noqa: PERF402 — extend would lose what came before the error


class TestNoneWaitsForAnother:
    def test_a_long_wait_for_one_dot_lets_the_others_go_on(self, smtp: Start, channel_to: Connect) -> None:
        slow = Say(b"250 2.0.0 Ok: queued as SLOW1\r\n", wait=0.8)
        server = smtp(features=PIPELINING, to=slowly(0.002, k3=slow))
        outcomes = list(channel_to(server, connections=3).send(emails(60), always))
        assert summary(outcomes) == {Kind.ACCEPTED: 60}
        keys = [outcome.key for outcome in outcomes]
        assert keys.index(3) >= 58, "only the one whose envelope is behind it may come later"
        assert outcomes[keys.index(3)].provider_ref == "SLOW1"

    @pytest.mark.parametrize("then", ["close", "reset", "hang"])
    def test_a_dead_one_costs_one_doubt_and_the_others_go_on(
        self, smtp: Start, channel_to: Connect, then: str
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.005, k7=Say(then=then)))
        outcomes = list(channel_to(server, connections=3, reply_timeout=0.4).send(emails(40), always))
        assert summary(outcomes) == {Kind.ACCEPTED: 39, Kind.DOUBTFUL: 1}
        assert [outcome.key for outcome in outcomes if outcome.kind is Kind.DOUBTFUL] == [7]
        assert sorted(key_of(mail.recipient) for mail in server.mails) == [*range(1, 7), *range(8, 41)]

    def test_a_421_at_any_point_touches_one_connection(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.005))
        server.on("MAIL", *[None] * 10, Say(b"421 4.7.0 enough\r\n", then="close"))
        server.on("DATA", *[None] * 20, Say(b"421 4.7.0 enough\r\n", then="close"))
        outcomes = list(channel_to(server, connections=3).send(emails(40), always))
        assert summary(outcomes) == {Kind.ACCEPTED: 39, Kind.TRANSIENT: 1}
        assert server.connections == 5

    def test_waiting_for_a_turn_keeps_no_answer_waiting(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.05))
        turns = Evenly(0.4)
        answered: list[float] = []
        for _ in channel_to(server, connections=2).send(emails(3), always, turns=turns):
            answered.append(time.monotonic())  # noqa: PERF401 — as each comes
        waits = [then - begun for begun, then in zip(turns.taken, answered, strict=True)]
        assert max(waits) < 0.3

    def test_turns_are_kept_when_each_answer_takes_longer_than_they_are_apart(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.06))
        turns = Evenly(0.02)
        channel = channel_to(server, connections=6)
        list(channel.send(emails(10), always))  # opens them
        turns.free = time.monotonic()
        begun = time.monotonic()
        assert summary(list(channel.send(emails(50), always, turns=turns))) == {Kind.ACCEPTED: 50}
        assert 0.97 < time.monotonic() - begun < 1.6
        gaps = [after - before for before, after in zip(turns.taken, turns.taken[1:], strict=False)]
        assert min(gaps) > 0


class TestEachAnswerStaysWithItsPerson:
    @staticmethod
    def answer(verb: str, recipient: str) -> bytes | None:
        """Of eight: refused at RCPT, refused at the dot, put off at the dot; the rest under an id of their own."""
        key = key_of(recipient)
        if verb == "RCPT":
            return b"550-5.1.1 no such\r\n550 5.1.1 user\r\n" if key % 8 == 2 else None
        if key % 8 == 5:
            return b"552 5.3.4 too big\r\n"
        if key % 8 == 6:
            return b"451-4.3.0 not\r\n451 4.3.0 now\r\n"
        return b"250 2.0.0 Ok: queued as Q%06d\r\n" % key

    @staticmethod
    def expected(key: int) -> tuple[Kind, str]:
        kinds = {2: Kind.RECIPIENT, 5: Kind.MESSAGE, 6: Kind.TRANSIENT}
        kind = kinds.get(key % 8, Kind.ACCEPTED)
        return kind, f"Q{key:06d}" if kind is Kind.ACCEPTED else ""

    def check(self, server: ScriptedSmtp, channel: SmtpChannel, count: int, size: int = 0) -> None:
        outcomes = list(channel.send(emails(count, size), always))
        found = {outcome.key: (outcome.kind, outcome.provider_ref) for outcome in outcomes}
        assert len(outcomes) == count
        assert found == {key: self.expected(key) for key in range(1, count + 1)}
        for mail in server.mails:
            assert mail.raw.startswith(b"Subject: hi\r\n\r\nto %d only\r\n" % key_of(mail.recipient))
        assert server.connections > 1

    @pytest.mark.parametrize("merge", [False, True])
    @pytest.mark.parametrize("features", [PIPELINING, ()])
    def test_when_answers_come_whole_or_merged(
        self, smtp: Start, channel_to: Connect, merge: bool, features: tuple[str, ...]
    ) -> None:
        server = smtp(features=features, merge=merge, to=self.answer)
        self.check(server, channel_to(server, connections=5, per_connection=30), 240)

    def test_when_every_byte_comes_alone(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(
            features=PIPELINING, to=self.answer, pieces=lambda data, _: [bytes([byte]) for byte in data]
        )
        self.check(server, channel_to(server, connections=5), 60)

    def test_when_merged_answers_are_cut_at_any_byte(self, smtp: Start, channel_to: Connect) -> None:
        def cut(data: bytes, before: int) -> list[bytes]:
            at = before % len(data)
            return [data[:at], data[at:]] if at else [data]

        server = smtp(features=PIPELINING, merge=True, to=self.answer, pieces=cut)
        self.check(server, channel_to(server, connections=5, per_connection=1000), 600)

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    def test_over_tls(self, smtp: Start, tls: str) -> None:
        server = smtp(features=PIPELINING, tls=tls, merge=True, to=self.answer)
        settings = SmtpServer("localhost", server.port, Tls(tls), cafile=str(AUTHORITY))
        channel = SmtpChannel(settings, connect_timeout=2, reply_timeout=2, connections=4)
        self.check(server, channel, 48, size=100_000)
        channel.close()


class TestWhenItIsHandedOver:
    def test_the_caller_is_told_right_before_the_body_and_has_the_outcome_before(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING, merge=True, to=slowly(0.002))
        open_now: set[int] = set()
        most = 0

        def handing(key: int) -> None:
            nonlocal most
            assert key not in {key_of(mail.recipient) for mail in server.mails}
            open_now.add(key)
            most = max(most, len(open_now))

        for outcome in channel_to(server, connections=3).send(emails(60), always, handing=handing):
            assert outcome.key in open_now
            open_now.remove(outcome.key)
        assert not open_now
        assert most <= 3, "at most one message a connection is handed over and not answered"

    def test_an_envelope_alone_is_not_handed_over(self, smtp: Start, channel_to: Connect) -> None:
        server = smtp(features=PIPELINING)
        server.on("DATA", Say(b"354 go ahead\r\n", wait=0.3))
        told: list[tuple[int, list[str]]] = []
        list(
            channel_to(server).send(
                emails(1), always, handing=lambda key: told.append((key, list(server.commands)))
            )
        )
        [(key, commands)] = told
        assert key == 1
        assert commands[-1] == "DATA"

    def test_what_cannot_be_noted_does_not_leave_and_the_answers_owed_still_count(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.05))
        noted: list[int] = []

        def handing(key: int) -> None:
            if len(noted) == 9:
                raise OSError("the disk is full")
            noted.append(key)

        outcomes: list[Outcome] = []
        with pytest.raises(OSError, match="full"):
            outcomes_into(
                outcomes, channel_to(server, connections=3).send(emails(40), always, handing=handing)
            )
        assert sorted(outcome.key for outcome in outcomes) == sorted(noted)
        assert summary(outcomes) == {Kind.ACCEPTED: 9}
        assert len(server.mails) == 9

    def test_a_stop_takes_back_every_envelope_and_waits_for_every_body(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.05))
        done: list[Outcome] = []
        for outcome in channel_to(server, connections=4).send(emails(60), lambda: len(done) < 20):
            done.append(outcome)  # noqa: PERF402 — the stop depends on it
        assert summary(done) == {Kind.ACCEPTED: len(server.mails)}
        assert 20 <= len(done) <= 24

    def test_a_stop_is_seen_while_every_connection_waits_for_its_354(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING)
        server.on("DATA", *[Say(b"354 go ahead\r\n", wait=3)] * 4)
        stop_at = time.monotonic() + 0.3
        sending = channel_to(server, connections=3, reply_timeout=10).send(
            emails(9), lambda: time.monotonic() < stop_at
        )
        assert list(sending) == []
        assert time.monotonic() - stop_at < 1
        assert server.mails == []

    def test_a_stop_is_seen_while_a_connection_is_being_opened(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING)
        server.on("CONNECT", Say(then="hang"))
        stop_at = time.monotonic() + 0.3
        channel = channel_to(server, connect_timeout=4)
        assert list(channel.send(emails(1), lambda: time.monotonic() < stop_at)) == []
        assert time.monotonic() - stop_at < 1


class TestAProcessThatStoodStill:
    """Stopped, or its machine asleep, for longer than any answer may take; what is here by then was in time."""

    def test_answers_that_came_meanwhile_are_read_before_they_are_called_late(
        self, smtp: Start, channel_to: Connect
    ) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.4))
        channel = channel_to(server, connections=4, dot_timeout=0.8)
        handed, stood_still = 0, False

        def stand_still(key: int) -> None:
            nonlocal handed, stood_still
            if handed and not stood_still:  # another waits for its answer
                stood_still = True
                time.sleep(1.5)
            handed += 1

        outcomes = []
        for outcome in channel.send(emails(6), always, handing=stand_still):
            outcomes.append(outcome)
            handed -= 1
        assert stood_still
        assert summary(outcomes) == {Kind.ACCEPTED: 6}

    def test_with_one_connection_too(self, smtp: Start) -> None:
        server = smtp(features=PIPELINING, to=slowly(0.1))
        connection = open_connection(SmtpServer("127.0.0.1", server.port, Tls.NONE), 2)
        connection.sock.sendall(b"RSET\r\n")
        time.sleep(0.3)
        assert settled(connection, connection.answer(time.monotonic() - 0.1)).family == 2
        connection.drop()
