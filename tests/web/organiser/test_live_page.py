"""The live page: how far a send is, why somebody was not reached, and the acts that stop it."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from people import DUE, a_campaign, a_step
from pytest_django.asserts import assertNumQueries
from reigate import make_event
from signed_in import browser_of, make_user
from web.organiser.sends import sending

from campaigns import campaign as plans
from campaigns import clock, tallies
from campaigns.models import AuditEntry, Campaign, Circuit, Delivery, Event, Heartbeat, Step, Tally
from campaigns.models.words import Role
from campaigns.watch import heartbeat

pytestmark = pytest.mark.django_db

PAGE = "/e/run-reigate-2027/live/"


@pytest.fixture
def event() -> Event:
    heartbeat.beat(heartbeat.TICK)
    return make_event()


def started_late(event: Event, *, by: timedelta, people: int = 30) -> Campaign:
    """Everything waits at a start that comes so long after the step's moment."""
    with time_machine.travel(DUE + by, tick=False):
        campaign = sending(event, people)
    Tally.objects.update(counts={"email": {"due": people}}, reasons={}, trail=[], counted_at=DUE + by)
    return campaign


def seen_at(event: Event, after: timedelta) -> str:
    """The page as it stands so long after the step's moment."""
    with time_machine.travel(DUE + after, tick=False):
        return text_of(editor(event))


MINUTES_5 = timedelta(minutes=5)


def text_of(browser: Client, address: str = PAGE) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def editor(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR))


def test_before_anything_is_sent_it_says_what_will_be_here(event: Event) -> None:
    assert "Nothing has been sent yet." in text_of(editor(event))


def test_between_the_start_and_the_first_count_it_says_that_messages_are_about_to_show_up(
    event: Event,
) -> None:
    a_campaign(event, a_step())
    said = text_of(editor(event))
    assert "Sending begins: what is due by now leaves and shows up here within seconds" in said
    assert "Nothing has been sent yet" not in said


def test_a_step_on_its_way_is_shown_with_its_reasons_in_words(event: Event) -> None:
    sending(event, people=30)
    Campaign.objects.update(live_since=clock.now() - timedelta(minutes=1))
    said = text_of(editor(event))
    assert "3 messages wait to leave" in said
    assert "88 % of 27" in said
    assert "Everyone whom a step is for is counted once in its row" in said
    assert "they have not agreed to news by email" in said
    assert "a child without a guardian's address" in said
    assert "in doubt: handed over, and the answer was lost" in said


def test_the_first_seconds_after_a_start_are_calm_and_what_was_due_before_is_not_late(event: Event) -> None:
    started_late(event, by=MINUTES_5)
    said = seen_at(event, MINUTES_5 + timedelta(seconds=5))
    assert "Sending has begun; the first of 30 messages are on their way." in said
    assert "catching up: was due 10:00, sending since 10:05" in said
    assert " late " not in said
    assert "has waited" not in said


def test_who_is_found_ineligible_only_at_the_claim_is_not_said_to_be_on_the_way(event: Event) -> None:
    """The button said how many messages go; the rows of the list are more, as some on it have said no."""
    step = started_late(event, by=MINUTES_5).steps.get(name="tip")
    Step.objects.filter(id=step.id).update(approved_recipients=20, approved_emails=18, approved_texts=0)
    said = seen_at(event, MINUTES_5 + timedelta(seconds=5))
    assert "Sending has begun; the first of 18 messages are on their way." in said
    assert "0 % of 20" in said
    counts = {"email": {"due": 14, "sent": 11, "skipped": 5}}
    Tally.objects.update(counts=counts, carried={"email": {"sent": 1}})
    said = seen_at(event, MINUTES_5 + timedelta(seconds=6))
    assert "Sending goes on: 8 messages are on their way." in said
    assert "55 % of 20" in said
    Tally.objects.update(counts={"email": {"due": 2, "sent": 21, "skipped": 7}})
    assert "2 messages" in seen_at(
        event, MINUTES_5 + timedelta(seconds=7)
    )  # more agreed since: all who are left


