"""Arming: two people, these very words, and only what can be sent."""

from datetime import date, timedelta

import pytest
import time_machine
from armed import ANN, BOB, WORDS, arm, block, loaded, the_alert, write
from people import an_event, moment, sign_everything

from campaigns import alerts, campaign
from campaigns.alerts import AlertError, Arming
from campaigns.models import Alert, Event, StaffContact

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(tmp_path) -> Event:
    event = an_event()
    loaded(event, tmp_path)
    return event


def state(event: Event, name: str = "heat") -> Arming:
    return alerts.arming(the_alert(event, name))


def test_loading_a_plan_keeps_its_alerts_in_order(event):
    assert list(Alert.objects.values_list("name", "expires")) == [
        (name, timedelta(hours=3)) for name in WORDS
    ]
    assert state(event) == Arming.UNARMED


def test_a_missing_message_refuses_the_whole_plan(event, tmp_path):
    with pytest.raises(campaign.CampaignError, match=r"^Alert 'flood' needs the message email/alert-flood"):
        loaded(event, tmp_path, block("flood"))
    assert Alert.objects.filter(in_plan=True).count() == len(WORDS)


def test_an_alert_that_left_the_plan_cannot_be_armed(event, tmp_path):
    loaded(event, tmp_path, block("heat"))
    with pytest.raises(AlertError, match="The plan has no alert 'cancel' any more"):
        alerts.arm(the_alert(event, "cancel"), ANN, {})
    assert [each.alert.name for each in alerts.standing(event)[0]] == ["heat"]


def test_two_people_arm_an_alert(event):
    assert alerts.arm(the_alert(event), ANN, {"temp": "29"}) == Arming.CONFIRMING
    assert alerts.arm(the_alert(event), BOB, {}) == Arming.ARMED
    armed = the_alert(event)
    assert (armed.armed_by, armed.confirmed_by, armed.values) == (ANN, BOB, {"temp": "29"})


@pytest.mark.parametrize("again", [ANN, "ANN@example.org ", "Ann@Example.ORG"])
def test_one_person_is_not_two(event, again):
    alerts.arm(the_alert(event), ANN, {})
    with pytest.raises(AlertError, match="a second person does"):
        alerts.arm(the_alert(event), again, {})
    assert state(event) == Arming.CONFIRMING


def test_arming_an_armed_alert_changes_nothing(event):
    before = arm(event, temp="29")
    assert alerts.arm(the_alert(event), "carl@example.org", {"temp": "29"}) == Arming.ARMED
    assert the_alert(event).confirmed_by == before.confirmed_by


def test_where_one_approver_is_enough_one_arms_and_a_warning_stands(event):
    Event.objects.update(alert_approvers=1)
    assert alerts.arm(the_alert(event), ANN, {}) == Arming.ARMED
    warnings = alerts.standing(Event.objects.get())[1]
    assert any("One person alone can arm an alert" in warning for warning in warnings)
    Event.objects.update(alert_approvers=2)
    assert state(event) == Arming.CONFIRMING


def test_who_confirms_cannot_slip_in_other_values(event):
    alerts.arm(the_alert(event), ANN, {"temp": "29"})
    with pytest.raises(AlertError, match="'heat' is armed with temp=29: disarm it first"):
        alerts.arm(the_alert(event), BOB, {"temp": "31"})


def test_an_edit_un_arms(event, tmp_path):
    arm(event)
    write(tmp_path, "heat", "{{ temp }}C. Walk.")
    loaded(event, tmp_path)
    assert state(event) == Arming.UNARMED
    assert state(event, "cancel") == Arming.UNARMED
    assert alerts.arm(the_alert(event), BOB, {}) == Arming.CONFIRMING


def test_an_unchanged_plan_a_move_and_a_cancellation_leave_it_armed(event, tmp_path):
    """ "Postponed" and "cancelled" must be ready at the very moment when the race is moved or cancelled."""
    arm(event, "cancel")
    loaded(event, tmp_path)
    campaign.move_race(event, date(2027, 10, 3))
    campaign.cancel_event(event)
    assert state(event, "cancel") == Arming.ARMED


