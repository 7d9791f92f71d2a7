"""The SMS channel against a scripted Twilio: what is certain, what is in doubt, and nothing twice."""

import base64
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from scripted_http import (
    Answer,
    ScriptedTwilio,
    answer_then_close,
    break_off,
    created,
    elsewhere,
    page,
    refusal,
    slow,
)
from scripted_smtp import AUTHORITY

from campaigns.channels.outcomes import ChannelDown, Kind, Outcome, Sms
from campaigns.channels.twilio import TwilioChannel

Open = Callable[..., TwilioChannel]
ACCOUNT = "AC" + "0" * 32


@pytest.fixture
def open_channel() -> Iterator[Open]:
    channels: list[TwilioChannel] = []

    def connect(url: str, **options: object) -> TwilioChannel:
        settings = {
            "sender": "Run Reigate",
            "in_flight": 4,
            "connect_timeout": 1,
            "read_timeout": 2,
        } | options
        channels.append(TwilioChannel(ACCOUNT, "t0ken", base_url=url, **settings))  # type: ignore[arg-type]
        return channels[-1]

    yield connect
    for channel in channels:
        channel.close()


def always() -> bool:
    return True


def sms(key: int, **changes: object) -> Sms:
    fields = {
        "to": f"+4477009{key:05d}",
        "body": f"Start {key}",
        "status_callback": f"https://race.test/hooks/{key}.1",
        "validity_seconds": 1800,
    } | changes
    return Sms(key, **fields)  # type: ignore[arg-type]


def texts(count: int) -> list[Sms]:
    return [sms(key) for key in range(1, count + 1)]


def send_one(channel: TwilioChannel) -> Outcome:
    [outcome] = channel.send(texts(1), always)
    return outcome


def test_a_text_is_created_with_all_it_needs(twilio: ScriptedTwilio, open_channel: Open) -> None:
    outcome = send_one(open_channel(twilio.url))
    assert (outcome.key, outcome.kind, outcome.provider_ref) == (1, Kind.ACCEPTED, f"SM{1:032d}")
    [asked] = twilio.asked
    assert asked.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert asked.form == {
        "To": "+447700900001",
        "Body": "Start 1",
        "From": "Run Reigate",
        "StatusCallback": "https://race.test/hooks/1.1",
        "ValidityPeriod": "1800",
    }
    assert asked.authorization == "Basic " + base64.b64encode(f"{ACCOUNT}:t0ken".encode()).decode()


def test_a_messaging_service_is_named_as_one(twilio: ScriptedTwilio, open_channel: Open) -> None:
    send_one(open_channel(twilio.url, sender="MG" + "a" * 32))
    assert twilio.asked[0].form["MessagingServiceSid"] == "MG" + "a" * 32
    assert "From" not in twilio.asked[0].form


def test_a_base_url_may_have_a_path(twilio: ScriptedTwilio, open_channel: Open) -> None:
    send_one(open_channel(twilio.url + "/stand-in/"))
    assert twilio.asked[0].path == f"/stand-in/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@pytest.mark.parametrize(("asked", "sent"), [(0, "1"), (-5, "1"), (36_000, "36000"), (90_000, "36000")])
def test_validity_stays_in_twilios_bounds(
    twilio: ScriptedTwilio, open_channel: Open, asked: int, sent: str
) -> None:
    list(open_channel(twilio.url).send([sms(1, validity_seconds=asked)], always))
    assert twilio.asked[0].form["ValidityPeriod"] == sent


def test_no_callback_is_asked_for_without_a_url(twilio: ScriptedTwilio, open_channel: Open) -> None:
    list(open_channel(twilio.url).send([sms(1, status_callback="")], always))
    assert "StatusCallback" not in twilio.asked[0].form


def test_requests_run_side_by_side_over_kept_connections(twilio: ScriptedTwilio, open_channel: Open) -> None:
    twilio.on(*[slow(0.05)] * 20)
    outcomes = list(open_channel(twilio.url).send(texts(20), always))
    assert sorted(o.key for o in outcomes) == list(range(1, 21))
    assert {o.kind for o in outcomes} == {Kind.ACCEPTED}
    assert len({o.provider_ref for o in outcomes}) == 20
    assert twilio.server.busiest == 4
    assert len({asked.connection for asked in twilio.asked}) == 4


