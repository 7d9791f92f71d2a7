"""The event by its pages: each part saved by itself, the race moved after a look at what moves, and called off."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from people import a_campaign, a_step, an_event, entrants, queue, the_step
from pytest_django import DjangoAssertNumQueries
from signed_in import browser_of, make_user

from campaigns import contact
from campaigns.models import AuditEntry, Delivery, Event
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Event:
    return an_event(date.today() + timedelta(days=100))


@pytest.fixture
def browser(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR))


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def post(browser: Client, event: Event, act: str, **fields: Any) -> Any:
    return browser.post(f"/e/{event.slug}/event", {"act": act, **fields}, follow=True)


def details(event: Event, **changed: str) -> dict[str, str]:
    return {"name": event.name, "venue": event.venue, "contact_email": event.contact_email, "colour": event.colour,
            **changed}  # fmt: skip


def acts() -> list[tuple[str, Any]]:
    return [(entry.act, entry.detail) for entry in AuditEntry.objects.order_by("id")]


def test_what_runners_read_is_saved_and_noted_by_field(browser: Client, event: Event) -> None:
    post(browser, event, "details", **details(event, venue="Priory Park, gate 2", colour="#FFCC00"))
    event.refresh_from_db()
    assert (event.venue, event.colour) == ("Priory Park, gate 2", "#FFCC00")
    assert acts() == [("event.edit", {"changed": ["venue", "colour"]})]
    page = text_of(browser.get(f"/e/{event.slug}/event"))
    assert "#FFCC00 is darkened until white words on it can be read" in page


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("colour", "green", "six hex digits"),
        ("logo_url", "http://example.org/logo.png", "starts with https://"),
        ("contact_email", "hello at", "is not an email address"),
        ("info_url", "javascript:alert(1)", "valid URL"),
        ("name", "", "required"),
    ],
)
def test_what_no_message_could_show_is_refused(
    browser: Client, event: Event, field: str, value: str, said: str
) -> None:
    answer = post(browser, event, "details", **details(event, **{field: value}))
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert acts() == []


def test_a_contact_is_confirmed_by_its_code_and_a_new_one_asks_again(browser: Client, event: Event) -> None:
    wrong = post(browser, event, "contact-confirm", contact_code="000000x")
    assert "This is not the code" in text_of(wrong)
    post(browser, event, "contact-confirm", contact_code=contact.code_of(event))
    event.refresh_from_db()
    assert contact.is_confirmed(event)
    post(browser, event, "details", **details(event, contact_email="new@example.org"))
    event.refresh_from_db()
    assert not contact.is_confirmed(event)


def test_starts_move_what_hangs_on_them(browser: Client, event: Event) -> None:
    half, tenk, kids = (event.races.get(slug=slug) for slug in ("half", "10k", "kids"))
    same = {f"race-{race.id}": f"{race.start:%H:%M}" for race in (half, tenk, kids)}
    post(browser, event, "starts", **same)
    assert acts() == []
    post(browser, event, "starts", **{**same, f"race-{half.id}": "09:45"})
    before = event.plan_version
    event.refresh_from_db()
    half.refresh_from_db()
    assert (half.start, event.plan_version) == (time(9, 45), before + 1)
    post(browser, event, "wave", race="half", wave="A", start="09:50")
    assert half.waves.get().start == time(9, 50)
    assert [act for act, _ in acts()] == ["event.starts", "event.wave"]


def test_starts_of_another_event_cannot_be_set(browser: Client, event: Event) -> None:
    other = an_event()
    race = other.races.get(slug="half")
    post(browser, event, "starts", **{f"race-{race.id}": "23:00"})
    race.refresh_from_db()
    assert race.start == time(9, 15)


def test_staff_are_added_and_removed(browser: Client, event: Event) -> None:
    assert "Give an email, a mobile or both" in text_of(post(browser, event, "staff", staff_name="Kim"))
    landline = post(browser, event, "staff", staff_name="Kim", staff_mobile="01737 276000")
    assert "not a mobile number" in text_of(landline)
    post(
        browser, event, "staff", staff_name="Kim", staff_email="kim@example.org", staff_mobile="07700 900123"
    )
    assert event.staff.get().mobile == "+447700900123"
    assert event.staff.get().copies is False
    by_phone = post(browser, event, "staff", staff_name="Kim", staff_mobile="07700 900123", staff_copies="on")
    assert "Copies go by email" in text_of(by_phone)
    copied = post(browser, event, "staff", staff_name="Kim", staff_email="kim@example.org", staff_copies="on")
    assert "kim@example.org, gets a copy of each step" in text_of(copied)
    assert event.staff.get().copies is True
    post(browser, event, "staff-remove", who="Kim")
    assert not event.staff.exists()


def test_only_owners_settle_for_one_approver(browser: Client, event: Event) -> None:
    terms = {"alert_approvers": "1", "contact_days": "60", "fact_months": "12"}
    assert "Only an owner" in text_of(post(browser, event, "terms", **terms))
    owner = browser_of(make_user(event, Role.OWNER))
    assert "One person alone can arm" in text_of(post(owner, event, "terms", **terms))
    event.refresh_from_db()
    assert (event.alert_approvers, event.contact_days, event.fact_months) == (1, 60, 12)


# Calling off


def test_a_race_is_called_off_by_typing_its_name(browser: Client, event: Event) -> None:
    loaded = a_campaign(event)
    queue(the_step(loaded), entrants(event, 3))
    path = f"/e/{event.slug}/event/cancel"
    assert "3 of them wait in the queue" in text_of(browser.get(path))
    assert "This is not its name" in text_of(browser.post(path, {"typed": "Run"}))
    event.refresh_from_db()
    assert event.cancelled_at is None
    answer = browser.post(path, {"typed": "run reigate  2027"}, follow=True)
    assert "3 planned messages in the queue dropped" in text_of(answer)
    assert set(Delivery.objects.values_list("state", "reason")) == {("skipped", "cancelled")}
    assert acts() == [("event.cancel", {"deliveries": 3})]
    assert "called off already" in text_of(browser.get(path, follow=True))


def test_the_page_takes_as_many_queries_for_many_waves_as_for_few(
    browser: Client, event: Event, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        event.races.get(slug="half").waves.create(name=f"W{number}", start=time(9, number))
    with django_assert_max_num_queries(10):
        browser.get(f"/e/{event.slug}/event")


def test_a_race_is_added_and_dates_the_plan_anew(browser: Client, event: Event) -> None:
    before = Event.objects.get(pk=event.pk)
    said = text_of(post(browser, event, "race", race_name="5K", race_start="09:25"))
    assert "5K starts at 09:25. Audiences call it '5k'." in unescape(said)
    assert event.races.get(slug="5k").for_children is False
    after = Event.objects.get(pk=event.pk)
    assert (after.plan_version, after.revision) == (before.plan_version + 1, before.revision + 1)
    assert acts() == [("event.race", {"race": "5k"})]


@pytest.mark.parametrize(
    ("name", "why"),
    [("10K", "There is a race '10k' already"), ("All", "is a word of audiences"), ("!", "no letters")],
)
def test_a_race_that_cannot_be_is_refused_at_its_field(
    browser: Client, event: Event, name: str, why: str
) -> None:
    said = unescape(text_of(post(browser, event, "race", race_name=name, race_start="09:25")))
    assert why in said
    assert event.races.count() == 3


def test_a_race_is_renamed_and_audiences_go_on_calling_it_as_they_did(browser: Client, event: Event) -> None:
    a_campaign(event, a_step(audience="half"))
    said = unescape(text_of(post(browser, event, "race-rename", renamed="half", new_name="21K")))
    assert "Half Marathon is called 21K from now on. Audiences still call it 'half'." in said
    assert event.races.get(slug="half").name == "21K"
    assert acts() == [("event.race.rename", {"race": "half", "before": "Half Marathon", "after": "21K"})]
    assert "Another race is called 10k already" in text_of(
        post(browser, event, "race-rename", renamed="half", new_name="10k")
    )


def test_a_race_that_nobody_is_in_is_removed(browser: Client, event: Event) -> None:
    before = Event.objects.get(pk=event.pk)
    event.races.get(slug="10k").waves.create(name="A", start=time(9))
    assert "10K is removed." in text_of(post(browser, event, "race-remove", removed="10k"))
    assert not event.races.filter(slug="10k").exists()
    assert Event.objects.get(pk=event.pk).plan_version == before.plan_version + 1
    assert acts() == [("event.race.remove", {"race": "10k"})]


def entered(event: Event) -> None:
    entrants(event, 1, race="10k", status="withdrawn")


def meant(event: Event) -> None:
    a_campaign(event, a_step("fast", audience="half or 10k"))


def meant_by_its_wave(event: Event) -> None:
    event.races.get(slug="10k").waves.create(name="Red", start=time(9))
    a_campaign(event, a_step("fast", audience="wave Red"))


def alone(event: Event) -> None:
    event.races.exclude(slug="10k").delete()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (entered, "1 entrant is in 10K, also counting who has withdrawn"),
        (meant, "The step 'fast' is for half or 10k: change its audience first."),
        (meant_by_its_wave, "The step 'fast' is for wave"),
        (alone, "10K is the only race: add the right one first."),
    ],
)
def test_a_race_that_something_hangs_on_stays(browser: Client, event: Event, given: Any, why: str) -> None:
    given(event)
    assert why in unescape(text_of(post(browser, event, "race-remove", removed="10k")))
    assert event.races.filter(slug="10k").exists()
    assert acts() == []


def test_another_time_zone_moves_every_moment_and_asks_for_approval_again(
    browser: Client, event: Event
) -> None:
    campaign = a_campaign(event)
    said = text_of(post(browser, event, "zone", zone="Europe/Madrid"))
    assert "All times are by the clocks of Europe/Madrid from now on. 1 step asks for approval again." in said
    assert the_step(campaign).state == "waiting"
    assert Event.objects.get(pk=event.pk).timezone == "Europe/Madrid"
    assert acts() == [
        ("event.timezone", {"before": "Europe/London", "after": "Europe/Madrid", "ask_again": 1})
    ]
    assert "no time zone" in text_of(post(browser, event, "zone", zone="Reigate"))


def test_the_time_zone_stays_once_a_message_has_had_its_moment(browser: Client, event: Event) -> None:
    campaign = a_campaign(event)
    queue(the_step(campaign), entrants(event, 1))
    said = text_of(post(browser, event, "zone", zone="Europe/Madrid"))
    assert "The first messages have had their moment by the clocks of Europe/London: the zone stays." in said
    assert Event.objects.get(pk=event.pk).timezone == "Europe/London"
    assert the_step(campaign).state == "approved"