def test_after_a_pause_the_time_of_the_pause_is_no_lateness(event: Event) -> None:
    campaign = sending(event, people=30)
    plans.pause(campaign)
    with time_machine.travel(DUE + timedelta(hours=2), tick=False):
        plans.resume(campaign)
    said = seen_at(event, timedelta(hours=2, seconds=5))
    assert "Sending goes on: 3 messages are on their way." in said
    assert "catching up: was due 10:00, sending since 12:00" in said
    assert " late " not in said


def test_after_a_hold_too(event: Event) -> None:
    sending(event, people=30)
    plans.hold(event, on=True)
    with time_machine.travel(DUE + timedelta(hours=2), tick=False):
        plans.hold(event, on=False)
    assert "sending since 12:00" in seen_at(event, timedelta(hours=2, seconds=5))


def test_a_worker_that_does_not_run_is_told_within_seconds_of_the_start(event: Event) -> None:
    started_late(event, by=MINUTES_5)
    said = seen_at(event, MINUTES_5 + timedelta(seconds=20))
    assert "30 messages wait to leave by email and none is on its way" in said
    assert "could have left 20 seconds ago: see that the worker for email runs" in said
    assert "Sending has begun" not in said


def test_a_step_whose_turn_on_its_channel_has_not_come_is_no_fault(event: Event) -> None:
    campaign = started_late(event, by=MINUTES_5)
    first = campaign.steps.get(name="later")
    Step.objects.filter(id=first.id).update(state="sending", opened_revision=1, first_opened_revision=1)
    first.refresh_from_db()
    tallies.count(first, DUE)
    Tally.objects.filter(step=first).update(counts={"email": {"claimed": 50, "sent": 10}})
    said = seen_at(event, MINUTES_5 + timedelta(seconds=40))
    assert "none is on its way" not in said
    assert " late " not in said


def test_a_stopped_provider_is_told_in_the_very_first_second(event: Event) -> None:
    started_late(event, by=MINUTES_5)
    Circuit.objects.filter(channel="email").update(opened_at=DUE, reason="The login was refused.")
    said = seen_at(event, MINUTES_5 + timedelta(seconds=1))
    assert "Sending by email has stopped" in said
    assert "Sending has begun" not in said


def test_a_clock_that_stands_still_is_told_in_the_very_first_second(event: Event) -> None:
    started_late(event, by=MINUTES_5)
    Heartbeat.objects.update(at=timezone.now() - timedelta(minutes=2))
    said = seen_at(event, MINUTES_5 + timedelta(seconds=1))
    assert "The clock stands still: nothing becomes due." in said
    assert "Sending has begun" not in said


@pytest.mark.parametrize(("trail", "minutes"), [([], 1), ([[-30, 0], [0, 30]], 5)])
def test_what_is_really_late_is_told(event: Event, trail: list[list[int]], minutes: int) -> None:
    """At once where nothing leaves; where messages leave, only once it is more than a long queue."""
    sending(event, people=30)
    for seconds, told in ((-5, False), (5, True)):
        now = DUE + timedelta(minutes=minutes, seconds=seconds)
        Tally.objects.update(
            counts={"email": {"due": 3, "claimed": 3}},
            trail=[[now.timestamp() + at, left] for at, left in trail],
            counted_at=now,
        )
        said = seen_at(event, now - DUE)
        assert ("The oldest message that could leave has waited for" in said) == told


def test_what_has_just_left_waits_no_more_and_an_opening_for_nobody_is_not_shown(event: Event) -> None:
    campaign = sending(event, people=30)
    Tally.objects.update(
        counts={"email": {"sent": 30}}, trail=[[DUE.timestamp() - 30, 0], [DUE.timestamp(), 30]]
    )
    nobody = campaign.steps.get(name="later")
    tallies.count(nobody, DUE)
    with time_machine.travel(DUE, tick=False):
        said = text_of(editor(event))
    assert "Nothing waits to leave any more" in said
    assert "finished" in said
    assert "60 a minute" not in said
    assert "Later" not in said


