"""Rehearsals: timelines worked out by hand, on a calendar that crosses the end of summer time."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from people import a_campaign, a_step, an_event, entrant, load, sign_everything

from campaigns import campaign, clock, optout, rehearsal
from campaigns.models import Event, SignOff, Wave
from campaigns.models.words import Channel, Scope, SuppressionReason
from campaigns.rehearsal import WhatIf

pytestmark = pytest.mark.django_db

RACE_DAY = date(2026, 9, 20)
SUMMER = datetime(2026, 7, 1, 8, tzinfo=UTC)
TIPS_ONLY = (("email", "tips"),)

TIP = a_step("tip", audience="adults")
TEXT = a_step(
    "reminder",
    channel="sms",
    template="hydration",
    when="1 day before, 16:00",
    purpose="service",
    more='fallback = "email"',
)
MORNING = a_step(
    "morning",
    channel="sms",
    template="race-morning",
    when="start - 120 min",
    purpose="service",
    latest="30 min",
    late_entrants="send",
    more="quiet_exempt = true",
)
AFTER = a_step("after", when="35 days after, 10:00", audience="adults", template="shoes")


@pytest.fixture
def event() -> Event:
    """Run Reigate on 20 September 2026, with a wave of the 10K that starts at 09:20."""
    made = an_event(RACE_DAY)
    Wave.objects.create(race=made.races.get(slug="10k"), name="B", start=time(9, 20))
    return made


def rehearsed(event: Event, at: datetime = SUMMER, **what_if):
    with clock.standing_at(at):
        return rehearsal.rehearse(Event.objects.get(id=event.id), WhatIf(**what_if))


def timeline(found: rehearsal.Rehearsal, person: int) -> list[tuple[str, str, str]]:
    """Step, channel or reason, and moment in UTC, of each line of an entrant."""
    [one] = [one for one in found.people if one.id == person]
    return [
        (line.step, line.channel if line.is_sent else line.reason or line.state, f"{line.at:%d %b %H:%M}")
        for line in one.lines
    ]


def of(found: rehearsal.Rehearsal, step: str) -> rehearsal.StepFigures:
    return next(figures for figures in found.steps if figures.name == step)


def test_an_adult_in_the_half_gets_each_step_at_its_moment_across_the_end_of_summer_time(event):
    person = entrant(event, first_name="Ana")
    a_campaign(event, TIP, TEXT, MORNING, AFTER)
    assert timeline(rehearsed(event), person.id) == [
        ("tip", "email", "04 Aug 09:00"),
        ("reminder", "sms", "19 Sep 15:00"),
        ("morning", "sms", "20 Sep 06:15"),
        ("after", "email", "25 Oct 10:00"),
    ]


def test_a_wave_has_a_morning_of_its_own(event):
    wave = Wave.objects.get(race__event=event)
    person = entrant(event, race="10k", wave=wave)
    entrant(event)
    a_campaign(event, MORNING)
    found = rehearsed(event)
    assert timeline(found, person.id) == [("morning", "sms", "20 Sep 06:20")]
    figures = of(found, "morning")
    assert (f"{figures.first:%H:%M}", f"{figures.last:%H:%M}") == ("06:15", "06:20")


def test_a_child_is_written_to_at_the_guardians_address_alone(event):
    looked_after = entrant(event, race="kids", guardian=True)
    nobody_known = entrant(event, race="kids")
    a_campaign(event, TIP, MORNING)
    found = rehearsed(event)
    assert timeline(found, looked_after.id) == [("morning", "sms", "20 Sep 09:00")]
    assert timeline(found, nobody_known.id) == [("morning", "minor", "20 Sep 09:00")]
    assert of(found, "morning").left_out == {"minor": 1}


def test_without_a_mobile_the_email_takes_the_place_of_a_text_that_has_one(event):
    person = entrant(event, mobile="", consents=TIPS_ONLY)
    a_campaign(event, TEXT, MORNING)
    assert timeline(rehearsed(event), person.id) == [
        ("reminder", "email", "19 Sep 15:00"),
        ("morning", "no_address", "20 Sep 06:15"),
    ]


def test_who_opted_out_gets_no_tips_and_still_what_is_service(event):
    person = entrant(event)
    optout.suppress(
        event.organiser, Channel.EMAIL, person.email, Scope.TIPS_AND_SPONSOR, SuppressionReason.UNSUBSCRIBED
    )
    a_campaign(event, TIP, TEXT)
    assert timeline(rehearsed(event), person.id) == [
        ("tip", "suppressed", "04 Aug 09:00"),
        ("reminder", "sms", "19 Sep 15:00"),
    ]


def test_who_withdraws_gets_nothing_from_that_day_on(event):
    person = entrant(event)
    stays = entrant(event)
    a_campaign(event, TIP, TEXT)
    found = rehearsed(event, withdraw=[person.id], on=date(2026, 9, 1))
    assert timeline(found, person.id) == [("tip", "email", "04 Aug 09:00")]
    assert [step for step, _, _ in timeline(found, stays.id)] == ["tip", "reminder"]


def test_who_is_withdrawn_already_has_an_empty_timeline(event):
    person = entrant(event, status="withdrawn")
    a_campaign(event, TIP)
    assert timeline(rehearsed(event), person.id) == []


def test_a_late_entrant_gets_the_catch_up_and_joins_the_plan(event):
    entrant(event)
    a_campaign(event, TIP, TEXT, MORNING, catch_up=True)
    found = rehearsed(event, late_entrant=date(2026, 8, 20))
    [late] = [person for person in found.people if person.invented]
    assert timeline(found, late.id) == [
        ("catch-up", "email", "20 Aug 11:00"),
        ("reminder", "sms", "19 Sep 15:00"),
        ("morning", "sms", "20 Sep 06:15"),
    ]


def test_who_enters_in_race_week_gets_what_is_still_to_come_and_no_catch_up(event):
    entrant(event)
    a_campaign(event, TIP, TEXT, catch_up=True)
    found = rehearsed(event, late_entrant=date(2026, 9, 17))
    [late] = [person for person in found.people if person.invented]
    assert timeline(found, late.id) == [("reminder", "sms", "19 Sep 15:00")]


def test_who_enters_while_a_tip_is_fresh_has_it_in_the_catch_up(event):
    entrant(event)
    a_campaign(event, TIP, TEXT, catch_up=True)
    found = rehearsed(event, late_entrant=date(2026, 8, 4))
    [late] = [person for person in found.people if person.invented]
    assert timeline(found, late.id)[:2] == [
        ("tip", "covered", "04 Aug 09:00"),
        ("catch-up", "email", "04 Aug 11:00"),
    ]


def test_a_family_on_one_address_shares_a_tip(event):
    family = [entrant(event, email="family@example.org", first_name=name) for name in ("Ana", "Ben")]
    a_campaign(event, TIP)
    found = rehearsed(event)
    assert (of(found, "tip").people, of(found, "tip").emails) == (2, 1)
    carried = [line.carried for person in found.people for line in person.lines if person.id == family[1].id]
    assert carried == [True]


def test_a_text_waits_for_the_end_of_quiet_hours_and_counts_as_late(event):
    person = entrant(event)
    evening = a_step("evening", channel="sms", template="hydration", when="2 days before, 21:00")
    a_campaign(event, evening, quiet_hours="20:00-09:00")
    found = rehearsed(event)
    assert timeline(found, person.id) == [("evening", "sms", "19 Sep 08:00")]
    assert of(found, "evening").late == 1


def test_after_a_day_without_a_worker_the_stale_is_dropped_and_the_rest_arrives_late(event):
    person = entrant(event)
    long = a_step("long", when="46 days before, 10:00", latest="3 days", template="shoes")
    a_campaign(event, TIP, long, TEXT)
    down = (datetime(2026, 8, 4, 8, tzinfo=UTC), datetime(2026, 8, 6, 12, tzinfo=UTC))
    found = rehearsed(event, down=down)
    assert timeline(found, person.id) == [
        ("tip", "too_late", "04 Aug 09:00"),
        ("long", "email", "06 Aug 12:00"),
        ("reminder", "sms", "19 Sep 15:00"),
    ]
    assert of(found, "long").late == 1


def test_a_value_that_is_not_known_holds_the_message_for_a_person(event, tmp_path):
    (tmp_path / "sms").mkdir()
    (tmp_path / "sms" / "bib.txt").write_text(
        "---\ntopic: Bib\npurpose: tips\n---\n{{ event_name }}: your bib is {{ bib }}. {{ stop_url }}"
    )
    with_bib, without = entrant(event, bib="17"), entrant(event)
    a_campaign(
        event, a_step("bib", channel="sms", template="bib", when="1 day before, 16:00"), folder=tmp_path
    )
    found = rehearsed(event)
    assert timeline(found, with_bib.id) == [("bib", "sms", "19 Sep 15:00")]
    assert timeline(found, without.id) == [("bib", "missing_value", "19 Sep 15:00")]


def test_steps_that_nobody_approved_run_as_if_approved_and_say_so(event):
    entrant(event)
    load(event, TIP)
    figures = of(rehearsed(event), "tip")
    assert (figures.people, figures.state, figures.as_if_approved) == (1, "waiting", True)


@pytest.mark.parametrize("signed", [False, True])
def test_a_plan_is_rehearsed_before_a_clinician_has_signed_it(event, signed):
    loaded = load(event, TIP, signed=False)
    if signed:
        with clock.standing_at(SUMMER):
            sign_everything(loaded, SUMMER.date())
    person = entrant(event)
    assert timeline(rehearsed(event), person.id)[0][:2] == ("tip", "email")
    assert SignOff.objects.count() == signed


def test_segments_and_cost_are_those_of_the_texts_as_rendered(event, settings):
    settings.SMS_PRICE = Decimal("0.0475")
    for _ in range(3):
        entrant(event)
    a_campaign(event, TIP, TEXT, MORNING)
    found = rehearsed(event)
    assert (found.emails, found.texts, found.segments) == (3, 6, 6)
    assert found.cost == Decimal("0.2850")


def test_a_moved_race_moves_what_is_unsent_and_what_was_sent_stays(event):
    person = entrant(event)
    a_campaign(event, TIP, TEXT, AFTER)
    found = rehearsed(event, move_to=date(2026, 9, 27), on=date(2026, 8, 20))
    assert timeline(found, person.id) == [
        ("tip", "email", "04 Aug 09:00"),
        ("reminder", "sms", "26 Sep 15:00"),
        ("after", "email", "01 Nov 10:00"),
    ]
    assert (of(found, "tip").was, of(found, "tip").people) == (None, 1)
    assert of(found, "reminder").was == datetime(2026, 9, 19, 15, tzinfo=UTC)
    assert found.was_day == RACE_DAY


def test_a_race_moved_nearer_drops_what_is_past_its_time(event):
    person = entrant(event)
    a_campaign(event, TIP, TEXT)
    found = rehearsed(event, move_to=date(2026, 8, 2))
    assert timeline(found, person.id) == [
        ("tip", "too_late", "16 Jun 09:00"),
        ("reminder", "sms", "01 Aug 15:00"),
    ]


@pytest.mark.parametrize("state", ["cancelled", "stopped", "no plan"])
def test_there_is_nothing_to_rehearse_of_what_has_ended(event, state):
    if state != "no plan":
        loaded = a_campaign(event, TIP)
        campaign.stop(loaded) if state == "stopped" else campaign.cancel_event(event)
    with pytest.raises(rehearsal.RehearsalError):
        rehearsed(event)


def test_what_is_worth_a_look_is_said_with_how_many_it_touches(event):
    entrant(event)
    entrant(event, consents=())
    close = a_step("close", when="45 days before, 10:00", template="shoes")
    a_campaign(event, TIP, close)
    said = {clash.words: clash.people for clash in rehearsed(event).clashes}
    assert said == {
        "Tip and Close come by email in one week.": 1,
        "Some confirmed entrants get nothing at all.": 1,
    }


def test_what_waits_for_a_person_is_said_once_for_all_its_steps(event):
    entrant(event, race="kids")
    a_campaign(event, MORNING, TEXT)
    [waits] = [clash for clash in rehearsed(event).clashes if "wait" in clash.words]
    assert (waits.words, waits.people) == (
        "Children wait for a person to say who their guardian is (in Morning, Reminder).",
        1,
    )
