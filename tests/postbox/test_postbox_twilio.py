"""Twilio's API as its own library sees it."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
from postbox_clients import ACCOUNT, TOKEN, twilio_client
from twilio.base.exceptions import TwilioException, TwilioRestException

from postbox import Mark, Postbox

AMY, BEN = "+447700900001", "+447700900002"


def send(twilio, to=AMY, body="Drink", **options):
    return twilio.messages.create(to=to, body=body, **{"from_": "Run Reigate", **options})


def test_a_text_is_kept_and_answered_in_twilios_shape(box, twilio):
    answer = send(twilio, body="Drink £2 of water", validity_period=1800)
    assert re.fullmatch("SM[0-9a-f]{32}", answer.sid)
    assert (answer.status, answer.num_segments, answer.to) == ("queued", "1", AMY)
    assert (answer.from_, answer.direction, answer.price) == ("Run Reigate", "outbound-api", None)
    assert abs(answer.date_created - datetime.now(UTC)) < timedelta(seconds=5)
    assert answer.date_sent is None
    assert answer.uri == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{answer.sid}.json"
    (text,) = box.texts
    assert (text.to, text.sender, text.body, text.sid) == (
        AMY,
        "Run Reigate",
        "Drink £2 of water",
        answer.sid,
    )
    assert text.validity_period == 1800
    assert text.status_callback is None


def test_a_service_chooses_sender_and_segments_later(box, twilio):
    service = "MG" + "a" * 32
    answer = twilio.messages.create(to=AMY, body="Drink", messaging_service_sid=service)
    assert (answer.status, answer.num_segments, answer.from_) == ("accepted", "0", None)
    assert answer.messaging_service_sid == service
    wait_until(lambda: box.texts[0].status == "delivered")
    later = twilio.messages(answer.sid).fetch()
    assert later.from_.startswith("+44")
    assert later.num_segments == "1"


def wait_until(is_so, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "07700900001"}, 21211),
        ({"to": "+44"}, 21211),
        ({"to": ""}, 21604),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"from_": ""}, 21603),
        ({"from_": "Twelve chars"}, 21212),
        ({"from_": "<script>"}, 21212),
        ({"messaging_service_sid": "MG1"}, 21701),
        ({"validity_period": 0}, 90007),
        ({"validity_period": 36001}, 90007),
    ],
)
def test_a_bad_order_is_refused_with_twilios_code_and_not_kept(box, twilio, options, code):
    with pytest.raises(TwilioRestException) as caught:
        send(twilio, **options)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert box.texts == []


@pytest.mark.parametrize(("mark", "code"), [(Mark.BAD, 21211), (Mark.LANDLINE, 21635), (Mark.STOPPED, 21610)])
def test_a_marked_number_is_refused_until_the_mark_is_lifted(box, twilio, mark, code):
    box.numbers.mark(AMY, mark)
    with pytest.raises(TwilioRestException) as caught:
        send(twilio)
    assert (caught.value.status, caught.value.code) == (400, code)
    send(twilio, to=BEN)
    box.numbers.mark(AMY, None)
    send(twilio)
    assert [text.to for text in box.texts] == [BEN, AMY]


def test_an_error_has_twilios_shape(box):
    url = f"{box.twilio_base_url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    answer = requests.post(url, data={"To": "x", "From": "Run", "Body": "b"}, timeout=5)
    assert answer.status_code == 400
    assert answer.json() == {
        "code": 21211,
        "message": "Invalid 'To' Phone Number",
        "more_info": "https://www.twilio.com/docs/errors/21211",
        "status": 400,
    }


@pytest.mark.parametrize(
    ("account", "token"), [(ACCOUNT, "wrong"), ("AC" + "1" * 32, TOKEN), (ACCOUNT, "wröng")]
)
def test_a_wrong_login_is_refused_everywhere(account, token):
    with Postbox(twilio_login=(ACCOUNT, TOKEN)) as box:
        sid = send(twilio_client(box)).sid
        stranger = twilio_client(box, account, token)
        for act in (
            lambda: send(stranger),
            lambda: stranger.messages.list(),
            lambda: stranger.messages(sid).fetch(),
            lambda: stranger.messages(sid).delete(),
        ):
            with pytest.raises(TwilioException, match="401"):
                act()
        assert len(box.texts) == 1


def test_another_account_sees_nothing(box, twilio):
    sid = send(twilio).sid
    stranger = twilio_client(box, "AC" + "1" * 32)
    assert stranger.messages.list() == []
    with pytest.raises(TwilioRestException) as caught:
        stranger.messages(sid).fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_the_list_filters_by_to_and_from_newest_first(box, twilio):
    for to, sender, body in [(AMY, "Run", "1"), (BEN, "Run", "2"), (AMY, "Walk", "3"), (AMY, "Run", "4")]:
        send(twilio, to=to, from_=sender, body=body)
    assert [text.body for text in twilio.messages.list()] == ["4", "3", "2", "1"]
    assert [text.body for text in twilio.messages.list(to=AMY)] == ["4", "3", "1"]
    assert [text.body for text in twilio.messages.list(to=AMY, from_="Run")] == ["4", "1"]
    assert twilio.messages.list(to="+447700900009") == []


def test_the_list_filters_by_date_sent_which_is_empty_until_sent(box, twilio):
    now = datetime.now(UTC)
    send(twilio)
    wait_until(lambda: box.texts[0].sent_at)
    hour = timedelta(hours=1)
    assert len(twilio.messages.list(date_sent=now)) == 1
    assert twilio.messages.list(date_sent=now - 24 * hour) == []
    assert len(twilio.messages.list(date_sent_after=now - hour, date_sent_before=now + hour)) == 1
    assert twilio.messages.list(date_sent_after=now + hour) == []
    assert twilio.messages.list(date_sent_before=now - hour) == []
    box.texts[0].sent_at = None
    assert twilio.messages.list(date_sent=now) == []
    assert len(twilio.messages.list()) == 1


def test_pages_follow_each_other_while_new_texts_arrive(box, twilio):
    sids = [send(twilio, body=str(n)).sid for n in range(7)]
    page = twilio.messages.page(to=AMY, page_size=3)
    seen = [text.sid for text in page]
    send(twilio, body="new")
    while page := page.next_page():
        seen += [text.sid for text in page]
    assert seen == sids[::-1]
    assert len(twilio.messages.list(page_size=2)) == 8


@pytest.mark.parametrize(
    "query", ["PageSize=x", "Page=-1", "PageToken=PASM1", "DateSent=tomorrow", "DateSent<=2027-99-99"]
)
def test_a_query_that_cannot_be_read_is_a_400(box, twilio, query):
    send(twilio)
    box.texts[0].sent_at = datetime.now(UTC)
    url = f"{box.twilio_base_url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{query}"
    assert requests.get(url, timeout=5).status_code == 400


def test_a_delivered_text_can_be_deleted_and_one_under_way_cannot(twilio, box):
    text = send(twilio)
    with pytest.raises(TwilioRestException) as caught:
        twilio.messages(text.sid).delete()
    assert caught.value.code == 20009
    wait_until(lambda: box.texts[0].status == "delivered")
    assert twilio.messages(text.sid).delete()
    assert twilio.messages.list() == []
    with pytest.raises(TwilioRestException):
        twilio.messages(text.sid).fetch()
    assert len(box.texts) == 1  # it is on the phone all the same


def test_an_html_name_is_just_a_name(box, twilio):
    send(twilio, body="<script>{{ 7*7 }}</script> \x00 é 🙂")
    assert box.texts[0].body == "<script>{{ 7*7 }}</script> \x00 é 🙂"
