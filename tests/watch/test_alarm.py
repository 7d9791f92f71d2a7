"""The dead man's alarm: who is told, of what, how often, and that it needs neither the clock nor Redis."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from people import an_event

from campaigns.models import Campaign, StaffContact
from campaigns.models.words import CampaignState
from campaigns.watch import alarm, heartbeat
from campaigns.watch.alarm import AGAIN, PATIENCE, Watchman
from postbox import Postbox

pytestmark = pytest.mark.django_db(transaction=True)


class Hands:
    """A clock that a test moves, in seconds."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def box(settings) -> Iterator[Postbox]:
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        settings.TWILIO_BASE_URL = box.twilio_base_url
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = f"AC{'0' * 32}", "token"
        settings.TWILIO_FROM = "+447700900900"
        settings.ALARM_EMAIL, settings.ALARM_MOBILE = ["night@example.org"], ["+447700900321"]
        yield box


@pytest.fixture
def watchman(hands, box) -> Watchman:
    found = Watchman(now=hands)
    hands.at += PATIENCE
    return found


def the_clock_stood_still_for(seconds: float) -> None:
    heartbeat.beat(heartbeat.TICK)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE heartbeats SET at = at - %s * INTERVAL '1 s'", [seconds])


def test_a_clock_that_stands_still_is_mailed(watchman, box):
    the_clock_stood_still_for(70)
    assert [trouble.name for trouble in watchman.look()] == ["clock"]
    [mail] = box.emails
    assert mail.recipient == "night@example.org"
    assert b"has not ticked for 70 s" in mail.raw
    assert box.texts == []


def test_nobody_is_told_while_the_clock_ticks(watchman, box):
    heartbeat.beat(heartbeat.TICK)
    assert watchman.look() == []
    assert box.emails == []


def test_one_trouble_is_told_once_an_hour_and_its_end_once(watchman, box, hands):
    the_clock_stood_still_for(70)
    for _ in range(5):
        watchman.look()
        hands.at += 10
    assert len(box.emails) == 1
    hands.at += AGAIN
    watchman.look()
    assert len(box.emails) == 2
    heartbeat.beat(heartbeat.TICK)
    watchman.look()
    watchman.look()
    assert [b"All is well again" in mail.raw for mail in box.emails] == [False, False, True]


def test_nothing_is_said_while_the_station_starts(hands, box):
    watchman = Watchman(now=hands)
    the_clock_stood_still_for(70)
    assert watchman.look()
    assert box.emails == []
    hands.at += PATIENCE
    watchman.look()
    assert len(box.emails) == 1


def test_where_no_mail_gets_through_a_text_goes_out(watchman, box, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    the_clock_stood_still_for(70)
    watchman.look()
    [text] = box.texts
    assert text.to == "+447700900321"
    assert "has not ticked" in text.body


def test_without_an_alarm_address_the_staff_of_running_events_are_told(box, settings):
    settings.ALARM_EMAIL = settings.ALARM_MOBILE = []
    for slug, state in (("now", CampaignState.LIVE), ("over", CampaignState.DONE)):
        event = an_event(slug=slug)
        Campaign.objects.create(event=event, name=slug, state=state)
        StaffContact.objects.create(
            event=event, name="Kim", email=f"{slug}@example.org", mobile="+447700900111"
        )
    assert alarm.recipients() == alarm.Reached(("now@example.org",), ("+447700900111",))


def test_without_postgres_the_last_known_people_are_told_after_a_minute(watchman, box, hands, monkeypatch):
    heartbeat.beat(heartbeat.TICK)
    watchman.look()
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    connection.close()
    try:
        assert watchman.look() == []
        hands.at += PATIENCE
        assert [trouble.name for trouble in watchman.look()] == ["database"]
    finally:
        monkeypatch.undo()
        connection.close()
    [mail] = box.emails
    assert b"Postgres does not answer" in mail.raw


class Elsewhere(http.server.BaseHTTPRequestHandler):
    calls: list[str] = []

    def do_GET(self) -> None:
        self.calls.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def elsewhere(settings) -> Iterator[list[str]]:
    Elsewhere.calls = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.ALARM_PING_URL = f"http://127.0.0.1:{server.server_port}/ping"
        yield Elsewhere.calls
        server.shutdown()


def test_while_all_is_well_somebody_elsewhere_hears_so_once_a_minute(watchman, hands, elsewhere):
    heartbeat.beat(heartbeat.TICK)
    watchman.look()
    hands.at += 10
    watchman.look()
    assert elsewhere == ["/ping"]
    hands.at += 60
    watchman.look()
    assert len(elsewhere) == 2
    the_clock_stood_still_for(70)
    hands.at += 60
    watchman.look()
    assert len(elsewhere) == 2
