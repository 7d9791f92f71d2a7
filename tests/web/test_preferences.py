"""/u/<token>: one click in a mail program, or one press on the page, stops tips; looking changes nothing."""

from __future__ import annotations

import pytest
from django.test import Client
from reigate import EMAIL_TIPS, SMS_TIPS, dump, granted, make_entrant, make_event
from time_machine import travel

from campaigns.models import ConsentEvent, Entrant, Suppression
from campaigns.models.words import Channel, Scope, SuppressionReason

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def entrant() -> Entrant:
    return make_entrant(make_event())


def page(browser: Client, entrant: Entrant) -> str:
    return browser.get(f"/u/{entrant.token}").content.decode()


def test_one_click_stops_tips_and_answers_at_once(browser: Client, entrant: Entrant) -> None:
    answer = browser.post(f"/u/{entrant.token}", "List-Unsubscribe=One-Click", content_type=FORM)
    assert answer.status_code == 200
    assert EMAIL_TIPS not in granted(entrant)
    assert SMS_TIPS in granted(entrant)
    assert Suppression.objects.get().reason == SuppressionReason.UNSUBSCRIBED
    assert ConsentEvent.objects.latest("id").source == "one-click"


def test_one_click_may_be_sent_as_multipart(browser: Client, entrant: Entrant) -> None:
    assert browser.post(f"/u/{entrant.token}", ONE_CLICK).status_code == 200
    assert EMAIL_TIPS not in granted(entrant)


def test_one_click_twice_is_one_stop(browser: Client, entrant: Entrant) -> None:
    browser.post(f"/u/{entrant.token}", ONE_CLICK)
    before = dump()
    assert browser.post(f"/u/{entrant.token}", ONE_CLICK).status_code == 200
    assert dump() == before


@pytest.mark.parametrize("body", ["", "nonsense", "press=", "List-Unsubscribe=", "\x00=%FF"])
def test_a_post_that_says_nothing_we_know_is_a_stop(browser: Client, entrant: Entrant, body: str) -> None:
    assert browser.post(f"/u/{entrant.token}", body, content_type=FORM).status_code == 200
    assert EMAIL_TIPS not in granted(entrant)


@pytest.mark.parametrize("token", ["unknown", "a" * 22, "%00", "a%0Ab", "x" * 5000, "é", "'; DROP TABLE--"])
def test_an_unknown_token_gets_the_same_quiet_answer(browser: Client, entrant: Entrant, token: str) -> None:
    before = dump()
    unknown = browser.post(f"/u/{token}", ONE_CLICK)
    assert dump() == before
    known = browser.post(f"/u/{entrant.token}", ONE_CLICK)
    assert (unknown.status_code, unknown.content) == (known.status_code, known.content)
    assert unknown.headers.items() == known.headers.items()


def test_looking_changes_nothing(browser: Client, entrant: Entrant) -> None:
    before = dump()
    for method in (browser.get, browser.head, browser.options, browser.put, browser.delete):
        method(f"/u/{entrant.token}")
    browser.get(f"/u/{entrant.token}?List-Unsubscribe=One-Click&press=stop-tips")
    assert dump() == before


