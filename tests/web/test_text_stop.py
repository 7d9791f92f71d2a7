"""/s/<code>: the link of a text stops tips or every text, names nobody, and is hard to guess."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory
from people import a_campaign, a_step, an_event
from people import entrant as an_entrant
from reigate import EMAIL_TIPS, EVERYTHING, SMS_SERVICE, SMS_TIPS, dump, granted, make_entrant, make_event
from time_machine import travel

from campaigns.models import Entrant, Suppression
from campaigns.models.words import Scope
from campaigns.web import guessing, redis_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def entrant() -> Entrant:
    return make_entrant(make_event())


def press(browser: Client, entrant: Entrant, what: str) -> str:
    answer = browser.post(f"/s/{entrant.short_code}", {"press": what})
    assert answer.status_code == 200
    return answer.content.decode()


def test_looking_changes_nothing_and_offers_both_stops(browser: Client, entrant: Entrant) -> None:
    before = dump()
    shown = browser.get(f"/s/{entrant.short_code}").content.decode()
    browser.head(f"/s/{entrant.short_code}")
    assert dump() == before
    assert "Stop tips by text" in shown
    assert "Stop every text" in shown
    assert "10K" not in shown


def test_stop_tips_leaves_reminders_and_email(browser: Client, entrant: Entrant) -> None:
    shown = press(browser, entrant, "stop-tips")
    assert "Tips by text are stopped" in shown
    assert 'value="stop-all"' in shown
    assert SMS_TIPS not in granted(entrant)
    assert {SMS_SERVICE, EMAIL_TIPS} <= granted(entrant)


def test_stop_every_text_leaves_email(browser: Client, entrant: Entrant) -> None:
    shown = press(browser, entrant, "stop-all")
    assert "Every text is stopped" in shown
    assert "Alerts come by email instead" in shown
    assert {channel for channel, _ in granted(entrant)} == {"email"}


def test_stop_every_text_warns_whom_no_alert_can_reach(browser: Client) -> None:
    shown = press(browser, make_entrant(make_event(), email=""), "stop-all")
    assert "will not reach you" in shown


def test_each_stop_can_be_undone_by_itself(browser: Client, entrant: Entrant) -> None:
    press(browser, entrant, "stop-tips")
    press(browser, entrant, "stop-all")
    press(browser, entrant, "undo-all")
    assert Suppression.objects.get().scope == Scope.TIPS_AND_SPONSOR
    assert "undone" in press(browser, entrant, "undo-tips")
    assert granted(entrant) == set(EVERYTHING)


def test_an_unknown_press_stops_tips_only(browser: Client, entrant: Entrant) -> None:
    press(browser, entrant, "whatever")
    assert SMS_SERVICE in granted(entrant)
    assert SMS_TIPS not in granted(entrant)


def test_unknown_codes_are_told_calmly(browser: Client) -> None:
    assert browser.get("/s/unknown1").status_code == 404
    assert browser.post("/s/unknown1", {"press": "stop-all"}).status_code == 200


def test_whoever_guesses_too_often_is_stopped_even_from_a_code_that_exists(
    browser: Client, entrant: Entrant, clock: None
) -> None:
    for number in range(guessing.MISSES_A_MINUTE):
        assert browser.get(f"/s/guess{number}", REMOTE_ADDR="198.51.100.7").status_code == 404
    link = f"/s/{entrant.short_code}"
    blocked = browser.post(link, {"press": "stop-all"}, REMOTE_ADDR="198.51.100.7")
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"] == "60"
    assert granted(entrant) == set(EVERYTHING)
    assert browser.get(link, REMOTE_ADDR="198.51.100.8").status_code == 200


def test_posts_count_as_guesses_too(browser: Client, clock: None) -> None:
    for number in range(guessing.MISSES_A_MINUTE):
        browser.post(f"/s/guess{number}")
    assert browser.get("/s/another").status_code == 429


def test_known_codes_are_no_guesses(browser: Client, entrant: Entrant, clock: None) -> None:
    for _ in range(guessing.MISSES_A_MINUTE + 1):
        assert browser.get(f"/s/{entrant.short_code}").status_code == 200


def test_a_guesser_is_let_in_again_a_minute_later(browser: Client) -> None:
    with travel("2027-08-01T10:00:30Z", tick=False):
        for number in range(guessing.MISSES_A_MINUTE):
            browser.get(f"/s/guess{number}")
        assert browser.get("/s/guess").status_code == 429
    with travel("2027-08-01T10:01:00Z", tick=False):
        assert browser.get("/s/guess").status_code == 404


def test_a_count_of_guesses_is_forgotten(browser: Client) -> None:
    browser.get("/s/guess")
    (key,) = redis_client.client().keys("web:misses:*")
    assert 0 < redis_client.client().ttl(key) <= 60


def test_without_redis_everyone_is_let_in(browser: Client, entrant: Entrant, no_redis: None) -> None:
    for number in range(guessing.MISSES_A_MINUTE + 1):
        assert browser.get(f"/s/guess{number}").status_code == 404
    assert browser.get(f"/s/{entrant.short_code}").status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("8.8.8.8", "1.1.1.1", "8.8.8.8"),
        ("127.0.0.1", "9.9.9.9, 8.8.8.8", "8.8.8.8"),
        ("172.18.0.2", "8.8.8.8", "8.8.8.8"),
        ("172.18.0.2", "nonsense", "172.18.0.2"),
        ("2a00:23c4:1:2:3:4:5:6", "", "2a00:23c4:1:2::/64"),
        ("", "8.8.8.8", "8.8.8.8"),
        ("", "", "None"),
    ],
)
def test_a_client_is_known_by_its_network(
    rf: RequestFactory, peer: str, forwarded: str, network: str
) -> None:
    request = rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert guessing.client_network(request) == network


def test_a_text_s_link_leads_on_to_the_race_s_pages(browser: Client) -> None:
    event = make_event(info_url="https://run.example/day", deferral_url="javascript:alert(1)")
    page = browser.get(f"/s/{make_entrant(event).short_code}").content.decode()
    assert 'href="https://run.example/day">Race day information</a>' in page
    assert "javascript" not in page


def test_the_page_says_why_and_what_comes_next_by_text(browser: Client) -> None:
    event = an_event()
    text = {"channel": "sms", "template": "hydration", "when": "40 days before, 10:00"}
    a_campaign(event, a_step(), a_step("text", **text))
    person = an_entrant(event)
    with travel("2027-07-22T08:00:00Z", tick=False):
        shown = browser.get(f"/s/{person.short_code}").content.decode()
        assert "because its number was given with an entry" in shown
        assert "Next by text" in shown
        assert "Tue 10 Aug" in shown
        stopped = browser.post(f"/s/{person.short_code}", {"press": "stop-all"}).content.decode()
        assert "Next by text" not in stopped
