"""Moving the race in the pages: seen first, confirmed then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape

import pytest
import time_machine
from django.test import Client
from people import a_step, load
from pytest_django import DjangoAssertNumQueries
from reigate import dump, make_event
from signed_in import browser_of, make_user
from web.organiser.plans import plan_of

from campaigns import campaign
from campaigns.models import AuditEntry, Event, Step
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel("2027-07-30T09:00:00Z", tick=False):
        yield


@pytest.fixture
def event() -> Event:
    made = make_event()
    campaign.approve(plan_of(made), "ann@example.org", [])
    return made


@pytest.fixture
def editor(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR, name="Eddie Torr"))


def seen(editor: Client, event: Event, day: str, page: str = "move") -> str:
    return unescape(editor.get(f"/e/{event.slug}/{page}", {"day": day}).content.decode())


def test_a_day_shows_old_and_new_and_moves_nothing(editor: Client, event: Event) -> None:
    before = dump()
    for page in ("move", "move/preview"):
        shown = seen(editor, event, "2027-10-03", page)
        assert "Sun 19 Sep 2027 to Sun 3 Oct 2027: 14 days later. 3 steps ask for approval again." in shown
        assert "Tue 3 Aug, 10:00 → <b>Tue 17 Aug 2027, 10:00</b>" in shown
        assert shown.count('class="ghost"') == 2
        assert 'class="glides"' in shown
    assert {table for table, rows in dump().items() if rows != before[table]} <= {"django_session"}


def test_a_press_moves_it_and_says_what_that_means(editor: Client, event: Event) -> None:
    answer = editor.post(f"/e/{event.slug}/move", {"day": "2027-10-03", "was": "2027-09-19"}, follow=True)
    said = answer.content.decode()
    assert (
        "The race is on Sun 3 Oct 2027 now, and was on Sun 19 Sep 2027. 3 steps ask for approval again."
        in said
    )
    event.refresh_from_db()
    assert event.date == date(2027, 10, 3)
    assert set(Step.objects.values_list("state", flat=True)) == {"waiting"}
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.who, entry.detail["after"]) == (
        "event.move",
        "eddie.torr@example.org",
        "2027-10-03",
    )


def test_two_people_do_not_move_it_twice(editor: Client, event: Event) -> None:
    editor.post(f"/e/{event.slug}/move", {"day": "2027-10-03", "was": "2027-09-19"})
    said = editor.post(f"/e/{event.slug}/move", {"day": "2027-10-10", "was": "2027-09-19"}).content.decode()
    assert "Meanwhile the race was moved to Sun 3 Oct 2027: look at what that means first." in said
    event.refresh_from_db()
    assert event.date == date(2027, 10, 3)


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        ("2027-07-29", "is past: choose today or a later day."),
        ("2207-10-03", "years off: look at the year."),
        ("2027-09-19", "The race is on Sun 19 Sep 2027 already: choose another day."),
        ("soon", "Enter a valid date."),
    ],
)
def test_a_day_that_makes_no_sense_is_told(editor: Client, event: Event, day: str, sentence: str) -> None:
    assert sentence in seen(editor, event, day)
    assert sentence in seen(editor, event, day, "move/preview")
    assert sentence in editor.post(f"/e/{event.slug}/move", {"day": day}).content.decode()
    event.refresh_from_db()
    assert event.date == date(2027, 9, 19)


def test_another_weekday_is_pointed_out(editor: Client, event: Event) -> None:
    assert "another day of the week" in seen(editor, event, "2027-10-02")
    assert "another day of the week" not in seen(editor, event, "2027-10-03")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER, Role.REVIEWER])
def test_who_may_not_edit_moves_nothing(event: Event, role: Role) -> None:
    browser = browser_of(make_user(event, role))
    assert browser.post(f"/e/{event.slug}/move", {"day": "2027-10-03"}).status_code == 403


def test_a_preview_asks_as_little_for_many_steps_as_for_few(
    editor: Client, event: Event, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    load(event, *(a_step(f"tip-{number}", when=f"{number} days before, 10:00") for number in range(1, 30)))
    with django_assert_max_num_queries(10):
        seen(editor, event, str(event.date + timedelta(days=7)), "move/preview")
