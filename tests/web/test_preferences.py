"""/u/<token>: one click or one press stops tips, ticks choose, and the page tells what comes next and what was sent."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from icalendar import Calendar
from people import DUE, a_campaign, a_step, an_event, queue, the_step
from people import entrant as an_entrant
from pytest_django.fixtures import Settings
from reigate import (
    EMAIL_SPONSOR,
    EMAIL_TIPS,
    EVERYTHING,
    SMS_SERVICE,
    SMS_SPONSOR,
    SMS_TIPS,
    dump,
    granted,
    make_entrant,
    make_event,
)
from time_machine import travel

from campaigns import campaign, ledger, optout, privacy
from campaigns.models import ConsentEvent, Delivery, Entrant, InboundText, Suppression
from campaigns.models.words import Channel, Scope, SuppressionReason
from campaigns.receipts import forwarding
from postbox import Postbox

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
    for words in (
        "Run Reigate 2027",
        "Run Reigate Ltd",
        "entered the 10K",
        "Stop all tips",
        "comes with your entry",
    ):
        assert words in shown
    assert "Health tips are on." in shown
    assert shown.count('value="stop-tips"') == 1


def test_the_page_does_not_offer_what_is_not_on(browser: Client) -> None:
    shown = page(browser, make_entrant(make_event(), yes=()))
    assert "Health tips are off." in shown
    assert "stop-tips" not in shown


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
    assert "comes to you again" in shown
    assert {EMAIL_TIPS, SMS_TIPS} <= set(granted(entrant))
    assert not Suppression.objects.exists()


def test_undo_does_not_claim_more_than_it_did(browser: Client) -> None:
    entrant = make_entrant(make_event(), yes=())
    browser.post(f"/u/{entrant.token}", {"press": "stop-tips"})
    shown = browser.post(f"/u/{entrant.token}", {"press": "undo-tips"}).content.decode()
    assert "comes to you again" not in shown


def test_undo_is_not_offered_for_a_bounce_and_does_nothing(browser: Client, entrant: Entrant) -> None:
    Suppression.objects.create(
        organiser=entrant.event.organiser,
        channel=Channel.EMAIL,
        address_hash=entrant.email_hash,
        scope=Scope.TIPS_AND_SPONSOR,
        reason=SuppressionReason.BY_HAND,
        at=entrant.created_at,
    )
    shown = page(browser, entrant)
    assert 'value="undo-tips"' not in shown
    assert shown.count(" disabled") == 2
    assert "write to the organiser" in shown
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


# One press stops all tips


def test_a_press_stops_tips_by_text_as_well_and_one_click_does_not(browser: Client, entrant: Entrant) -> None:
    browser.post(f"/u/{entrant.token}", ONE_CLICK)
    assert SMS_TIPS in granted(entrant)
    browser.post(f"/u/{entrant.token}", {"press": "stop-tips"})
    assert {EMAIL_TIPS, SMS_TIPS, EMAIL_SPONSOR, SMS_SPONSOR}.isdisjoint(granted(entrant))
    assert SMS_SERVICE in granted(entrant)


# Choices


def choose(browser: Client, entrant: Entrant, *on: str) -> str:
    return browser.post(f"/u/{entrant.token}", {"press": "choose", "on": on}).content.decode()


def test_what_is_ticked_is_on_and_nothing_else(browser: Client, entrant: Entrant) -> None:
    shown = choose(browser, entrant, "email-tips", "sms-service")
    assert "Your choice is saved" in shown
    assert set(granted(entrant)) == {EMAIL_TIPS, SMS_SERVICE}
    assert 'value="email-tips" checked' in shown
    assert 'value="email-sponsor" checked' not in shown


def test_a_tick_says_yes_for_the_first_time_in_the_words_beside_it(browser: Client) -> None:
    entrant = make_entrant(make_event(), yes=())
    choose(browser, entrant, "email-tips")
    assert set(granted(entrant)) == {EMAIL_TIPS}
    told = ConsentEvent.objects.get()
    assert (told.granted, told.wording) == (True, "Health tips by email")


def test_a_tick_takes_back_ones_own_stop(browser: Client, entrant: Entrant) -> None:
    browser.post(f"/u/{entrant.token}", {"press": "stop-tips"})
    choose(browser, entrant, "email-tips", "sms-service")
    assert set(granted(entrant)) == {EMAIL_TIPS, SMS_SERVICE}
    assert list(Suppression.objects.values_list("channel", flat=True)) == ["sms"]


def test_a_tick_does_not_lift_what_a_bounce_closed(browser: Client, entrant: Entrant) -> None:
    Suppression.objects.create(
        organiser=entrant.event.organiser, channel=Channel.EMAIL, address_hash=entrant.email_hash,
        scope=Scope.ALL, reason=SuppressionReason.HARD_BOUNCE, at=entrant.created_at,
    )  # fmt: skip
    choose(browser, entrant, "email-tips")
    assert Suppression.objects.filter(reason=SuppressionReason.HARD_BOUNCE).exists()


def test_no_tick_at_all_is_a_stop(browser: Client, entrant: Entrant) -> None:
    choose(browser, entrant)
    assert granted(entrant) == set()
    assert Suppression.objects.filter(scope=Scope.TIPS_AND_SPONSOR).count() == 2


def test_the_same_choice_again_changes_nothing(browser: Client, entrant: Entrant) -> None:
    choose(browser, entrant, "email-tips")
    before = dump()
    choose(browser, entrant, "email-tips")
    assert dump() == before


def test_who_has_no_mobile_is_offered_no_texts(browser: Client) -> None:
    shown = page(browser, make_entrant(make_event(), mobile=""))
    assert "email-tips" in shown
    assert "sms-" not in shown


# What comes next, and what was sent


def planned(**fields: object) -> Entrant:
    """An entrant of a campaign with two tips, the first on Tue 3 Aug at 10:00 in London."""
    event = an_event()
    loaded = a_campaign(event, a_step(), a_step("later", template="back-pain", when="40 days before, 10:00"))
    assert loaded.event_id == event.id
    return an_entrant(event, **fields)


@travel("2027-07-22T08:00:00Z", tick=False)
def test_the_page_opens_with_what_comes_next(browser: Client) -> None:
    shown = page(browser, planned())
    assert "Next for you" in shown
    assert "Tue 3 Aug" in shown
    assert "by email at 10:00, in 12 days" in shown
    assert "After that" in shown


@travel("2027-07-22T08:00:00Z", tick=False)
def test_who_has_said_no_is_promised_nothing(browser: Client) -> None:
    assert "Next for you" not in page(browser, planned(consents=()))


@travel("2027-07-22T08:00:00Z", tick=False)
def test_after_a_stop_nothing_is_promised_any_more(browser: Client) -> None:
    person = planned()
    shown = browser.post(f"/u/{person.token}", {"press": "stop-tips"}).content.decode()
    assert "Next for you" not in shown


@travel("2027-07-22T08:00:00Z", tick=False)
def test_a_stopped_campaign_or_a_cancelled_race_promises_nothing(browser: Client) -> None:
    person = planned()
    campaign.cancel_event(person.event)
    assert "Next for you" not in page(browser, person)


def test_what_was_sent_is_listed_with_a_link_that_shows_it(browser: Client) -> None:
    person = planned()
    step = the_step(person.event.campaign)
    [row] = queue(step, [person])
    claim = ledger.claim(Channel.EMAIL, step.id, DUE, limit=5, lease=LEASE, holder="test")
    [group] = claim.groups
    results = [
        ledger.Result(c.delivery, c.claim, c.carrier, "accepted", version=step.version_id) for c in group
    ]
    ledger.settle(Channel.EMAIL, results, DUE)
    with travel(DUE, tick=False):
        shown = page(browser, person)
    assert "Sent to you" in shown
    link = re.search(r'href="(/m/[^"]+)"', shown)
    assert link is not None
    assert browser.get(link[1]).status_code == 200
    assert Delivery.objects.get().pk == row.pk


def test_the_page_is_small(browser: Client) -> None:
    assert len(page(browser, planned()).encode()) < 40_000


# The calendar


def calendar(browser: Client, entrant: Entrant) -> Calendar:
    answer = browser.get(f"/u/{entrant.token}/calendar.ics")
    assert answer.headers["Content-Type"].startswith("text/calendar")
    return Calendar.from_ical(answer.content)


def entries(browser: Client, entrant: Entrant) -> dict[str, datetime]:
    return {str(e["summary"]): e["dtstart"].dt for e in calendar(browser, entrant).walk("VEVENT")}


@travel("2027-07-22T08:00:00Z", tick=False)
def test_the_calendar_holds_race_warm_up_and_tips_and_moves_with_the_race(browser: Client) -> None:
    person = planned(race="10k")
    found = entries(browser, person)
    assert found["Run Reigate 2027: 10K"] == datetime(2027, 9, 19, 8, 0, tzinfo=UTC)
    assert found["Warm up for Run Reigate 2027"] == datetime(2027, 9, 19, 7, 35, tzinfo=UTC)
    assert datetime(2027, 8, 3, 9, 0, tzinfo=UTC) in found.values()
    before = {str(e["uid"]) for e in calendar(browser, person).walk("VEVENT")}
    campaign.move_race(person.event, date(2027, 9, 26))
    campaign.approve(person.event.campaign, "ann@example.org", [])
    found = entries(browser, person)
    assert found["Run Reigate 2027: 10K"] == datetime(2027, 9, 26, 8, 0, tzinfo=UTC)
    assert datetime(2027, 8, 10, 9, 0, tzinfo=UTC) in found.values()
    assert {str(e["uid"]) for e in calendar(browser, person).walk("VEVENT")} == before


def test_the_calendar_names_nobody(browser: Client) -> None:
    person = planned(first_name="Zoë", last_name="Quillfeather", bib="88123")
    text = browser.get(f"/u/{person.token}/calendar.ics").content.decode()
    for private in ("Zo", "Quillfeather", "88123", person.email, person.mobile, person.token):
        assert private not in text


def test_an_unknown_calendar_is_told_calmly(browser: Client) -> None:
    assert browser.get("/u/unknown/calendar.ics").status_code == 404


LEASE = timedelta(seconds=60)


# A word to the organiser


def tell(browser: Client, entrant: Entrant, words: str) -> str:
    return browser.post(f"/u/{entrant.token}", {"press": "tell", "words": words}).content.decode()


def test_a_note_is_kept_for_the_organiser_and_the_page_says_who_reads_it_and_999(
    browser: Client, entrant: Entrant
) -> None:
    shown = tell(browser, entrant, "  My race is the half, not the 10K.  ")
    assert "kept for the organiser" in shown
    assert "tel:999" in shown
    kept = InboundText.objects.get()
    assert (kept.body, kept.by_page, kept.entrant, kept.event) == (
        "My race is the half, not the 10K.", True, entrant, entrant.event,
    )  # fmt: skip
    assert not kept.urgent
    assert not kept.answered


def test_a_note_that_speaks_of_an_emergency_is_put_first(browser: Client, entrant: Entrant) -> None:
    tell(browser, entrant, "I have chest pain after training")
    assert InboundText.objects.get().urgent


@pytest.mark.parametrize("words", ["", "   ", "stop", "x" * 5000, "<script>alert(1)</script>", "\x00"])
def test_no_note_changes_what_comes(browser: Client, entrant: Entrant, words: str) -> None:
    before = granted(entrant)
    shown = tell(browser, entrant, words)
    assert granted(entrant) == before
    assert not Suppression.objects.exists()
    assert all(len(note.body) <= 500 for note in InboundText.objects.all())
    assert "<script>alert" not in shown


def test_more_than_five_notes_in_a_day_are_not_taken(browser: Client, entrant: Entrant) -> None:
    for number in range(5):
        tell(browser, entrant, f"Note {number}")
    assert "Nothing was passed on" in tell(browser, entrant, "Note 5")
    assert InboundText.objects.count() == 5


def test_who_opens_the_link_sees_that_something_was_written_and_not_what(
    browser: Client, entrant: Entrant
) -> None:
    tell(browser, entrant, "My knee hurts")
    shown = page(browser, entrant)
    assert "Kept for the organiser" in shown
    assert "knee" not in shown
    InboundText.objects.update(forwarded_at=entrant.created_at)
    assert "Passed on to the organiser" in page(browser, entrant)


def test_a_note_is_mailed_to_the_contact_with_an_address_to_answer_to(
    browser: Client, settings: Settings
) -> None:
    person = make_entrant(make_event(), mobile="")
    tell(browser, person, "My name is spelt wrong")
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        assert forwarding.forward() == 1
        [mail] = box.emails
    said = mail.message.get_content()
    assert mail.recipient == person.event.contact_email
    assert "wrote on their page" in str(mail.message["Subject"])
    assert "My name is spelt wrong" in said
    assert person.email in said


def test_a_note_goes_with_the_person(browser: Client, entrant: Entrant) -> None:
    tell(browser, entrant, "My knee hurts")
    privacy.erase(entrant)
    assert InboundText.objects.get().body == ""


# What one press did, and what it left alone


def stop_by_text(entrant: Entrant) -> None:
    optout.stop_by_reply(entrant.event.organiser_id, entrant.mobile)


def start_by_text(entrant: Entrant) -> None:
    optout.start_by_reply(entrant.event.organiser_id, entrant.mobile, "START")


def test_undo_after_unticking_everything_brings_back_what_the_choice_took(
    browser: Client, entrant: Entrant
) -> None:
    choose(browser, entrant, "sms-service")
    browser.post(f"/u/{entrant.token}", {"press": "undo-tips"})
    assert granted(entrant) == set(EVERYTHING)


def test_undo_leaves_a_stop_of_tips_by_text_that_was_there_before_the_press(
    browser: Client, entrant: Entrant
) -> None:
    optout.stop_tips_by_text(entrant)
    browser.post(f"/u/{entrant.token}", {"press": "stop-tips"})
    browser.post(f"/u/{entrant.token}", {"press": "undo-tips"})
    assert EMAIL_TIPS in granted(entrant)
    assert SMS_TIPS not in granted(entrant)
    assert list(Suppression.objects.values_list("channel", "scope")) == [("sms", "tips_and_sponsor")]


def test_a_choice_of_emails_leaves_texts_alone_that_a_stop_by_reply_has_closed(
    browser: Client, entrant: Entrant
) -> None:
    stop_by_text(entrant)
    assert page(browser, entrant).count(" disabled") == 3
    choose(browser, entrant, "email-tips")
    start_by_text(entrant)
    assert {SMS_SERVICE, SMS_TIPS, SMS_SPONSOR} <= granted(entrant)
    assert optout.standing(entrant, Channel.SMS).tips


def test_a_choice_withdraws_nothing_that_could_not_be_ticked(browser: Client, entrant: Entrant) -> None:
    hand = (entrant.event.organiser, Channel.SMS, entrant.mobile)
    optout.suppress(*hand, Scope.TIPS_AND_SPONSOR, SuppressionReason.BY_HAND)
    choose(browser, entrant, "email-tips", "sms-service")
    optout.lift(*hand)
    assert optout.standing(entrant, Channel.SMS).tips


def test_a_stop_by_reply_cannot_be_undone_by_whoever_holds_the_link(
    browser: Client, entrant: Entrant
) -> None:
    browser.post(f"/s/{entrant.short_code}", {"press": "stop-all"})
    stop_by_text(entrant)
    browser.post(f"/s/{entrant.short_code}", {"press": "undo-all"})
    assert not optout.standing(entrant, Channel.SMS).alerts
    start_by_text(entrant)
    assert {SMS_SERVICE, SMS_TIPS, SMS_SPONSOR} <= granted(entrant)


# What a one-click request must withstand: it bears no signature, the token is the proof


def test_a_huge_body_is_refused_and_changes_nothing(browser: Client, entrant: Entrant) -> None:
    before = dump()
    body = "List-Unsubscribe=One-Click&x=" + "y" * 3_000_000
    assert browser.post(f"/u/{entrant.token}", body, content_type=FORM).status_code in (400, 413)
    assert dump() == before


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "image/png", ""])
def test_a_wrong_content_type_is_a_stop_all_the_same(
    browser: Client, entrant: Entrant, content_type: str
) -> None:
    answer = browser.generic("POST", f"/u/{entrant.token}", b"\xff{", content_type=content_type)
    assert answer.status_code == 200
    assert EMAIL_TIPS not in granted(entrant)


def test_a_link_of_another_entrant_stops_nothing_of_this_one(browser: Client, entrant: Entrant) -> None:
    other = make_entrant(entrant.event, email="ana@example.com", mobile="+447700900456")
    browser.post(f"/u/{other.token}", ONE_CLICK)
    assert EMAIL_TIPS in granted(entrant)