def test_another_expiry_un_arms(event, tmp_path):
    arm(event, "cancel")
    loaded(event, tmp_path, block("cancel", expires="30 min"))
    assert state(event, "cancel") == Arming.UNARMED


def test_disarming_takes_both_names_back(event):
    arm(event, temp="29")
    assert alerts.disarm(the_alert(event))
    assert state(event) == Arming.UNARMED
    assert the_alert(event).values == {}
    assert not alerts.disarm(the_alert(event))


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [("temp", "+29", None), ("temp", "29", "29"), ("temp", "hot", None), ("temp", "290", None)],
)
def test_a_temperature_is_whole_degrees(event, name, value, printed):
    if printed is None:
        with pytest.raises(AlertError, match="is not a temperature: write whole degrees Celsius"):
            alerts.arm(the_alert(event), ANN, {name: value})
    else:
        alerts.arm(the_alert(event), ANN, {name: value})
        assert the_alert(event).values == {name: printed}


def test_a_word_that_the_alert_does_not_use_is_refused(event):
    with pytest.raises(AlertError, match="does not use 'tmp': it asks for temp"):
        alerts.arm(the_alert(event), ANN, {"tmp": "29"})
    with pytest.raises(AlertError, match="it asks for nothing"):
        alerts.arm(the_alert(event, "cancel"), ANN, {"temp": "29"})


def test_what_the_event_does_not_have_is_found_when_arming_and_not_in_the_heat(event, tmp_path):
    write(tmp_path, "cancel", "Cancelled. Your place: {{ deferral_url }}")
    loaded(event, tmp_path)
    with pytest.raises(AlertError, match=r"'cancel' cannot be sent by email as it stands.*deferral_url"):
        alerts.arm(the_alert(event, "cancel"), ANN, {})


def test_an_alert_from_a_name_may_not_ask_to_be_answered(event, tmp_path, settings):
    settings.TWILIO_ALERT_FROM = "RunReigate"
    write(tmp_path, "cancel", "Cancelled. Reply YES if you have read this.")
    loaded(event, tmp_path)
    with pytest.raises(AlertError, match=r"'cancel' cannot be armed.*nobody can answer"):
        alerts.arm(the_alert(event, "cancel"), ANN, {})


def test_health_advice_is_armed_only_with_a_sign_off(event, tmp_path):
    mail = tmp_path / "email" / "alert-heat.md"
    mail.write_text(mail.read_text().replace("purpose: service\n", f"purpose: service\n{HEALTH}"))
    loaded(event, tmp_path, signed=False)
    with pytest.raises(AlertError, match="email/alert-heat, version 2 has no medical sign-off"):
        alerts.arm(the_alert(event), ANN, {})
    sign_everything(event.campaign)
    assert alerts.arm(the_alert(event), ANN, {}) == Arming.CONFIRMING


HEALTH = "health: true\nsources:\n  - title: Big Half\n    url: https://example.org/heat\n    read: 2026-11\n"


@pytest.mark.parametrize(
    ("at", "warned"),
    [
        ("2027-09-11 22:00", False),
        ("2027-09-12 06:00", True),
        ("2027-09-19 20:00", True),
        ("2027-09-20 12:00", False),
    ],
)
def test_from_race_week_on_an_alert_that_is_not_armed_is_warned_of(event, at, warned):
    arm(event, "cancel")
    StaffContact.objects.create(event=event, name="Ann", email=ANN)
    with time_machine.travel(moment(at), tick=False):
        warnings = alerts.standing(event)[1]
    assert warnings == (["Race week has begun and not ready to send: heat, delay."] if warned else [])


def test_without_staff_nobody_can_test(event):
    assert alerts.standing(event)[1] == [
        f"Nobody can test the alerts: add people with `aidstation event staff add {event.slug}`."
    ]


def test_an_unknown_alert_is_named_with_the_nearest(event):
    with pytest.raises(AlertError, match=r"There is no alert 'heats': did you mean 'heat'\?"):
        the_alert(event, "heats")
