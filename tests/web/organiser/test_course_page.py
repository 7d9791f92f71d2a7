"""The course page: what it opens with, what it shows of each step, and what it costs to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from people import a_step, entrants, load
from pytest_django import DjangoAssertNumQueries
from reigate import make_entrant, make_event
from signed_in import browser_of, make_user
from web.organiser.plans import TWO, plan_of

from campaigns import approval, campaign, people, tallies
from campaigns.accounts import members
from campaigns.models import Campaign, Entrant, Event, Race, SignOff, Step, Tally
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db
AT = datetime(2027, 7, 30, 9, tzinfo=UTC)
"""A Friday: the first step goes on the Tuesday after it."""


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    cache.clear()
    with time_machine.travel(AT, tick=False):
        yield


def owner(event: Event) -> Client:
    return browser_of(make_user(event, Role.OWNER))


def course_of(event: Event, browser: Client | None = None) -> str:
    return (browser or owner(event)).get(f"/e/{event.slug}/").content.decode()


def live(event: Event) -> Campaign:
    found = plan_of(event)
    campaign.approve(found, "ann@example.org", [])
    found.refresh_from_db()
    campaign.start(found)
    return found


def test_it_opens_with_what_waits_and_when_the_first_goes() -> None:
    event = make_event()
    plan_of(event)
    assert "3 steps wait for approval; the first goes on Tuesday at 10:00." in course_of(event)


def test_a_running_plan_says_what_is_next_and_for_whom() -> None:
    event = make_event()
    make_entrant(event)
    found = live(event)
    assert "next, Tip goes to those of 1 entrant who have agreed to it on Tuesday at 10:00." in course_of(
        event
    )
    found.steps.update(approved_recipients=1, approved_audience=1)
    assert "All is approved: next, Tip goes to 1 person on Tuesday at 10:00." in course_of(event)


def test_a_catch_up_that_nobody_has_needed_yet_stands_ready() -> None:
    event = make_event()
    make_entrant(event)
    step = live(event).steps.get(name="catch-up")
    step.state, step.opened_revision, step.first_opened_revision = "done", 1, 1
    step.save()
    tallies.count(step, AT)
    said = course_of(event)
    assert "reaches nobody" not in said
    assert said.count("approved") >= 3


def test_approved_and_not_started_is_said() -> None:
    event = make_event()
    campaign.approve(plan_of(event), "ann@example.org", [])
    assert "nothing is started: start it" in course_of(event)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda found: campaign.pause(found), "The campaign is paused"),
        (lambda found: campaign.stop(found), "stopped for good"),
        (lambda found: campaign.hold(found.event, on=True), "Incident hold: nothing planned leaves"),
        (lambda found: campaign.cancel_event(found.event), "The race is cancelled"),
    ],
)
def test_what_stops_everything_is_said_before_all_else(act, said: str) -> None:  # type: ignore[no-untyped-def]
    event = make_event()
    act(live(event))
    assert said in course_of(event)


DUE_ALREADY = datetime(2027, 8, 3, 10, tzinfo=UTC)
"""An hour after the moment of the first step, which is worth reading for longer."""


def test_what_is_due_already_is_not_said_to_wait_for_a_later_day() -> None:
    event = make_event()
    make_entrant(event)
    plan_of(event)
    with time_machine.travel(DUE_ALREADY, tick=False):
        page = course_of(event)
    assert (
        "3 steps wait for approval. 1 of them is due already and goes as soon as it is approved and the campaign is "
        "started. The next goes on Sun 19 Sep 2027 at" in page
    )
    assert "waiting for approval, due already: it goes at once" in page


def test_a_start_that_sends_at_once_says_so_beforehand() -> None:
    event = make_event()
    make_entrant(event)
    campaign.approve(plan_of(event), "ann@example.org", [])
    Campaign.objects.get().steps.update(approved_recipients=1, approved_audience=1)
    with time_machine.travel(DUE_ALREADY, tick=False):
        assert (
            "start it, and 1 step that is due already goes at once, 1 message, then Race morning goes to 1 person on "
            in course_of(event)
        )
        campaign.start(Campaign.objects.get())
        assert "All is approved: 1 step leaves now; next, Race morning" in course_of(event)


def test_after_a_move_the_list_says_to_whom_a_step_went_before() -> None:
    event = make_event()
    make_entrant(event)
    tip = live(event).steps.get(name="tip")
    tip.state, tip.opened_revision = "done", event.revision
    tip.save()
    tallies = {"counts": {"email": {"sent": 336}}, "reasons": {}, "rest_s": 2, "calm_s": 2}
    Tally.objects.create(step=tip, counted_at=AT, look_at=AT, **tallies)
    with time_machine.travel(DUE_ALREADY, tick=False):
        campaign.move_race(event, event.date + timedelta(days=7))
        page = course_of(event)
        assert "waiting for approval; it went to 336 before, who do not get it again" in page
        campaign.move_race(event, event.date)
        assert "it goes at once" not in course_of(event)


def test_a_pause_leads_to_where_it_ends() -> None:
    event = make_event()
    make_entrant(event)
    campaign.pause(live(event))
    assert '<a class="button button-first" href="/e/run-reigate-2027/live/#act">' in course_of(event)


def test_with_nobody_entered_the_list_comes_first() -> None:
    event = make_event()
    plan_of(event)
    page = course_of(event)
    assert "Nobody is entered yet. 3 steps wait for approval" in page
    assert '<a class="button button-first" href="/e/run-reigate-2027/entrants/lists/new">' in page
    assert "Look and approve" not in page


def test_the_list_tells_all_without_the_picture() -> None:
    event = make_event()
    make_entrant(event)
    plan_of(event)
    page = course_of(event)
    listed = page[page.index('<ol class="stations') : page.index("</ol>")]
    for words in ("Tip", "Tue 3 Aug 2027, 10:00", "in 4 days", "Email for 1 entrant", "waiting for approval",
                  "Race morning", "Text for 1 entrant", "Race day, Sun 19 Sep 2027"):  # fmt: skip
        assert words in listed
    assert listed.index("Tip") < listed.index("Race morning") < listed.index("Race day, ")


def test_two_steps_of_one_moment_say_whether_they_are_for_the_same_people() -> None:
    event = make_event()
    make_entrant(event)
    make_entrant(event, email="parent@example.com", birth_date=date(2015, 1, 2))
    adults, minors = (a_step(word, audience=word) for word in ("adults", "minors"))
    load(event, adults, minors, a_step("later", when="40 days before, 10:00"))
    page = course_of(event)
    assert "in 4 days, at the same moment as Minors, to other people</span>" in page
    assert "in 4 days, at the same moment as Adults, to other people</span>" in page
    assert page.count("at the same moment") == 2
    Campaign.objects.all().delete()
    load(event, adults, a_step("everyone"))
    assert "at the same moment as Everyone: 1 entrant is in both audiences</span>" in course_of(event)


def test_a_step_that_hangs_on_each_start_says_so() -> None:
    event = make_event()
    Race.objects.create(event=event, slug="kids", name="Kids Race", start=time(12))
    early = Race.objects.create(event=event, slug="juniors", name="Juniors", start=time(7), for_children=True)
    plan_of(event)
    Step.objects.filter(name="race-morning").update(audience="adults")
    said = "Sun 19 Sep 2027, 08:00 to 10:00: 2 hours before each runner’s own start, in 51 days"
    assert said in course_of(event)
    step = owner(event).get(f"/e/{event.slug}/steps/race-morning/").content.decode()
    assert "Sun 19 Sep 2027, 08:00 to 10:00, 2 hours before each runner’s own start" in step
    assert "08:00 to 10:00, by each runner’s start" in step
    Race.objects.filter(id=early.id).update(for_children=False)
    assert "Sun 19 Sep 2027, 05:00 to 10:00: 2 hours" in course_of(event)


def test_a_step_whose_time_ran_out_unapproved_is_missed() -> None:
    event = make_event()
    live(event).steps.filter(name="tip").update(state="waiting", approved_at=None, approved_hash="")
    with time_machine.travel(AT + timedelta(days=6), tick=False):
        page = course_of(event)
    assert "missed: reaches nobody" in page
    assert "sign-missed" in page


def test_a_step_whose_moment_was_before_anything_was_approved_is_no_fault() -> None:
    event = make_event()
    found = plan_of(event)
    with time_machine.travel(AT + timedelta(days=6), tick=False):
        page = course_of(event)
        assert "passed before you began, so nobody gets it" in page
        assert "Email · passed" in " ".join(page.split())
        assert "2 steps wait for approval" in page
        campaign.approve(found, "ann@example.org", [])
        page += course_of(event)
    assert "missed" not in page


def test_a_pause_shows_at_what_was_being_sent() -> None:
    event = make_event()
    found = live(event)
    found.steps.filter(name="tip").update(state="sending")
    campaign.pause(Campaign.objects.get())
    assert "sign-paused" in course_of(event)


def test_an_approved_count_stays_while_the_audience_grows() -> None:
    event = make_event()
    found = live(event)
    found.steps.filter(name="tip").update(approved_recipients=366, approved_audience=437)
    make_entrant(event)
    page = course_of(event)
    assert "Email to 366 of 437 entrants ·" in page


def test_who_is_released_or_comes_in_after_an_approval_is_said() -> None:
    event = make_event()
    child = make_entrant(event, email="parent@example.com", birth_date=date(2015, 1, 2))
    make_entrant(event, email="zoe@example.com")
    loaded = load(event, a_step("news"), a_step("kids", audience="guardians"))
    approval.approve(loaded, "ann@example.org")
    page = " ".join(course_of(event).split())
    assert "Email to 1 of 2 entrants ·" in page
    people.name_guardian(child, "Zoë", None, "by telephone")
    page = " ".join(course_of(event).split())
    assert "Email to 1 of 2 entrants, 1 entrant more since its approval ·" in page
    assert "Email to 0 people, 1 entrant more since its approval ·" in page
    people.withdraw(child)
    assert "since its approval" not in course_of(event)
    people.withdraw(Entrant.objects.get(email="zoe@example.com"))
    assert "Email to 1 of 2 entrants, 1 entrant fewer since its approval ·" in " ".join(
        course_of(event).split()
    )


def test_a_step_that_was_too_late_for_everybody_is_not_called_sent() -> None:
    event = make_event()
    tip = live(event).steps.get(name="tip")
    tip.state, tip.opened_revision = "done", event.revision
    tip.save()
    for state, said in (
        ("skipped", "· missed: reaches nobody"),
        ("sent", "Email to 1 person · sent"),
    ):
        kept = {"counts": {"email": {state: 1}}, "counted_at": AT, "rest_s": 2, "calm_s": 2, "look_at": AT}
        Tally.objects.update_or_create(step=tip, defaults=kept)
        page = " ".join(course_of(event).split())
        assert said in page


def test_a_name_is_never_markup() -> None:
    event = make_event()
    Race.objects.filter(event=event).update(name="<script>alert(1)</script>")
    plan_of(event)
    assert "<script>alert" not in course_of(event)


def test_a_viewer_sees_the_course_and_no_button() -> None:
    event = make_event()
    plan_of(event)
    page = course_of(event, browser_of(make_user(event, Role.VIEWER)))
    assert "3 steps wait" in page
    assert "Add a step" not in page


def test_an_empty_event_shows_the_ways_to_begin() -> None:
    event = make_event()
    assert "Load the library" in course_of(event)
    page = course_of(event, browser_of(make_user(event, Role.VIEWER)))
    assert "Somebody who may edit can load one." in page
    assert '<form method="post" action="/e/run-reigate-2027/plan' not in page


def test_who_comes_in_is_counted_at_once() -> None:
    event = make_event()
    load(event, *TWO)
    browser = owner(event)
    entrants(event, 2, race="10k")
    assert "Email for 2 entrants" in course_of(event, browser)
    entrants(event, 1, race="10k")
    assert "Email for 3 entrants" in course_of(event, browser)


def test_the_course_asks_as_little_of_the_database_for_many_steps_as_for_few(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    few, many = make_event(), make_event("many")
    load(few, *TWO)
    load(many, *(a_step(f"tip-{number}", when=f"{number} days before, 10:00") for number in range(1, 40)))
    for number in range(30):
        make_entrant(many, email=f"runner{number}@example.org")
    for event in (few, many):
        browser = owner(event)
        with django_assert_max_num_queries(14):
            course_of(event, browser)
        with django_assert_max_num_queries(13):  # the audiences are counted once while nobody comes in
            course_of(event, browser)


def test_the_list_of_events_leads_to_what_waits_for_somebody() -> None:
    event, over = make_event(), make_event("over")
    plan_of(event)
    plan_of(over)
    campaign.stop(Campaign.objects.get(event=over))
    SignOff.objects.update(revoked_at=AT, revoked_by="ann@example.org")
    make_entrant(event, birth_date=date(2019, 1, 1))
    waits = {
        Role.APPROVER: [("approve", "3 steps wait for your approval")],
        Role.REVIEWER: [("messages/", "2 messages wait for your sign-off")],
        Role.EDITOR: [("entrants/waiting", "1 entrant waits for somebody")],
        Role.VIEWER: [],
    }
    for role, links in waits.items():
        user = make_user(event, role)
        members.give(user, over, Role.APPROVER)
        page = browser_of(user).get("/events/").content.decode()
        found = re.findall(r'<a class="way" href="/e/([^"]+)">([^<]+)</a>', page)
        assert found == [(f"{event.slug}/{place}", said) for place, said in links]


def test_the_list_of_events_says_how_each_stands() -> None:
    running, empty = make_event(), make_event("empty")
    live(running)
    user = make_user(running, Role.OWNER)
    members.give(user, empty, Role.VIEWER)
    page = browser_of(user).get("/events/").content.decode()
    assert re.findall(r'class="chip[^"]*">([^<]+)<', page) == ["live", "no plan yet"]
