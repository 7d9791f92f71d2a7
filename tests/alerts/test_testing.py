"""A test of an alert reaches the staff alone, by both channels, and is marked."""

import email
import email.policy
from collections.abc import Iterator

import pytest
from armed import arm, loaded, the_alert
from people import an_event, entrants

from campaigns import alerts
from campaigns.alerts import AlertError
from campaigns.models import Alert, Delivery, Event, StaffContact
from postbox import Postbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(settings) -> Iterator[Postbox]:
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        settings.TWILIO_BASE_URL = box.twilio_base_url
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = f"AC{'0' * 32}", "token"
        settings.TWILIO_FROM = "+447700900900"
        yield box


@pytest.fixture
def event(tmp_path) -> Event:
    event = an_event()
    loaded(event, tmp_path)
    entrants(event, 2)
    StaffContact.objects.create(event=event, name="Ann", email="ann@example.org", mobile="+447700900001")
    StaffContact.objects.create(event=event, name="Bob", mobile="+447700900002")
    return event


def test_staff_get_it_marked_and_nobody_else_does(box, event):
    results = alerts.send_test(the_alert(event), {"temp": "31"})
    assert [(one.name, one.channel, one.problem) for one in results] == [
        ("Ann", "email", ""),
        ("Ann", "sms", ""),
        ("Bob", "sms", ""),
    ]
    [mail] = box.emails
    assert mail.recipient == "ann@example.org"
    assert email.message_from_bytes(mail.raw, policy=email.policy.default)["Subject"].startswith(
        "[Test] heat: 31C"
    )
    assert {(text.to, text.body) for text in box.texts} == {
        ("+447700900001", "TEST: heat: 31C today. Run slower."),
        ("+447700900002", "TEST: heat: 31C today. Run slower."),
    }
    assert not Delivery.objects.exists()
    assert Alert.objects.get(name="heat").tested_at is not None


def test_armed_values_are_tested_and_open_ones_have_their_example(box, event):
    arm(event, temp="25")
    alerts.send_test(the_alert(event), {})
    alerts.send_test(the_alert(event, "delay"), {})
    bodies = {text.body for text in box.texts}
    assert bodies == {"TEST: heat: 25C today. Run slower.", "TEST: delay: The start is at 10:00."}


def test_what_did_not_leave_is_said(box, event, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    box.faults.add("twilio", "refuse", code=400, error=21614, match="+447700900002")
    results = {(one.name, one.channel): one.problem for one in alerts.send_test(the_alert(event), {})}
    assert results["Ann", "sms"] == ""
    assert results["Ann", "email"] != ""
    assert results["Bob", "sms"] != ""


def test_without_staff_there_is_nobody_to_test_on(event):
    StaffContact.objects.all().delete()
    with pytest.raises(AlertError, match=f"aidstation event staff add {event.slug}"):
        alerts.send_test(the_alert(event), {})
