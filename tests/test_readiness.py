"""Ready for race day: what is looked at, what is asked, and that an answer is kept."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from armed import arm, loaded
from click.testing import CliRunner
from people import an_event, entrants
from pytest_django.fixtures import Settings

from campaigns import alerts, clock, readiness
from campaigns.checking import State
from campaigns.cli import main
from campaigns.models import Answer, AuditEntry, Delivery, Event, StaffContact
from postbox import Postbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(settings: Settings) -> Iterator[Postbox]:
    with Postbox(smtp_port=0, http_port=0) as box:
        settings.EMAIL_URL = box.email_url
        settings.TWILIO_BASE_URL = box.twilio_base_url
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = f"AC{'0' * 32}", "token"
        settings.TWILIO_FROM = "+447700900900"
        yield box


@pytest.fixture
def event(tmp_path) -> Event:
    made = an_event(slug="reigate")
    loaded(made, tmp_path)
    entrants(made, 2)
    StaffContact.objects.create(event=made, name="Ann", email="ann@example.org", mobile="+447700900001")
    StaffContact.objects.create(event=made, name="Bob", mobile="+447700900002")
    return made


def state_of(event: Event, name: str) -> readiness.Check:
    return next(one for one in readiness.look(event, clock.now()) if one.name == name)


def test_the_credit_is_set_against_a_text_to_everybody(
    event: Event, box: Postbox, settings: Settings
) -> None:
    settings.SMS_PRICE = Decimal("0.05")
    assert readiness.ask_credit(event).words == "500.00 GBP left; one text to everybody costs about 0.10."
    assert state_of(event, "Credit for texts").state == State.GOOD
    settings.SMS_PRICE = Decimal("300")
    readiness.ask_credit(event)
    assert state_of(event, "Credit for texts").state == State.WRONG
    assert Answer.objects.count() == 1


def test_a_provider_that_does_not_answer_is_no_credit(event: Event, box: Postbox, settings: Settings) -> None:
    settings.TWILIO_BASE_URL = "http://127.0.0.1:1"
    assert not readiness.ask_credit(event).good
    assert "cannot be asked" in state_of(event, "Credit for texts").words


def test_one_press_tests_every_address_of_the_staff_and_nobody_else(event: Event, box: Postbox) -> None:
    tested = readiness.test_staff(event)
    assert [(one.name, one.channel, one.problem) for one in tested] == [
        ("Ann", "email", ""),
        ("Ann", "sms", ""),
        ("Bob", "sms", ""),
    ]
    assert [mail.recipient for mail in box.emails] == ["ann@example.org"]
    assert {text.to for text in box.texts} == {"+447700900001", "+447700900002"}
    assert all("this is a test" in text.body for text in box.texts)
    assert not Delivery.objects.exists()
    assert state_of(event, "Staff").words == "2 people, 2 with a phone. 3 of 3 tests sent."


def test_a_test_that_did_not_leave_is_wrong(event: Event, box: Postbox) -> None:
    box.faults.add("twilio", "refuse", code=400, error=21614, match="+447700900002")
    readiness.test_staff(event)
    staff = state_of(event, "Staff")
    assert (staff.state, staff.words) == (
        State.WRONG,
        "2 people, 2 with a phone. 2 of 3 tests sent.",
    )


def test_without_staff_there_is_nobody_to_test(event: Event, box: Postbox) -> None:
    StaffContact.objects.all().delete()
    assert readiness.test_staff(event) == []
    assert state_of(event, "Staff").words == "Nobody gets tests and news."


def test_addresses_are_counted_as_an_alert_would_reach_them(event: Event) -> None:
    assert state_of(event, "Addresses").words == "Of 2 confirmed, 2 are reached by email and 2 by text."


def test_unarmed_alerts_are_named(event: Event) -> None:
    arm(event, "heat")
    assert state_of(event, "Alerts").words == "Not armed: Delay, Cancel."


def test_what_one_person_armed_waits_for_a_second_and_is_not_called_unarmed(event: Event) -> None:
    arm(event, "heat")
    alerts.arm(alerts.alert_named(event, "delay"), "ann@example.org", {})
    assert state_of(event, "Alerts").words == "Not armed: Cancel. Delay: waits for a second person."


def test_the_command_says_it_and_exits_3_when_something_is_wrong(event: Event, box: Postbox) -> None:
    done = CliRunner().invoke(main, ["alert", "ready", "reigate", "--ask", "--as", "ann@example.org"])
    assert done.exit_code == 3
    assert "wrong  Clock: The clock has never run. See that the scheduler and the workers run." in done.output
    assert "good   Staff: 2 people, 2 with a phone. 3 of 3 tests sent." in done.output
    assert AuditEntry.objects.get(act="event.ready").detail == {"sent": 3, "failed": 0}
