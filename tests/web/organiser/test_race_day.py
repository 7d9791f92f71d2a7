"""Race day on a phone: what it says, who may press what, and that a repeated press is the same press."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
import time_machine
from armed import ANN, BOB, block
from django.test import Client
from people import a_step, load
from pytest_django.asserts import assertNumQueries
from pytest_django.fixtures import Settings
from reigate import make_entrant, make_event
from signed_in import browser_of, make_user
from web.organiser.race_days import press, with_alerts

from campaigns import alerts, clock, readiness, tallies
from campaigns.checking import Check, State
from campaigns.models import Answer, AuditEntry, Circuit, Event, Release, Tally, User
from campaigns.models.words import Role
from campaigns.watch import heartbeat

pytestmark = pytest.mark.django_db

PAGE = "/e/run-reigate-2027/race-day/"
HEAT = f"{PAGE}heat/"


@pytest.fixture
def event() -> Event:
    made = make_event(venue="Priory Park")
    make_entrant(made)
    return made


@pytest.fixture(autouse=True)
def nobody_woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    import worker

    woken: list[str] = []
    monkeypatch.setattr(worker, "enqueue", lambda *words, **more: bool(woken.append(str(words[1]))) or True)
    return woken


def approver(event: Event, **names: str) -> User:
    return make_user(event, Role.APPROVER, **names)


def text_of(browser: Client, address: str = PAGE) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def send_words(browser: Client, **words: str) -> dict[str, str]:
    """The send form as the page gives it, filled in."""
    token = re.search(r'name="token" value="(\w+)"', browser.get(HEAT).content.decode())
    assert token is not None
    return {"act": "send", "token": token[1], "temp": "29", "name_typed": "heat", **words}


# Readiness


def test_the_page_names_what_is_wrong_with_its_cure(event: Event) -> None:
    said = text_of(browser_of(approver(event)))
    assert "The clock has never run. See that the scheduler and the workers run." in said
    assert "TWILIO_ACCOUNT_SID is not set" in said


@pytest.mark.parametrize(
    ("alerts_", "sentence"), [("", "There is no alert to send"), ("yes", "none of 3 is armed")]
)
def test_without_an_armed_alert_it_does_not_say_ready_to_send(
    event: Event, monkeypatch: pytest.MonkeyPatch, alerts_: str, sentence: str
) -> None:
    if alerts_:
        with_alerts(event)
    monkeypatch.setattr(readiness, "_clock", lambda: Check("Clock", State.GOOD, "Runs."))
    monkeypatch.setattr(readiness, "_sender", lambda *_: Check("Texts", State.GOOD, "Ready."))
    said = text_of(browser_of(approver(event)))
    assert sentence in said
    assert "Ready to send" not in said


def test_all_is_ready_only_when_all_is(event: Event, settings: Settings) -> None:
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC1", "x"
    settings.TWILIO_FROM, settings.TWILIO_BASE_URL = "+15005550006", ""
    with_alerts(event)
    for name in ("heat", "delay", "all-clear"):
        for who in ("ann@example.org", "bob@example.org"):
            alerts.arm(alerts.alert_named(event, name), who, {})
    Event.objects.update(contact_confirmed="hello@runreigate.example")
    heartbeat.beat(heartbeat.TICK)
    for name in (readiness.CREDIT, readiness.STAFF):
        Answer.objects.create(event=event, name=name, at=clock.now(), good=True, words="Fine.")
    browser = browser_of(approver(event))
    assert "All is ready. 3 alerts armed." in text_of(browser)
    Circuit.objects.filter(channel="sms").update(opened_at=clock.now(), reason="Twilio refused the login.")
    assert "1 thing must be put right" in text_of(browser)
    assert "Stopped: Twilio refused the login." in text_of(browser)


def test_an_answer_of_yesterday_is_asked_for_again(event: Event) -> None:
    Answer.objects.create(
        event=event, name=readiness.CREDIT, at=clock.now() - timedelta(hours=25), good=True, words="Fine."
    )
    assert "Nobody has asked Twilio today." in text_of(browser_of(approver(event)))


def test_asking_says_what_did_not_leave_and_is_kept(event: Event) -> None:
    with_alerts(event)
    browser = browser_of(approver(event))
    said = re.sub(r"<[^>]+>", "", browser.post(PAGE, {"act": "ask"}, follow=True).content.decode())
    assert "The test to Robin by email did not leave" in said
    assert {(one.name, one.good) for one in Answer.objects.all()} == {("credit", False), ("staff", False)}
    assert AuditEntry.objects.get(act="event.ready").detail == {"sent": 0, "failed": 2}


# The hold


def test_the_hold_is_set_and_ended_and_the_page_says_so(event: Event) -> None:
    browser = browser_of(make_user(event, Role.EDITOR))
    assert browser.post(PAGE, {"act": "hold"}).status_code == 302
    assert Event.objects.get().incident_hold
    assert "nothing planned leaves, alerts do" in text_of(browser)
    browser.post(PAGE, {"act": "unhold"})
    assert not Event.objects.get().incident_hold
    assert [one.detail["on"] for one in AuditEntry.objects.filter(act="campaign.hold")] == [True, False]


def test_the_hold_asks_once(event: Event) -> None:
    page = browser_of(approver(event)).get(PAGE).content.decode()
    inside = page[page.index("<details") : page.index("</details>")]
    assert 'value="hold"' in inside
    assert page.count('value="hold"') == 1


def test_who_only_looks_holds_nothing(event: Event) -> None:
    browser = browser_of(make_user(event, Role.VIEWER))
    assert browser.post(PAGE, {"act": "hold"}).status_code == 403
    assert not Event.objects.get().incident_hold
    assert 'value="hold"' not in browser.get(PAGE).content.decode()


# Arming and sending


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER, Role.REVIEWER])
@pytest.mark.parametrize("act", ["arm", "disarm", "test", "send"])
def test_who_may_not_approve_arms_and_sends_nothing(event: Event, role: Role, act: str) -> None:
    with_alerts(event, "armed")
    browser = browser_of(make_user(event, role))
    assert browser.post(HEAT, {"act": act, "name_typed": "heat", "token": "t"}).status_code == 403
    assert not Release.objects.exists()
    assert alerts.arming(alerts.alert_named(event, "heat")) == alerts.Arming.ARMED
    assert 'value="send"' not in browser.get(HEAT).content.decode()


def test_two_people_arm_it_and_one_alone_does_not(event: Event) -> None:
    heat = with_alerts(event)
    first, second = browser_of(approver(event)), browser_of(approver(event))
    first.post(HEAT, {"act": "arm", "temp": "29"})
    assert "You armed it. Somebody else confirms it" in text_of(first, HEAT)
    refused = first.post(HEAT, {"act": "arm"})
    assert "a second person does" in refused.content.decode()
    heat.refresh_from_db()
    assert alerts.arming(heat) == alerts.Arming.CONFIRMING
    second.post(HEAT, {"act": "arm"})
    heat.refresh_from_db()
    assert alerts.arming(heat) == alerts.Arming.ARMED
    assert "To send it, type its name below and press once." in text_of(second, HEAT)
    assert AuditEntry.objects.filter(act="alert.arm").count() == 2


def test_a_wrong_value_stands_at_its_field(event: Event) -> None:
    with_alerts(event)
    page = browser_of(approver(event)).post(HEAT, {"act": "arm", "temp": "warm"}).content.decode()
    assert "is not a temperature" in page
    assert 'role="alert"' in page


def test_the_page_shows_what_everyone_gets(event: Event) -> None:
    with_alerts(event, "armed")
    said = text_of(browser_of(approver(event)), HEAT)
    assert "Heat alert: 29°C forecast" in said
    assert "Run Reigate HEAT: 29C. Slow down" in said
    assert re.search(r"One text: \d+ of 160 characters", said), said[-900:]
    assert "1 entrant by email" in said


def test_the_panel_names_numbers_duration_and_cost(event: Event, settings: Settings) -> None:
    from decimal import Decimal

    settings.SMS_RATE, settings.SMS_PRICE = 0.01, Decimal("0.04")
    with_alerts(event, "armed")
    said = text_of(browser_of(approver(event)), HEAT)
    assert "1 text at 0.01 a second: 2 minutes, for 1 entrant, about 0.04" in said
    assert "The first leave at once, the last at about" in said


def test_a_press_sends_to_everyone_and_wakes_the_drains(event: Event, nobody_woken: list[str]) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event, name="Pat Presser"))
    answer = browser.post(HEAT, send_words(browser), follow=True)
    assert re.search(
        r"You sent Heat at \d\d:\d\d, to 1 entrant by email and 1 entrant by text\.", answer.content.decode()
    )
    assert {"email", "sms"} <= set(nobody_woken)
    release = Release.objects.get()
    assert release.pressed_by == "pat.presser@example.org"
    entry = AuditEntry.objects.get(act="alert.send")
    assert (entry.detail["release"], entry.detail["entrants"]) == ("heat#1", {"email": 1, "sms": 1})


def test_a_repeated_press_is_the_same_press(event: Event) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event))
    words = send_words(browser)
    browser.post(HEAT, words)
    Release.objects.update(pressed_at=clock.now() - timedelta(minutes=30), values={"temp": "10"})
    again = browser.post(HEAT, words, follow=True)
    assert "it goes out once" in again.content.decode()
    assert Release.objects.count() == 1


def test_a_page_loaded_after_the_press_neither_sends_twice_nor_looks_as_if_nothing_had_left(
    event: Event,
) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event))
    browser.post(HEAT, send_words(browser))
    said = text_of(browser, HEAT)
    assert "Send it now" not in said
    assert "Send it again only if they are to get it twice" in said
    again = browser.post(HEAT, send_words(browser), follow=True)
    assert "it goes out once" in again.content.decode()
    assert Release.objects.count() == 1


@pytest.mark.parametrize("typed", ["", "delay", "send"])
def test_without_its_name_nothing_is_sent(event: Event, typed: str) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event))
    page = browser.post(HEAT, send_words(browser, name_typed=typed)).content.decode()
    assert 'role="alert"' in page
    assert not Release.objects.exists()


def test_its_name_may_be_typed_as_a_phone_writes_it(event: Event) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event))
    assert browser.post(HEAT, send_words(browser, name_typed="Heat ")).status_code == 302
    assert Release.objects.exists()


@pytest.mark.parametrize("typed", ["All clear", "all-clear", " ALL  CLEAR "])
def test_the_name_to_type_is_the_one_that_is_shown_in_any_case(event: Event, typed: str) -> None:
    with_alerts(event)
    clear, address = alerts.alert_named(event, "all-clear"), f"{PAGE}all-clear/"
    for who in (ANN, BOB):
        alerts.arm(clear, who, {})
    browser = browser_of(approver(event))
    assert "Type “All clear” to send it" in text_of(browser, address)
    refused = browser.post(address, {"act": "send", "token": "t", "name_typed": "allclear"})
    assert "This is not its name: type “All clear”." in refused.content.decode()
    assert browser.post(address, {"act": "send", "token": "t", "name_typed": typed}).status_code == 302
    assert Release.objects.get().alert == clear


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (47, "The race is in 47 days."),
        (1, "The race is tomorrow."),
        (0, ""),
        (-3, "The race was 3 days ago."),
    ],
)
def test_sent_on_another_day_than_that_of_the_race_it_says_so(event: Event, days: int, said: str) -> None:
    with_alerts(event, "armed")
    Event.objects.update(date=clock.now().astimezone(event.zone).date() + timedelta(days=days))
    shown = text_of(browser_of(approver(event)), HEAT)
    assert f"{said} To try it out, send it to the staff alone." in shown if said else "To try it" not in shown
    assert "No warning has been sent" not in shown


def test_an_all_clear_after_no_warning_says_so(event: Event) -> None:
    heat, browser = with_alerts(event, "armed"), browser_of(approver(event))
    for who in (ANN, BOB):
        alerts.arm(alerts.alert_named(event, "all-clear"), who, {})
    assert "No warning has been sent before it." in text_of(browser, f"{PAGE}all-clear/")
    press(heat)
    assert "No warning has been sent" not in text_of(browser, f"{PAGE}all-clear/")


def test_on_the_day_itself_the_alerts_stand_first(event: Event) -> None:
    with_alerts(event)
    browser, places = browser_of(approver(event)), []
    for days in (1, 0):
        Event.objects.update(date=clock.now().astimezone(event.zone).date() + timedelta(days=days))
        page = browser.get(PAGE).content.decode()
        assert page.count('id="alerts"') == 1
        places.append(page.index('id="alerts"') < page.index('id="ready"'))
    assert places == [False, True]


def test_it_says_that_alerts_go_to_those_too_who_have_not_agreed(event: Event) -> None:
    with_alerts(event)
    said = "Alerts also go to those who have not agreed to tips or texts; to whoever answered STOP by email alone."
    browser = browser_of(approver(event))
    assert said in text_of(browser)
    assert said in text_of(browser, HEAT)


def test_once_sent_the_page_says_so_and_counts_that_stand_are_of_now(event: Event) -> None:
    heat, browser = with_alerts(event, "armed"), browser_of(approver(event))
    browser.get(HEAT)  # the first look counts whom it reaches
    press(heat)
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=False):
        said, time = text_of(browser, HEAT), clock.now().astimezone(event.zone)
    assert "; how far it has come stands below." in said
    assert "type its name below" not in said
    assert "Who gets it if it is sent again" in said
    assert f"{time:%H:%M}. It is counted anew" in said


def test_without_a_mobile_it_says_so_and_not_that_there_is_no_address(event: Event) -> None:
    with_alerts(event, "armed")
    make_entrant(event, email="other@example.com", mobile="")
    said = text_of(browser_of(approver(event)), HEAT)
    assert "1 entrant by text ; 1 not: no mobile number" in said
    assert "no address" not in said


def test_what_stands_in_the_message_must_be_typed(event: Event) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event))
    assert "type it in" in browser.post(HEAT, send_words(browser, temp="")).content.decode()
    assert not Release.objects.exists()


def test_an_alert_that_reaches_nobody_is_an_error_in_red(event: Event) -> None:
    with_alerts(event, "armed")
    event.entrants.update(status="withdrawn")
    browser = browser_of(approver(event))
    page = browser.post(HEAT, send_words(browser)).content.decode()
    assert "was sent to nobody" in page
    assert AuditEntry.objects.get(act="alert.send").detail["release"] is None


def test_a_form_from_elsewhere_sends_nothing(event: Event) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event))
    browser.handler.enforce_csrf_checks = True
    assert browser.post(HEAT, send_words(browser)).status_code == 403
    assert not Release.objects.exists()


def test_the_code_is_asked_for_at_the_page_and_not_at_the_button(event: Event) -> None:
    with_alerts(event, "armed")
    browser = browser_of(approver(event))
    session = browser.session
    session["code_at"] = (clock.now() - timedelta(hours=25)).isoformat()
    session.save()
    for address in (PAGE, HEAT):
        assert browser.get(address)["Location"].startswith(("/code?next=", "/account/second-factor?next="))
    session["code_at"] = (clock.now() - timedelta(hours=23)).isoformat()
    session.save()
    assert browser.post(HEAT, send_words(browser)).status_code == 302
    assert Release.objects.exists()


def test_an_edit_takes_the_send_button_away(event: Event) -> None:
    heat = with_alerts(event, "armed")
    assert heat.email_template is not None
    newest = heat.email_template.versions.latest("number")
    newest.pk, newest.number, newest.content_hash = None, newest.number + 1, "other"
    newest.save(force_insert=True)
    page = browser_of(approver(event)).get(HEAT).content.decode()
    assert 'value="send"' not in page
    assert "Not armed." in page


def test_an_alert_that_is_not_there_is_not_found(event: Event) -> None:
    assert browser_of(approver(event)).get(f"{PAGE}snow/").status_code == 404


# After the press


def test_the_counts_are_asked_for_while_something_moves(event: Event) -> None:
    heat = with_alerts(event, "armed")
    press(heat)
    browser = browser_of(approver(event))
    assert "every 2s" in browser.get(f"{HEAT}figures").content.decode()
    said = text_of(browser, f"{HEAT}figures")
    assert "0 of 1 by email" in said
    assert "1 still to leave" in said


def test_after_the_press_a_shared_message_is_counted_as_one(event: Event) -> None:
    for _ in range(2):
        make_entrant(event)
    heat = with_alerts(event, "armed")
    press(heat)
    step = heat.releases.get().steps.get(channel="email")
    tallies.count(step, clock.now())
    Tally.objects.update(counts={"email": {"sent": 3}}, carried={"email": {"sent": 2}})
    said = text_of(browser_of(approver(event)), f"{HEAT}figures")
    assert "3 of 3 by email" in said
    assert "In 1 message: a family on one address shares one." in said


def test_all_clear_is_offered_after_a_press(event: Event) -> None:
    heat = with_alerts(event, "armed")
    browser = browser_of(approver(event))
    assert "Say all clear" not in text_of(browser)
    press(heat)
    assert "When it is over, say so." in text_of(browser)
    assert 'href="/e/run-reigate-2027/race-day/all-clear/"' in browser.get(PAGE).content.decode()


# Speed and size


def test_the_page_asks_the_database_as_often_for_six_alerts_as_for_three(event: Event) -> None:
    browser = browser_of(approver(event))
    with_alerts(event)
    browser.get(PAGE)  # the first one counts whom an alert reaches, and keeps it
    for names in ((), ("cancel", "stop", "postponed")):
        load(event, a_step(), *map(block, ("heat", "delay", "all-clear", *names)))
        alerts.known(Event.objects.get(), clock.now())
        text_of(browser)
        with assertNumQueries(20):
            browser.get(PAGE)
        with assertNumQueries(6):
            browser.get(f"{PAGE}figures")


def test_an_alert_asks_as_often_for_many_entrants_as_for_one(event: Event) -> None:
    with_alerts(event, "sent")
    browser = browser_of(approver(event))
    browser.get(HEAT)
    for more in (0, 3):
        for number in range(more):
            make_entrant(event, email=f"r{number}@example.com", mobile="")
        browser.get(HEAT)
        with assertNumQueries(23):
            browser.get(HEAT)
        with assertNumQueries(10):
            browser.get(f"{HEAT}figures")


def test_the_page_is_small_enough_for_a_weak_signal(event: Event) -> None:
    with_alerts(event, "sent")
    browser = browser_of(approver(event))
    assert len(browser.get(PAGE).content) < 20_000
    assert len(browser.get(HEAT).content) < 20_000


# What stands half done


def test_who_armed_it_reads_who_may_be_the_second_and_they_are_led_to_it(event: Event) -> None:
    with_alerts(event)
    ann, bob = approver(event, name="Ann Lee"), approver(event, name="Bob Ray")
    make_user(event, Role.EDITOR, name="Eve Doe")
    mine, theirs = browser_of(ann), browser_of(bob)
    mine.post(HEAT, {"act": "arm", "temp": ""})
    said = text_of(mine, HEAT)
    assert "You armed it. Somebody else confirms it: Bob Ray." in said
    assert "Eve Doe" not in said
    link = f'<a class="button button-first" href="{HEAT}">Read it and confirm</a>'
    assert link in theirs.get(PAGE).content.decode()
    assert "Heat was armed by ann.lee@example.org and waits for a second person." in text_of(mine).replace(
        " .", "."
    )
    assert link not in mine.get(PAGE).content.decode()
    course = text_of(theirs, "/e/run-reigate-2027/")
    assert "Heat waits for a second person." in course
    assert (
        f'<a class="way" href="{HEAT}">Read it and confirm</a>'
        in theirs.get("/e/run-reigate-2027/").content.decode()
    )
    assert "Read it and confirm" not in text_of(mine, "/e/run-reigate-2027/")
    to_do = f'<a class="way" href="{PAGE}">An alert waits for your confirmation</a>'
    assert to_do in theirs.get("/events/").content.decode()
    assert to_do not in mine.get("/events/").content.decode()


def test_with_nobody_to_confirm_it_says_to_invite_one(event: Event) -> None:
    with_alerts(event)
    mine = browser_of(approver(event))
    mine.post(HEAT, {"act": "arm", "temp": ""})
    assert "nobody else may yet: invite an approver" in text_of(mine, HEAT)


def test_what_is_typed_is_asked_for_as_people_write_it(event: Event) -> None:
    with_alerts(event)
    delay = f"{PAGE}delay/"
    browser = browser_of(approver(event))
    wrong = browser.post(delay, {"act": "arm", "new_start": "half ten"}).content.decode()
    assert "write the time on the clock, such as 10:00." in wrong
    assert "new_start=" not in wrong
    browser.post(delay, {"act": "arm", "new_start": "9.45"})
    assert alerts.alert_named(event, "delay").values == {"new_start": "09:45"}


def test_the_words_of_an_email_fit_a_phone(event: Event) -> None:
    with_alerts(event)
    page = browser_of(approver(event)).get(HEAT).content.decode()
    assert "<h4>" in page
    assert "====" not in page
    assert "----" not in page


def test_an_example_is_called_one_beside_the_button(event: Event) -> None:
    heat = with_alerts(event)
    for person in ("ann@example.org", "bob@example.org"):
        alerts.arm(heat, person, {})
    assert "an example stands below. What you type takes its place." in text_of(
        browser_of(approver(event)), HEAT
    )


def test_children_who_do_not_get_it_are_a_way_to_their_guardians(event: Event) -> None:
    make_entrant(event, email="kim@example.org", birth_date=date(2020, 1, 1))
    with_alerts(event)
    page = browser_of(approver(event)).get(HEAT).content.decode()
    assert '<a href="/e/run-reigate-2027/entrants/waiting">Look through these children' in page