@pytest.mark.parametrize(
    ("status", "code", "kind", "recognised"),
    [
        (400, 21211, Kind.RECIPIENT, True),
        (400, 21614, Kind.RECIPIENT, True),
        (400, 21635, Kind.RECIPIENT, True),
        (400, 21610, Kind.RECIPIENT, True),
        (403, 21610, Kind.RECIPIENT, True),
        (400, 21408, Kind.POLICY, True),
        (400, 21606, Kind.POLICY, True),
        (400, 21212, Kind.POLICY, True),
        (400, 21612, Kind.POLICY, True),
        (401, 20003, Kind.POLICY, True),
        (400, 30002, Kind.POLICY, True),
        (429, 63038, Kind.POLICY, True),
        (404, 20404, Kind.POLICY, True),
        (403, None, Kind.POLICY, True),
        (400, 21617, Kind.MESSAGE, True),
        (400, 21658, Kind.MESSAGE, True),
        (400, 21602, Kind.MESSAGE, True),
        (429, 20429, Kind.TRANSIENT, True),
        (429, None, Kind.TRANSIENT, True),
        (400, 21611, Kind.TRANSIENT, True),
        (400, 30001, Kind.TRANSIENT, True),
        (400, 29999, Kind.RECIPIENT, False),
        (400, None, Kind.RECIPIENT, False),
    ],
)
def test_a_refusal_gets_its_kind_and_keeps_its_code(
    twilio: ScriptedTwilio, open_channel: Open, status: int, code: int | None, kind: Kind, recognised: bool
) -> None:
    twilio.on(refusal(status, code))
    outcome = send_one(open_channel(twilio.url))
    assert (outcome.kind, outcome.recognised) == (kind, recognised)
    assert outcome.code == str(code or status)
    assert (outcome.retry_after is not None) == (kind is Kind.TRANSIENT)
    assert len(twilio.asked) == 1


def test_a_refusal_in_the_newer_form_is_read_too(twilio: ScriptedTwilio, open_channel: Open) -> None:
    problem = '{"type": "about:blank", "title": "Opted out", "status": 400, "code": 21610}'
    twilio.on(page(400, problem))
    outcome = send_one(open_channel(twilio.url))
    assert (outcome.kind, outcome.code, outcome.detail) == (Kind.RECIPIENT, "21610", "Opted out")


@pytest.mark.parametrize(
    "answer",
    [
        refusal(500, 20500),
        refusal(503, 20503),
        page(502, "<html>bad gateway</html>"),
        page(408, "request timeout"),
        page(201, "not JSON at all"),
        page(201, "[]"),
        page(201, "{}"),
        page(400, '{"type": 1, "title": 2, "status": "odd", "code": "odd"}'),
        slow(2),
        break_off,
    ],
)
def test_what_was_written_and_not_clearly_answered_is_in_doubt_and_asked_once(
    twilio: ScriptedTwilio, open_channel: Open, answer: Answer
) -> None:
    twilio.on(answer)
    assert send_one(open_channel(twilio.url, read_timeout=0.3)).kind is Kind.DOUBTFUL
    assert len(twilio.asked) == 1


def test_a_redirect_is_not_followed(twilio: ScriptedTwilio, open_channel: Open) -> None:
    twilio.on(elsewhere)
    assert send_one(open_channel(twilio.url)).kind is Kind.POLICY
    assert len(twilio.asked) == 1


def test_a_drop_in_a_block_doubts_that_text_alone(twilio: ScriptedTwilio, open_channel: Open) -> None:
    twilio.on(created, break_off, created)
    outcomes = list(open_channel(twilio.url, in_flight=1).send(texts(4), always))
    assert [o.kind for o in outcomes] == [Kind.ACCEPTED, Kind.DOUBTFUL, Kind.ACCEPTED, Kind.ACCEPTED]
    assert len(twilio.asked) == 4


def test_a_kept_connection_seen_to_be_closed_is_replaced_before_writing(
    twilio: ScriptedTwilio, open_channel: Open
) -> None:
    twilio.on(answer_then_close)
    channel = open_channel(twilio.url)
    assert send_one(channel).kind is Kind.ACCEPTED
    threading.Event().wait(0.1)
    assert send_one(channel).kind is Kind.ACCEPTED
    assert len({asked.connection for asked in twilio.asked}) == 2


