"""What staff, owners and approvers are told by mail: the right thing, to the right people, once."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage

import pytest
import time_machine
from armed import block
from click.testing import CliRunner
from people import DUE, a_campaign, a_step, an_event, entrants, load, the_step, tick_at
from pytest_django.fixtures import Settings
from signed_in import make_user

from campaigns import alerts, campaign, ledger, notices, tallies
from campaigns.cli import main
from campaigns.models import Campaign, Circuit, Delivery, Event, Notice, StaffContact, Step
from campaigns.models.words import Channel, Role
from postbox import Postbox
from postbox.store import Email

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def box(settings: Settings) -> Iterator[Postbox]:
    with Postbox(smtp_port=0, http_port=0) as postbox:
        settings.EMAIL_URL = postbox.email_url
        yield postbox


@pytest.fixture
def event() -> Event:
    made = an_event(slug="reigate")
    entrants(made, 3)
    StaffContact.objects.create(event=made, name="Robin", email="robin@example.org", mobile="+447700900999")
    StaffContact.objects.create(event=made, name="Only by phone", mobile="+447700900998")
    return made


def read(mail: Email) -> EmailMessage:
    return email.message_from_bytes(mail.raw, policy=email.policy.default)


def at(moment: datetime) -> list[Notice]:
    """What is noted at that moment and was not before."""
    before = set(Notice.objects.values_list("pk", flat=True))
    with time_machine.travel(moment, tick=False):
        notices.note(moment)
    return list(Notice.objects.exclude(pk__in=before).order_by("id"))


def subjects(moment: datetime) -> list[str]:
    return [one.subject for one in at(moment)]


def send_all(step: Step) -> None:
    """Opens the step at its moment and has the mail server take all of it."""
    tick_at(DUE)
    found = ledger.claim(Channel.EMAIL, step.id, DUE, limit=500, lease=timedelta(seconds=60), holder="test")
    rows = [row for group in found.groups for row in group]
    ledger.settle(
        Channel.EMAIL, [ledger.Result(row.delivery, row.claim, row.carrier, "accepted") for row in rows], DUE
    )
    ledger.finish_steps()


# Approval missing


def test_owners_and_approvers_are_told_three_times_of_what_nobody_has_approved(event: Event) -> None:
    load(event, a_step("shoes"))
    owner, approver = make_user(event, Role.OWNER, Role.APPROVER), make_user(event, Role.APPROVER)
    make_user(event, Role.EDITOR), make_user(event, Role.VIEWER)
    assert at(DUE - 73 * HOUR) == []
    told = at(DUE - 71 * HOUR)
    assert {one.to for one in told} == {f"user:{owner.pk}", f"user:{approver.pk}"}
    assert told[0].subject == "“Shoes” waits for approval"
    assert "in 71 hours, and nobody has approved it" in told[0].words
    assert "https://tips.example.org/e/reigate/approve" in told[0].words
    assert at(DUE - 48 * HOUR) == []
    assert len(at(DUE - 23 * HOUR)) == len(at(DUE - HOUR)) == 2
    assert at(DUE + HOUR) == []


def test_nobody_is_told_of_what_is_approved(event: Event) -> None:
    make_user(event, Role.OWNER)
    a_campaign(event, a_step("shoes"), live=False)
    assert at(DUE - 71 * HOUR) == []


# The day before


def test_the_staff_are_told_the_day_before_who_gets_it_and_when(event: Event) -> None:
    a_campaign(event, a_step("shoes"))
    assert at(DUE - 25 * HOUR) == []
    [told] = at(DUE - 23 * HOUR)
    assert told.subject == "“Shoes” goes out on Tue 3 Aug 2027, 10:00"
    assert "by email to 3 entrants, from Tue 3 Aug 2027, 10:00 on" in told.words
    assert at(DUE - 22 * HOUR) == []


def test_what_texts_cost_is_in_it(event: Event, settings: Settings) -> None:
    settings.SMS_PRICE = Decimal("0.05")
    a_campaign(event, a_step("drink", channel="sms", template="hydration"))
    [told] = at(DUE - HOUR)
    assert "It costs at least 0.15" in told.words


def test_the_number_is_that_of_the_approval(event: Event) -> None:
    a_campaign(event, a_step("shoes"))
    Step.objects.update(approved_recipients=2)
    assert "to 2 entrants" in at(DUE - HOUR)[0].words


def test_a_moved_race_is_told_anew(event: Event) -> None:
    loaded = a_campaign(event, a_step("shoes"))
    assert len(at(DUE - HOUR)) == 1
    campaign.move_race(event, event.date + timedelta(days=7))
    campaign.approve(loaded, "ann@example.org", [])
    assert [one.subject for one in at(DUE + 7 * DAY - HOUR)] == ["“Shoes” goes out on Tue 10 Aug 2027, 10:00"]


@pytest.mark.parametrize("state", ["draft", "approved", "stopped"])
def test_of_a_campaign_that_does_not_run_the_staff_hear_nothing(event: Event, state: str) -> None:
    a_campaign(event, a_step("shoes"))
    Campaign.objects.update(state=state)
    assert at(DUE - HOUR) == []


def test_of_a_cancelled_race_the_staff_hear_nothing(event: Event) -> None:
    a_campaign(event, a_step("shoes"))
    campaign.cancel_event(event)
    assert at(DUE - HOUR) == []


# What came of it


def test_the_result_is_told_once_an_hour_has_passed(event: Event) -> None:
    step = the_step(a_campaign(event, a_step("shoes")), "shoes")
    send_all(step)
    Delivery.objects.filter(pk=Delivery.objects.earliest("id").pk).update(
        state="bounced", reason="provider_refused"
    )
    tallies.count(step, DUE)
    assert subjects(DUE + HOUR / 2) == []
    [told] = at(DUE + HOUR)
    assert told.subject == "“Shoes” went to 2"
    assert (
        "“Shoes” was sent to 2 of 3 entrants.\n1 could not be reached.\n- 1: refused by the provider"
        in told.words
    )
    assert subjects(DUE + 2 * HOUR) == []


def test_a_result_of_long_ago_is_no_news(event: Event) -> None:
    step = the_step(a_campaign(event, a_step("shoes")), "shoes")
    send_all(step)
    assert subjects(DUE + 4 * DAY) == []


def test_while_messages_wait_there_is_no_result(event: Event) -> None:
    a_campaign(event, a_step("shoes"))
    tick_at(DUE)
    assert subjects(DUE + 2 * HOUR) == []


def test_held_messages_are_told_at_once_and_once(event: Event) -> None:
    step = the_step(a_campaign(event, a_step("shoes")), "shoes")
    tick_at(DUE)
    Delivery.objects.update(state="held", reason="minor")
    tallies.count(step, DUE)
    [told] = at(DUE + HOUR / 60)
    assert told.subject == "3 messages of “Shoes” wait for a person"
    assert "- a child without a guardian's address" in told.words
    assert subjects(DUE + HOUR / 30) == []


# A provider that has stopped


def test_a_stopped_provider_is_told_after_a_minute(event: Event, settings: Settings) -> None:
    settings.ALARM_EMAIL = ["night@example.org"]
    a_campaign(event, a_step("shoes"))
    when = DUE - 3 * DAY
    Circuit.objects.filter(channel="sms").update(opened_at=when, reason="The account is closed.")
    assert subjects(when + timedelta(seconds=30)) == []
    [told] = at(when + timedelta(seconds=61))
    assert told.subject == "sending by text has stopped"
    assert "The account is closed." in told.words
    assert subjects(when + HOUR) == []
    Circuit.objects.filter(channel="sms").update(opened_at=when + 2 * HOUR)
    assert len(subjects(when + 3 * HOUR)) == 1


def test_where_the_alarm_tells_the_staff_the_notice_does_not(event: Event) -> None:
    a_campaign(event, a_step("shoes"))
    Circuit.objects.filter(channel="sms").update(opened_at=DUE - 3 * DAY, reason="Closed.")
    assert subjects(DUE - 2 * DAY) == []


# Alerts


def test_whoever_may_be_the_second_person_is_told_of_an_alert_and_who_armed_it_is_not(event: Event) -> None:
    ann, bob = make_user(event, Role.APPROVER, name="Ann Lee"), make_user(event, Role.OWNER, name="Bob Ray")
    make_user(event, Role.EDITOR, name="Eve Doe")
    load(event, a_step("shoes"), block("heat"))
    heat = alerts.alert_named(event, "heat")
    with time_machine.travel(DUE - 9 * DAY, tick=False):
        alerts.arm(heat, ann.email, {})
    [told] = at(DUE - 9 * DAY + timedelta(minutes=1))
    assert told.to == f"user:{bob.pk}"
    assert told.subject == "“Heat” waits for a second person"
    assert f"/e/{event.slug}/race-day/heat/" in told.words
    assert ann.email not in told.words
    assert subjects(DUE - 9 * DAY + HOUR) == []


def test_of_an_alert_that_is_confirmed_or_was_armed_long_ago_nobody_is_told(event: Event) -> None:
    ann, bob = make_user(event, Role.APPROVER, name="Ann Lee"), make_user(event, Role.OWNER, name="Bob Ray")
    load(event, a_step("shoes"), block("heat"), block("delay"))
    for name, seconds in (("heat", [bob]), ("delay", [])):
        alert = alerts.alert_named(event, name)
        with time_machine.travel(DUE - 9 * DAY, tick=False):
            for who in (ann, *seconds):
                alerts.arm(alert, who.email, {})
    assert subjects(DUE - 8 * DAY + HOUR) == []


# Mailing


def test_each_notice_is_mailed_once(event: Event, box: Postbox) -> None:
    a_campaign(event, a_step("shoes"))
    with time_machine.travel(DUE - HOUR, tick=False):
        for _ in range(3):
            notices.note(DUE - HOUR)
            notices.send(DUE - HOUR)
    [mail] = box.emails
    assert mail.recipient == "robin@example.org"
    assert read(mail)["Subject"] == "Run Reigate 2027: “Shoes” goes out on Tue 3 Aug 2027, 10:00"
    assert Notice.objects.get().sent_at == DUE - HOUR


def test_two_things_for_one_person_are_one_mail(event: Event, box: Postbox) -> None:
    a_campaign(event, a_step("shoes"), a_step("drink"))
    at(DUE - HOUR)
    assert notices.send(DUE - HOUR) == 2
    [mail] = map(read, box.emails)
    assert mail["Subject"].endswith("goes out on Tue 3 Aug 2027, 10:00, and 1 more")
    assert "“Shoes”" in mail.get_content()
    assert "“Drink”" in mail.get_content()


def test_while_the_mail_server_is_away_nothing_is_lost(
    event: Event, box: Postbox, settings: Settings
) -> None:
    a_campaign(event, a_step("shoes"))
    at(DUE - HOUR)
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    assert notices.send(DUE - HOUR) == 0
    settings.EMAIL_URL = box.email_url
    assert notices.send(DUE) == 1
    assert notices.send(DUE) == 0


def test_old_news_is_not_mailed(event: Event, box: Postbox) -> None:
    a_campaign(event, a_step("shoes"))
    at(DUE - HOUR)
    assert notices.send(DUE + 25 * HOUR) == 0
    assert box.emails == []


def test_who_is_gone_meanwhile_gets_nothing(event: Event, box: Postbox) -> None:
    a_campaign(event, a_step("shoes"))
    at(DUE - HOUR)
    StaffContact.objects.all().delete()
    assert notices.send(DUE - HOUR) == 0
    assert box.emails == []


def test_the_command_lists_them(event: Event) -> None:
    a_campaign(event, a_step("shoes"))
    at(DUE - HOUR)
    done = CliRunner().invoke(main, ["notices", "reigate"])
    assert "“Shoes” goes out on Tue 3 Aug 2027, 10:00  (WAITS to be mailed)" in done.output
    done = CliRunner().invoke(main, ["notices", "reigate", "--json"])
    assert json.loads(done.output)["sent_at"] is None


# Copies


def copied(event: Event) -> None:
    event.staff.filter(name="Robin").update(copies=True)


def copies_at(moment: datetime) -> list[Notice]:
    return [one for one in at(moment) if one.key.startswith("copy:")]


def test_whoever_wants_copies_gets_the_words_of_a_step_once_it_goes_out(event: Event) -> None:
    copied(event)
    StaffContact.objects.create(event=event, name="Sam", email="sam@example.org")
    campaign = a_campaign(event, a_step("shoes", template="shoes"))
    assert copies_at(DUE - timedelta(seconds=5)) == []
    send_all(the_step(campaign, "shoes"))
    [told] = copies_at(DUE + timedelta(seconds=5))
    assert told.to == f"staff:{event.staff.get(name='Robin').pk}"
    assert told.subject == "“Shoes” goes out: a copy"
    assert "and says this; the name and the links in it are nobody's." in told.words
    assert "Shoes that fit" in told.words
    assert not [one.first_name for one in event.entrants.all() if one.first_name in told.words]
    assert copies_at(DUE + timedelta(minutes=5)) == []


def test_a_text_is_copied_too(event: Event) -> None:
    copied(event)
    campaign = a_campaign(event, a_step("text", channel="sms", template="hydration"))
    tick_at(DUE)
    [told] = copies_at(DUE + timedelta(seconds=5))
    assert "“Text” goes out by text now" in told.words
    assert the_step(campaign, "text").state == "sending"


def test_a_step_that_does_not_go_out_is_not_copied(event: Event) -> None:
    copied(event)
    campaign.pause(a_campaign(event))
    tick_at(DUE)
    assert copies_at(DUE + timedelta(seconds=5)) == []


def test_whoever_asks_for_copies_later_gets_none_of_the_past(event: Event) -> None:
    send_all(the_step(a_campaign(event)))
    copied(event)
    assert copies_at(DUE + 2 * HOUR) == []
