"""Making an event by a page: for those who may, owned by whoever made it, and never in another organiser's name."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from reigate import make_event
from signed_in import browser_of, make_user

from campaigns.models import AuditEntry, Campaign, Event, Organiser, User
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db

GIVEN = {
    "name": "Run Reigate 2028", "day": (date.today() + timedelta(days=300)).isoformat(), "timezone": "Europe/London",
    "organiser_name": "Run Reigate Ltd", "race-0": "Half Marathon", "start-0": "09:15", "race-1": "Fun run",
    "start-1": "11:00", "children-1": "on",
}  # fmt: skip

ONLY_EVENT = {name: value for name, value in GIVEN.items() if name[:4] not in ("race", "star", "chil")}


@pytest.fixture
def maker() -> User:
    return make_user(name="Robin Ashdown", may_create_events=True)


@pytest.fixture
def browser(maker: User) -> Client:
    return browser_of(maker)


def said(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_whoever_makes_an_event_owns_it(browser: Client, maker: User) -> None:
    answer = browser.post("/events/new", GIVEN)
    assert answer["Location"] == "/e/run-reigate-2028/entrants/lists/new"
    made = Event.objects.get()
    assert [(race.slug, race.for_children) for race in made.races.order_by("start")] == [
        ("half", False),
        ("fun-run", True),
    ]
    assert list(maker.memberships.values_list("event", "role")) == [(made.pk, Role.OWNER)]
    assert AuditEntry.objects.get().act == "event.create"


def test_who_may_not_is_told_who_can_allow_it() -> None:
    browser = browser_of(make_user(make_event(), Role.OWNER))
    answer = browser.post("/events/new", GIVEN)
    assert answer.status_code == 403
    assert "Whoever runs this server can allow it" in said(answer)
    assert Event.objects.count() == 1


def test_nobody_makes_an_event_in_another_organisers_name(browser: Client, maker: User) -> None:
    other = make_event("elsewhere")
    taken = browser.post("/events/new", GIVEN | {"organiser_name": other.organiser.name.lower()})
    assert "There is an organiser" in said(taken) or Organiser.objects.count() == 2
    chosen = browser.post("/events/new", GIVEN | {"organiser": str(other.organiser_id), "organiser_name": ""})
    assert chosen.status_code == 422
    assert not Event.objects.filter(organiser=other.organiser).exclude(pk=other.pk).exists()


def test_an_owner_makes_the_next_edition_for_the_same_organiser(browser: Client, maker: User) -> None:
    last = make_event()
    from campaigns.accounts import members

    members.give(maker, last, Role.OWNER)
    browser.post("/events/new", GIVEN | {"name": last.name, "organiser": str(last.organiser_id)})
    made = Event.objects.exclude(pk=last.pk).get()
    assert (made.organiser, made.slug) == (last.organiser, "run-reigate-2027-2")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"day": "2020-01-01"}, "This day is past"),
        ({"timezone": "Reigate"}, "This is no time zone"),
        ({"organiser_name": ""}, "Say who answers for the messages"),
        ({"race-0": "", "race-1": ""}, "at least one race"),
        ({"start-0": ""}, "needs a name in letters and a start"),
        ({"race-1": "half marathon"}, "Two races have the same name"),
        ({"race-0": "Adults"}, "which is a word of audiences"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_made(
    browser: Client, changed: dict[str, str], why: str
) -> None:
    answer = browser.post("/events/new", GIVEN | changed)
    assert answer.status_code == 422
    assert why in said(answer)
    assert not Event.objects.exists()
    assert not Organiser.objects.exists()


def test_the_suggested_races_take_the_librarys_plan(browser: Client) -> None:
    page = browser.get("/events/new").content.decode()
    suggested = dict(re.findall(r'name="((?:race|start)-\d)" value="([^"]+)"', page))
    kids = {"children-3": "on"}
    assert browser.post("/events/new", ONLY_EVENT | suggested | kids).status_code == 302
    assert set(Event.objects.get().races.values_list("slug", flat=True)) == {"half", "10k", "5k", "kids"}
    browser.post("/e/run-reigate-2028/plan/library")
    assert Campaign.objects.get().steps.count() > 10