def test_a_refused_connection_is_no_doubt(twilio: ScriptedTwilio, open_channel: Open) -> None:
    url = twilio.url
    twilio.stop()
    assert_never_left(open_channel(url))


def assert_never_left(channel: TwilioChannel) -> None:
    with pytest.raises(ChannelDown) as down:
        list(channel.send(texts(1), always))
    assert down.value.kind is Kind.TRANSIENT


def test_when_twilio_cannot_be_reached_no_further_text_is_tried(
    twilio: ScriptedTwilio, open_channel: Open
) -> None:
    """Those without an outcome never left: nobody has used an attempt on it."""
    url = twilio.url
    twilio.stop()
    drawn: list[int] = []

    def counted() -> Iterator[Sms]:
        for text in texts(100):
            drawn.append(text.key)
            yield text

    with pytest.raises(ChannelDown):
        list(open_channel(url).send(counted(), always))
    assert len(drawn) < 20


def test_an_unknown_host_is_no_doubt(
    twilio: ScriptedTwilio, open_channel: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert_never_left(open_channel(twilio.url))


@pytest.mark.parametrize("then", ["silence", "close"])
def test_a_handshake_that_never_ends_well_is_no_doubt(open_channel: Open, then: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closer = threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True)
        if then == "close":
            closer.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert_never_left(open_channel(url, connect_timeout=0.3, read_timeout=0.3))


def test_a_certificate_decides_who_gets_the_text(open_channel: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedTwilio(tls=True)
    try:
        assert send_one(open_channel(server.url)).kind is Kind.POLICY
        assert not server.asked
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(AUTHORITY))
        assert send_one(open_channel(server.url)).kind is Kind.ACCEPTED
    finally:
        server.stop()


@pytest.mark.parametrize("url", ["ftp://localhost", "http://", "localhost:1"])
def test_a_base_url_that_is_none_is_a_matter_for_a_person(open_channel: Open, url: str) -> None:
    assert send_one(open_channel(url)).kind is Kind.POLICY


def test_nothing_more_is_handed_over_once_told_not_to_continue(
    twilio: ScriptedTwilio, open_channel: Open
) -> None:
    twilio.on(*[slow(0.1)] * 3)
    asked = iter([True, True, True, False])
    outcomes = list(open_channel(twilio.url).send(texts(9), lambda: next(asked)))
    assert sorted(o.key for o in outcomes) == [1, 2, 3]
    assert len(twilio.asked) == 3


def test_no_text_waits_behind_the_busy_ones_out_of_reach_of_a_stop(
    twilio: ScriptedTwilio, open_channel: Open
) -> None:
    twilio.on(*[slow(0.3)] * 9)
    stop_at = time.monotonic() + 0.1
    outcomes = list(open_channel(twilio.url, in_flight=2).send(texts(9), lambda: time.monotonic() < stop_at))
    assert sorted(o.key for o in outcomes) == [1, 2]
    assert len(twilio.asked) == 2


def test_texts_under_way_get_their_answers_when_the_next_cannot_be_drawn(
    twilio: ScriptedTwilio, open_channel: Open
) -> None:
    twilio.on(slow(0.1), slow(0.1))

    def messages() -> Iterator[Sms]:
        yield from texts(2)
        raise RuntimeError("could not be rendered")

    outcomes: list[Outcome] = []
    with pytest.raises(RuntimeError, match="rendered"):
        outcomes.extend(open_channel(twilio.url).send(messages(), always))
    assert sorted(o.key for o in outcomes) == [1, 2]


def test_neither_logs_nor_outcomes_hold_a_number_or_a_body(
    twilio: ScriptedTwilio, open_channel: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    twilio.on(refusal(400, 21211, "The 'To' number +447700900001 (07700 900001) is not valid."))
    outcomes = list(open_channel(twilio.url).send(texts(2), always))
    seen = caplog.text + "".join(o.detail for o in outcomes)
    assert "is not valid" in seen
    for private in ("7700900001", "900001", "Start 1", "t0ken"):
        assert private not in seen
