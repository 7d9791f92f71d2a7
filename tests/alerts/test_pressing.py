"""Pressing: everyone confirmed, by each channel, at once and once, whatever the campaign and the race do."""

import threading
from datetime import timedelta

import pytest
from armed import ANN, BOB, arm, block, loaded, press, the_alert, write
from people import (
    DUE,
    a_step,
    an_event,
    claim_at,
    elsewhere,
    entrant,
    entrants,
    names,
    the_step,
    tick_at,
)

from campaigns import alerts, campaign, ledger
from campaigns.alerts import AlertError, NobodyReached
from campaigns.models import Delivery, Event, Release, Step
from campaigns.models.words import Channel

pytestmark = pytest.mark.django_db

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def event(tmp_path) -> Event:
    event = an_event()
    loaded(event, tmp_path)
    return event


def step_of(name: str) -> Step:
    return Step.objects.get(name=name)


def rows(name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Delivery.objects.filter(step__name=name).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def test_a_press_opens_both_channels_in_that_request(event):
    people = entrants(event, 3)
    woken = []
    pressed = press(arm(event, temp="29"), DUE, wake=woken.append)
    assert str(pressed.release) == "heat#1"
    assert rows("heat#1-email") == rows("heat#1-sms") == {"due": 3}
    assert woken == [Channel.EMAIL, Channel.SMS]
    assert {(row.due_at, row.latest_at) for row in Delivery.objects.all()} == {(DUE, DUE + 3 * HOUR)}
    for channel in Channel:
        step = step_of(f"heat#1-{channel}")
        assert ledger.next_step(channel, DUE, alerts_only=True) == step.id
        assert len(claim_at(DUE, step, channel).groups) == len(people)


def test_the_release_remembers_who_and_what(event):
    entrants(event, 1)
    release = press(arm(event, temp="29"), DUE, expires=HOUR).release
    assert (release.pressed_by, release.armed_by, release.confirmed_by) == (ANN, ANN, BOB)
    assert (release.values, release.expires, release.pressed_at) == ({"temp": "29"}, HOUR, DUE)
    assert set(Delivery.objects.values_list("latest_at", flat=True)) == {DUE + HOUR}


@pytest.mark.parametrize("campaign_is", ["draft", "live", "paused", "stopped", "held", "moved", "cancelled"])
def test_nothing_that_stops_a_campaign_stops_an_alert(event, campaign_is):
    entrants(event, 2)
    plan = event.campaign
    alert = arm(event, "cancel")
    if campaign_is in ("live", "paused", "stopped"):
        campaign.approve(plan, ANN, [])
        plan.refresh_from_db()
        campaign.start(plan)
    acts = {
        "paused": lambda: campaign.pause(plan),
        "stopped": lambda: campaign.stop(plan),
        "held": lambda: campaign.hold(event, on=True),
        "moved": lambda: campaign.move_race(event, event.date + timedelta(days=14)),
        "cancelled": lambda: campaign.cancel_event(event),
    }
    acts.get(campaign_is, lambda: None)()
    press(alert, DUE)
    assert len(claim_at(DUE, step_of("cancel#1-email")).groups) == 2


@pytest.mark.parametrize("act", ["move", "cancel"])
def test_a_race_moved_or_cancelled_in_the_middle_of_an_alert_does_not_lose_the_rest(event, act):
    entrants(event, 4)
    press(arm(event, "cancel"), DUE)
    claim_at(DUE, step_of("cancel#1-email"), limit=1)
    if act == "move":
        campaign.move_race(event, event.date + timedelta(days=14))
    else:
        campaign.cancel_event(event)
    tick_at(DUE)
    assert len(claim_at(DUE, step_of("cancel#1-email")).groups) == 3


def test_after_a_cancellation_pending_tips_are_dropped_and_the_alert_goes(event):
    plan = event.campaign
    campaign.approve(plan, ANN, [])
    plan.refresh_from_db()
    campaign.start(plan)
    entrants(event, 2)
    tick_at(DUE)
    campaign.cancel_event(event)
    press(arm(event, "cancel"), DUE)
    assert rows("tip") == {"skipped": 2}
    assert ledger.next_step(Channel.EMAIL, DUE) == step_of("cancel#1-email").id


def test_at_night_an_alert_goes(tmp_path):
    event = an_event()
    loaded(event, tmp_path)
    type(event.campaign).objects.update(quiet_hours="20:00-09:00")
    entrants(event, 1)
    night = DUE.replace(hour=2)
    press(arm(event, "cancel"), night)
    assert len(claim_at(night, step_of("cancel#1-sms"), Channel.SMS).groups) == 1


def test_after_stop_an_alert_goes_by_email_and_a_complaint_does_not_stop_it(event):
    stopped, complained = entrants(event, 2)
    _suppress(stopped, "sms", "all", "stop")
    _suppress(complained, "email", "all_but_alerts", "complaint")
    pressed = press(arm(event, "cancel"), DUE)
    assert len(claim_at(DUE, step_of("cancel#1-email")).groups) == 2
    assert names(claim_at(DUE, step_of("cancel#1-sms"), Channel.SMS)) == [[complained.first_name]]
    email, sms = pressed.sendings
    assert (email.messages, sms.messages, dict(sms.left_out)) == (2, 1, {"suppressed": 1})


def _suppress(person, channel, scope, reason):
    address = person.email_hash if channel == "email" else person.mobile_hash
    person.event.organiser.suppressions.create(
        channel=channel, scope=scope, reason=reason, address_hash=address, at=DUE
    )


def test_past_its_expiry_an_alert_is_too_late(event):
    entrants(event, 2)
    press(arm(event, "cancel"), DUE, expires=20 * MINUTE)
    assert not claim_at(DUE + 20 * MINUTE, step_of("cancel#1-email")).groups
    assert set(Delivery.objects.filter(channel="email").values_list("state", "reason")) == {
        ("skipped", "too_late")
    }


def test_a_family_on_one_address_gets_one_unless_the_words_are_each_ones_own(event, tmp_path):
    entrants(event, 3, email="family@example.org", mobile="+447700900001")
    assert press(arm(event, "cancel"), DUE).sendings[1].messages == 1
    assert len(claim_at(DUE, step_of("cancel#1-sms"), Channel.SMS).groups) == 1
    write(tmp_path, "delay", "{{ first_name }}: the {{ race_name }} starts at {{ new_start }}.")
    loaded(event, tmp_path)
    assert press(arm(event, "delay", new_start="10:30"), DUE).sendings[1].messages == 3
    tick_at(DUE)
    assert len(claim_at(DUE, step_of("delay#1-sms"), Channel.SMS).groups) == 3


# What is refused


def test_the_name_must_be_typed(event):
    entrants(event, 1)
    with pytest.raises(AlertError, match="Type the alert's name to send it: 'cancel', not 'heat'"):
        press(arm(event, "cancel"), DUE, name_typed="heat")
    assert not Release.objects.exists()


def test_one_persons_arming_sends_nothing(event):
    entrants(event, 1)
    with pytest.raises(AlertError, match="'cancel' is not armed: two people arm it"):
        press(the_alert(event, "cancel"), DUE)
    alerts.arm(the_alert(event, "cancel"), ANN, {})
    with pytest.raises(AlertError, match=f"'cancel' was armed by {ANN} alone: a second person confirms it"):
        press(the_alert(event, "cancel"), DUE)
    assert not Delivery.objects.exists()


def test_edited_words_are_not_sent(event, tmp_path):
    entrants(event, 1)
    alert = arm(event, "cancel")
    write(tmp_path, "cancel", "Surprise.")
    loaded(event, tmp_path)
    with pytest.raises(AlertError, match="not armed since its words were edited"):
        press(alert, DUE)


def test_an_edit_in_the_middle_of_a_release_does_not_stop_it(event, tmp_path):
    entrants(event, 2)
    press(arm(event, "cancel"), DUE)
    write(tmp_path, "cancel", "Surprise.")
    loaded(event, tmp_path)
    tick_at(DUE)
    assert len(claim_at(DUE, step_of("cancel#1-email")).groups) == 2
    assert step_of("cancel#1-email").version.number == 1


def test_what_is_left_open_must_be_typed_in(event):
    entrants(event, 1)
    with pytest.raises(AlertError, match="'delay' needs new_start: give it as --set new_start="):
        press(arm(event, "delay"), DUE)
    pressed = press(the_alert(event, "delay"), DUE, values={"new_start": "9:45"})
    assert pressed.release.values == {"new_start": "09:45"}


def test_a_value_typed_at_the_press_replaces_the_armed_one(event):
    entrants(event, 1)
    assert press(arm(event, temp="27"), DUE, values={"temp": "31"}).release.values == {"temp": "31"}
    assert the_alert(event).values == {"temp": "27"}


def test_an_event_without_entrants_leaves_nothing_behind(event):
    with pytest.raises(NobodyReached, match="sent to nobody: the event has no confirmed entrants"):
        press(arm(event, "cancel"), DUE)
    assert not Release.objects.exists()
    entrants(event, 1)
    assert press(the_alert(event, "cancel"), DUE).release.number == 1


def test_a_press_that_reaches_nobody_says_so(event):
    entrants(event, 2, email="", mobile="")
    with pytest.raises(NobodyReached, match="cancel#1 reaches nobody: email no address 2; sms no address 2"):
        press(arm(event, "cancel"), DUE)


# The same press


def test_a_second_press_is_the_same_press_whoever_makes_it(event):
    entrants(event, 2)
    alert = arm(event, "cancel")
    first = press(alert, DUE)
    second = press(alert, DUE + timedelta(seconds=50))
    assert (second.release, second.repeated) == (first.release, True)
    assert Delivery.objects.count() == 4


def test_a_token_makes_a_press_the_same_for_ever(event):
    entrants(event, 1)
    alert = arm(event, "cancel")
    first = press(alert, DUE, token="page-1")
    _send_everything()
    assert press(alert, DUE + HOUR, token="page-1").release == first.release
    assert press(alert, DUE + HOUR, token="page-2").release != first.release


def test_while_it_leaves_a_press_is_the_same_and_afterwards_a_new_one(event):
    entrants(event, 1)
    alert = arm(event, "cancel")
    press(alert, DUE)
    assert press(alert, DUE + 5 * MINUTE).repeated
    _send_everything()
    again = press(alert, DUE + 5 * MINUTE)
    assert (str(again.release), again.repeated) == ("cancel#2", False)
    assert Delivery.objects.count() == 4


def test_other_values_are_another_press(event):
    entrants(event, 1)
    alert = arm(event, "delay")
    assert str(press(alert, DUE, values={"new_start": "10:00"}).release) == "delay#1"
    later = press(alert, DUE + timedelta(seconds=5), values={"new_start": "10:30"})
    assert (str(later.release), later.repeated) == ("delay#2", False)
    assert {sending.ahead for sending in later.sendings} == {1}


def _send_everything() -> None:
    for step in Step.objects.filter(kind="alert"):
        claim = claim_at(DUE, step, Channel(step.channel))
        results = [ledger.Result(*fence, fence[0], "accepted") for fence in claim.fences]
        ledger.settle(Channel(step.channel), results, DUE)


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_are_one(tmp_path):
    event = an_event()
    loaded(event, tmp_path)
    people = entrants(event, 20)
    alert = arm(event, "cancel")
    start = threading.Barrier(2)

    def go() -> alerts.Pressed:
        start.wait(5)
        return press(alert)

    first, second = [running.result(20) for running in [elsewhere(go), elsewhere(go)]]
    assert first.release == second.release
    assert {first.repeated, second.repeated} == {True, False}
    assert Delivery.objects.count() == 2 * len(people)


# The tick beside it


def test_what_a_killed_press_left_undone_the_tick_finishes(event, monkeypatch):
    entrants(event, 3)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    alert = arm(event, "cancel")
    with monkeypatch.context() as killed:
        killed.setattr(ledger, "open_chunk", die)
        with pytest.raises(KeyboardInterrupt):
            press(alert, DUE)
    assert not Delivery.objects.exists()
    due = tick_at(DUE + MINUTE)
    assert rows("cancel#1-email") == rows("cancel#1-sms") == {"due": 3}
    assert set(Delivery.objects.values_list("latest_at", flat=True)) == {DUE + 3 * HOUR}
    assert due.alerts == list(Channel)


def test_without_a_broker_the_tick_finds_the_alert(event):
    entrants(event, 1)
    press(arm(event, "cancel"), DUE)
    assert tick_at(DUE).alerts == list(Channel)


def test_who_enters_while_it_is_worth_reading_gets_the_newest_alert_and_no_older_one(event):
    entrants(event, 1)
    press(arm(event, temp="29"), DUE)
    press(arm(event, "delay", new_start="10:00"), DUE + MINUTE)
    late = entrant(event)
    tick_at(DUE + 2 * MINUTE)
    assert set(Delivery.objects.filter(entrant=late).values_list("step__name", flat=True)) == {
        "delay#1-email",
        "delay#1-sms",
    }
    assert set(Delivery.objects.filter(entrant=late).values_list("latest_at", flat=True)) == {
        DUE + MINUTE + 3 * HOUR
    }
    too_late = entrant(event)
    tick_at(DUE + 4 * HOUR)
    assert not Delivery.objects.filter(entrant=too_late).exists()


def test_a_released_alert_is_no_step_to_approve_or_to_start_with(event):
    entrants(event, 1)
    press(arm(event, "cancel"), DUE)
    with pytest.raises(campaign.CampaignError, match="No step is approved yet"):
        campaign.start(event.campaign)
    with pytest.raises(campaign.CampaignError, match="There is no step 'cancel#1-email'"):
        campaign.approve(event.campaign, ANN, ["cancel#1-email"])
    assert campaign.approve(event.campaign, ANN, []) == 1


def test_reloading_the_plan_leaves_a_release_alone(event, tmp_path):
    entrants(event, 1)
    press(arm(event, "cancel"), DUE)
    loaded(event, tmp_path, steps=(a_step("other", purpose="service"),))
    assert step_of("cancel#1-email").state == "sending"
    assert the_step(event.campaign, "tip").state == "off"


def test_an_alert_by_one_channel_makes_one_step(event, tmp_path):
    entrants(event, 1)
    loaded(event, tmp_path, block("cancel", sms=False))
    press(arm(event, "cancel"), DUE)
    assert list(Step.objects.filter(kind="alert").values_list("name", flat=True)) == ["cancel#1-email"]


# How long it takes


@pytest.mark.parametrize(
    ("rate", "count", "words"),
    [
        (10.0, 5, "5 texts at 10 a second: 1 second"),
        (0.05, 5, "5 texts at 0.05 a second: 2 minutes"),
        (None, 5, "5 texts, as fast as the provider takes them"),
        (1.0, 1, "1 text at 1 a second: 1 second"),
    ],
)
def test_it_says_honestly_how_long_it_takes(event, settings, rate, count, words):
    settings.SMS_RATE = rate
    entrants(event, count)
    assert str(press(arm(event, "cancel"), DUE).sendings[1]) == words


def test_five_thousand_texts_at_ten_a_second_take_eight_minutes():
    sending = alerts.Sending(Channel.SMS, 5_000, 5_000, 1, 0, 10.0, {})
    assert str(sending) == "5,000 texts at 10 a second: 8 minutes"
    long = alerts.Sending(Channel.SMS, 5_000, 5_000, 2, 300, 10.0, {})
    assert (
        str(long)
        == "5,000 texts, each at the price of 2, after 300 of other alerts at 5 a second: 18 minutes"
    )