def test_head_answers_like_get_without_a_body(browser: Client, entrant: Entrant) -> None:
    answer = browser.head(f"/u/{entrant.token}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert browser.head("/u/unknown").status_code == 404


def test_other_methods_are_refused(browser: Client, entrant: Entrant) -> None:
    assert browser.put(f"/u/{entrant.token}").status_code == 405


def test_the_page_tells_who_writes_why_and_what_comes(browser: Client, entrant: Entrant) -> None:
    shown = page(browser, entrant)
    for words in ("Run Reigate 2027", "Run Reigate Ltd", "for the 10K", "Stop all tips", "still come"):
        assert words in shown
    assert "Health tips come to this email address." in shown
    assert shown.count("<form") == 1


def test_the_page_does_not_offer_what_is_not_on(browser: Client) -> None:
    assert "No tips come to this email address." in page(browser, make_entrant(make_event(), yes=()))


def test_the_press_says_what_was_done_and_offers_to_undo_it(browser: Client, entrant: Entrant) -> None:
    answer = browser.post(f"/u/{entrant.token}", {"press": "stop-tips"})
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "Tips are stopped" in shown
    assert "still come" in shown
    assert 'value="undo-tips"' in shown
    assert 'value="stop-tips"' not in shown
    assert EMAIL_TIPS not in granted(entrant)


def test_undo_brings_tips_back(browser: Client, entrant: Entrant) -> None:
    browser.post(f"/u/{entrant.token}", {"press": "stop-tips"})
    shown = browser.post(f"/u/{entrant.token}", {"press": "undo-tips"}).content.decode()
    assert "Your stop is undone" in shown
    assert "come to this email address again" in shown
    assert EMAIL_TIPS in granted(entrant)
    assert not Suppression.objects.exists()


def test_undo_does_not_claim_more_than_it_did(browser: Client) -> None:
    entrant = make_entrant(make_event(), yes=())
    browser.post(f"/u/{entrant.token}", {"press": "stop-tips"})
    shown = browser.post(f"/u/{entrant.token}", {"press": "undo-tips"}).content.decode()
    assert "come to this email address again" not in shown


def test_undo_is_not_offered_for_a_bounce_and_does_nothing(browser: Client, entrant: Entrant) -> None:
    Suppression.objects.create(
        organiser=entrant.event.organiser,
        channel=Channel.EMAIL,
        address_hash=entrant.email_hash,
        scope=Scope.TIPS_AND_SPONSOR,
        reason=SuppressionReason.BY_HAND,
        at=entrant.created_at,
    )
    assert "<form" not in page(browser, entrant)
    before = dump()
    answer = browser.post(f"/u/{entrant.token}", {"press": "undo-tips"}).content.decode()
    assert "undone" not in answer
    assert dump() == before


def test_an_unknown_link_is_told_calmly(browser: Client) -> None:
    answer = browser.get("/u/unknown")
    assert answer.status_code == 404
    assert "This link is not known" in answer.content.decode()


def test_no_page_shows_a_surname_a_number_or_an_address(browser: Client) -> None:
    entrant = make_entrant(
        make_event(), last_name="Quillfeather", bib="88123", email="zoe@private.example.org"
    )
    for link in (f"/u/{entrant.token}", f"/s/{entrant.short_code}"):
        for press in ("", "stop-tips", "stop-all", "undo-all", "undo-tips"):
            answer = browser.post(link, {"press": press}) if press else browser.get(link)
            for private in ("Quillfeather", "88123", "private.example", "7700", "900123", "Zoë"):
                assert private not in answer.content.decode()


@pytest.mark.parametrize("press", [None, ONE_CLICK, {"press": "stop-tips"}, {"press": "undo-tips"}])
def test_pages_set_no_cookie_and_are_neither_kept_nor_indexed(
    browser: Client, entrant: Entrant, press: dict[str, str] | None
) -> None:
    link = f"/u/{entrant.token}"
    answer = browser.post(link, press) if press else browser.get(link)
    assert not answer.cookies
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"


def test_an_event_called_like_a_script_is_just_a_name(browser: Client) -> None:
    shown = page(browser, make_entrant(make_event(name="<script>alert(1)</script> {{ 7*7 }}")))
    assert "<script" not in shown
    assert "{{ 7*7 }}" in shown


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2027-09-17T22:59:00Z", "days to go"),
        ("2027-09-17T23:01:00Z", "day to go: Sun 19 Sep 2027"),
        ("2027-09-18T23:01:00Z", None),
        ("2027-10-01T12:00:00Z", None),
    ],
)
def test_days_to_go_are_counted_where_the_race_is(
    browser: Client, entrant: Entrant, moment: str, words: str | None
) -> None:
    with travel(moment, tick=False):
        shown = page(browser, entrant)
    assert words in shown if words else "bib-number" not in shown