def test_what_a_provider_said_is_shown(event: Event) -> None:
    campaign = sending(event, people=30)
    bounced = Delivery.objects.filter(state="bounced").first()
    assert bounced is not None
    bounced.tries.create(
        number=1, channel="email", outcome="recipient", code="550 5.1.1", detail="No such user", at=DUE
    )
    tallies.count(campaign.steps.get(name="tip"), clock.now())
    assert "1: the provider said “No such user” (550 5.1.1)" in text_of(editor(event))


def test_a_stopped_provider_is_told_with_its_reason(event: Event) -> None:
    sending(event)
    Circuit.objects.filter(channel="email").update(
        opened_at=clock.now() - timedelta(minutes=3), reason="The login was refused."
    )
    assert "Sending by email has stopped 3 minutes ago: The login was refused." in text_of(editor(event))


def test_the_pace_tells_when_it_ends(event: Event) -> None:
    sending(event, people=30)
    now = clock.now().timestamp()
    step = Step.objects.get(name="tip")
    tallies.Tally.objects.filter(step=step).update(
        trail=[[now - 10, 0], [now, 30]], counted_at=clock.now(), look_at=clock.now()
    )
    said = text_of(editor(event))
    assert "180 a minute" in said
    assert "about 1 second left" in said


@pytest.mark.parametrize(
    ("begun", "act", "ended"),
    [("live", "pause", "paused"), ("paused", "resume", "live"), ("live", "stop", "stopped")],
)
def test_it_is_paused_resumed_and_stopped(event: Event, begun: str, act: str, ended: str) -> None:
    sending(event)
    Campaign.objects.update(state=begun)
    browser = editor(event)
    assert f'value="{act}"' in browser.get(PAGE).content.decode()
    assert browser.post(PAGE, {"act": act}).status_code == 302
    assert Campaign.objects.get().state == ended
    assert AuditEntry.objects.get().act == f"campaign.{act}"


def test_each_act_asks_once(event: Event) -> None:
    sending(event)
    page = editor(event).get(PAGE).content.decode()
    outside = re.sub(r"<details.*?</details>", "", page, flags=re.S)
    assert 'name="act"' not in outside


def test_what_cannot_be_done_any_more_is_said_and_not_noted(event: Event) -> None:
    sending(event)
    Campaign.objects.update(state="stopped")
    answer = editor(event).post(PAGE, {"act": "resume"}, follow=True).content.decode()
    assert "The campaign is stopped" in answer
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_who_only_looks_stops_nothing(event: Event, role: Role) -> None:
    sending(event)
    browser = browser_of(make_user(event, role))
    assert browser.post(PAGE, {"act": "stop"}).status_code == 403
    assert Campaign.objects.get().state == "live"
    assert 'name="act"' not in browser.get(PAGE).content.decode()


def test_the_counts_never_read_the_ledger(event: Event) -> None:
    campaign = sending(event, people=30)
    browser = editor(event)
    browser.get(PAGE)
    Delivery.objects.filter(state="sent").update(state="delivered")
    with assertNumQueries(8):
        browser.get(f"{PAGE}figures")
    Step.objects.filter(campaign=campaign).update(opened_revision=1)
    for step in campaign.steps.all():
        tallies.count(step, clock.now())
    with assertNumQueries(8):
        browser.get(f"{PAGE}figures")


def test_what_goes_next_is_said_and_nothing_that_concerns_nobody(event: Event) -> None:
    campaign = sending(event)
    later = campaign.steps.get(name="later")
    Step.objects.filter(id=later.id).update(opened_revision=1, first_opened_revision=1, state="sending")
    tallies.count(later, clock.now())
    said = text_of(editor(event))
    assert "Later 0 %" not in said


def test_a_pause_with_nothing_under_way_does_not_speak_of_no_messages(event: Event) -> None:
    sending(event, people=30)
    Delivery.objects.filter(state="due").update(state="sent")
    tallies.count(Step.objects.get(name="tip"), clock.now())
    Campaign.objects.update(state="paused")
    said = text_of(editor(event))
    assert "Paused: nothing planned leaves." in said
    assert "0 message" not in said
    assert "Go on, or stop" in said
    assert " a minute" not in said
