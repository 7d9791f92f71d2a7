"""What Twilio does wrong when told to."""

import time

import pytest
import requests
from postbox_clients import ACCOUNT
from twilio.base.exceptions import TwilioException, TwilioRestException

AMY, BEN = "+447700900001", "+447700900002"


def send(twilio, to=AMY):
    return twilio.messages.create(to=to, body="Drink", from_="Run Reigate")


@pytest.mark.parametrize(
    ("fault", "status", "code", "kept"),
    [
        ({"code": 429}, 429, 20429, 0),
        ({"code": 400, "error": 21611}, 400, 21611, 0),
        ({"code": 400, "error": 21610, "text": "Attempt to send to unsubscribed recipient"}, 400, 21610, 0),
        ({"code": 503}, 503, 20500, 0),
        ({"code": 500, "kept": True}, 500, 20500, 1),
    ],
)
def test_refuses_once_before_or_after_accepting(box, twilio, fault, status, code, kept):
    box.faults.add("twilio", "refuse", count=1, **fault)
    with pytest.raises(TwilioRestException) as caught:
        send(twilio)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert len(box.texts) == kept
    send(twilio)
    assert len(box.texts) == kept + 1


@pytest.mark.parametrize("kept", [True, False])
def test_the_answer_is_lost_after_or_before_accepting(box, twilio, kept):
    box.faults.add("twilio", "close", kept=kept, count=1)
    with pytest.raises(requests.ConnectionError):
        send(twilio)
    assert len(box.texts) == int(kept)
    if kept:
        assert [text.sid for text in twilio.messages.list(to=AMY)] == [box.texts[0].sid]


def test_a_slow_answer_comes_late_for_a_text_accepted_at_once(box, twilio):
    box.faults.add("twilio", "slow", seconds=0.4)
    started = time.monotonic()
    send(twilio)
    assert time.monotonic() - started >= 0.4
    assert (time.time() - box.texts[0].arrived_at.timestamp()) >= 0.35


def test_it_hangs_and_the_client_gives_up(box):
    box.faults.add("twilio", "hang", kept=True)
    url = f"{box.twilio_base_url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    with pytest.raises(requests.Timeout):
        requests.post(url, data={"To": AMY, "From": "Run", "Body": "b"}, timeout=0.3)
    assert len(box.texts) == 1


def test_only_the_matching_number_is_hit(box, twilio):
    box.faults.add("twilio", "refuse", code=500, match=AMY)
    send(twilio, BEN)
    with pytest.raises(TwilioRestException):
        send(twilio, AMY)
    assert [text.to for text in box.texts] == [BEN]


def test_the_list_lags_behind(box, twilio):
    box.faults.add("twilio", "lag", seconds=0.5)
    sid = send(twilio).sid
    assert twilio.messages.list() == []
    assert twilio.messages(sid).fetch().sid == sid
    time.sleep(0.6)
    assert len(twilio.messages.list()) == 1


@pytest.mark.parametrize("stage", ["list", "fetch"])
def test_reading_can_fail_too(box, twilio, stage):
    sid = send(twilio).sid
    box.faults.add("twilio", "refuse", stage=stage, code=503, count=1)
    read = {"list": lambda: twilio.messages.list(to=AMY), "fetch": lambda: twilio.messages(sid).fetch()}[
        stage
    ]
    with pytest.raises(TwilioException, match="503"):
        read()
    read()
