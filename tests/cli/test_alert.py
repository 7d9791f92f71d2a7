"""`aidstation alert`, and `event staff` and `approvers`: what they say, refuse and write down."""

import json
from datetime import datetime

import pytest
import time_machine
from armed import loaded
from click.testing import CliRunner, Result
from people import DUE, an_event, entrants

import worker
from campaigns import addresses, circuit
from campaigns.cli import main, ready
from campaigns.models import AuditEntry, Delivery, Event, Release, StaffContact
from campaigns.models.words import Channel

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(tmp_path, monkeypatch) -> Event:
    monkeypatch.setattr(ready, "prepare", lambda: None)
    monkeypatch.setattr(worker, "enqueue", lambda *words, **more: False)
    monkeypatch.setenv("COLUMNS", "160")
    addresses.check_key()
    event = an_event(slug="race")
    loaded(event, tmp_path)
    return event


def run(*words: str, who: str = "ann@example.org", **keywords) -> Result:
    with time_machine.travel(DUE, tick=False):
        return CliRunner().invoke(main, [*words, *(("--as", who) if who else ())], **keywords)


def arm(name: str = "cancel", *words: str) -> None:
    for who in ("ann@example.org", "bob@example.org"):
        result = run("alert", "arm", "race", name, *words, who=who)
        assert result.exit_code == 0, result.output


def refused(result: Result) -> str:
    assert result.exit_code == 1
    return result.stderr.strip().splitlines()[-1]


def test_two_people_arm_and_one_sends(event):
    entrants(event, 3)
    first = run("alert", "arm", "race", "heat", "--set", "temp=29")
    assert first.stdout.startswith("heat waits for a second person.\n")
    second = run("alert", "arm", "race", "heat", who="bob@example.org")
    assert second.stdout.startswith("heat is armed by ann@example.org and bob@example.org.\n")
    sent = run("alert", "send", "race", "heat", "--confirm", "heat")
    assert sent.exit_code == 0, sent.output
    assert sent.stdout.splitlines() == [
        "heat#1 is on its way.",
        "  3 emails, as fast as the provider takes them",
        "  3 texts, as fast as the provider takes them",
        "Who cannot be reached by 13:00 on Tue 3 Aug does not get it.",
        "Follow it: aidstation status race",
    ]
    acts = AuditEntry.objects.order_by("id").values_list("act", "who")
    assert list(acts) == [
        ("alert.arm", "ann@example.org"),
        ("alert.arm", "bob@example.org"),
        ("alert.send", "ann@example.org"),
    ]
    detail = AuditEntry.objects.latest("id").detail
    assert detail["release"] == "heat#1"
    assert detail["entrants"] == {"email": 3, "sms": 3}


def test_the_same_person_twice_is_refused(event):
    run("alert", "arm", "race", "cancel")
    assert "a second person does, with --as" in refused(run("alert", "arm", "race", "cancel"))


def test_send_asks_for_the_name(event):
    entrants(event, 1)
    arm()
    assert run("alert", "send", "race", "cancel", input="cancel\n").exit_code == 0
    assert "Type the alert's name" in refused(run("alert", "send", "race", "cancel", input="yes\n"))
    assert Release.objects.count() == 1


def test_send_tells_scripts_everything(event, settings):
    settings.SMS_RATE = 10.0
    entrants(event, 20)
    arm()
    words = (
        "alert",
        "send",
        "race",
        "cancel",
        "--confirm",
        "cancel",
        "--json",
        "--token",
        "t",
        "--expires",
        "1 h",
    )
    found = json.loads(run(*words).stdout)
    assert (found["release"], found["repeated"]) == ("cancel#1", False)
    assert found["channels"][1] == {
        "channel": "sms", "entrants": 20, "messages": 20, "segments": 1, "ahead": 0, "rate": 10.0, "seconds": 2.0,
        "left_out": {},
    }  # fmt: skip
    again = json.loads(run(*words).stdout)
    assert (again["release"], again["repeated"]) == ("cancel#1", True)
    assert Delivery.objects.count() == 40


def test_a_repeated_press_says_so(event):
    entrants(event, 1)
    arm()
    run("alert", "send", "race", "cancel", "--confirm", "cancel")
    again = run("alert", "send", "race", "cancel", "--confirm", "cancel", who="bob@example.org")
    assert again.stdout.splitlines()[0] == "The same press as 10:00:00: cancel#1 is on its way."


def test_nobody_reached_is_an_error_in_red(event):
    arm()
    result = run("alert", "send", "race", "cancel", "--confirm", "cancel", color=True)
    assert result.exit_code == 1
    assert "\x1b[31m" in result.stderr
    assert "sent to nobody" in result.stderr
    assert AuditEntry.objects.latest("id").detail["release"] is None


def test_disarm_and_list(event):
    arm("heat", "--set", "temp=29")
    assert run("alert", "disarm", "race", "heat").stdout == "heat is not armed any more.\n"
    arm()
    listed = run("alert", "list", "race", who="")
    assert "ann@example.org and bob@example.org" in listed.stdout
    assert "Nobody can test the alerts" in listed.stdout
    found = json.loads(run("alert", "list", "race", "--json", who="").stdout)
    assert {one["name"]: one["state"] for one in found["alerts"]} == {
        "heat": "unarmed", "delay": "unarmed", "cancel": "armed",
    }  # fmt: skip
    assert found["alerts"][1]["asks_for"] == ["new_start"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("arm", "race", "heats"), "There is no alert 'heats': did you mean 'heat'?"),
        (("arm", "race", "heat", "--set", "temp"), "'temp' is not understood: write it like temp=29."),
        (
            ("send", "race", "cancel", "--confirm", "cancel", "--expires", "soon"),
            "--expires: 'soon' is not a length",
        ),
        (("send", "race", "cancel", "--confirm", "cancel"), "'cancel' is not armed"),
        (("test", "race", "cancel"), "There is nobody to test on"),
    ],
)
def test_refusals_are_one_sentence(event, words, said):
    assert said in refused(run("alert", *words))


def test_staff_are_added_changed_listed_and_removed(event):
    added = run("event", "staff", "add", "race", "--name", "Kim Lee", "--email", "Kim@EXAMPLE.org")
    assert added.stdout == "Kim Lee gets tests of alerts by email.\n"
    both = run(
        "event",
        "staff",
        "add",
        "race",
        "--name",
        "Kim Lee",
        "--email",
        "k@example.org",
        "--mobile",
        "07700 900123",
    )
    assert both.stdout == "Kim Lee gets tests of alerts by email and by text.\n"
    assert run("event", "staff", "list", "race", who="").stdout == "Kim Lee  k@example.org  +447700900123\n"
    copied = run("event", "staff", "add", "race", "--name", "Kim Lee", "--email", "k@example.org", "--copies")
    assert copied.stdout == "Kim Lee gets tests of alerts by email, and a copy of each step.\n"
    assert StaffContact.objects.get().copies is True
    assert "there is no" in refused(run("event", "staff", "remove", "race", "--name", "Kim")).lower()
    assert run("event", "staff", "remove", "race", "--name", "Kim Lee").exit_code == 0
    assert not StaffContact.objects.exists()
    details = list(AuditEntry.objects.values_list("detail", flat=True))
    assert "example.org" not in json.dumps(details)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "Kim"), "Give --email, --mobile or both"),
        (("--name", "Kim", "--email", "kim"), "--email is not an email address"),
        (("--name", "Kim", "--mobile", "01737 123456"), "--mobile is not a mobile number"),
        (("--name", "Kim", "--mobile", "07700 900123", "--copies"), "--copies needs an --email"),
        (("--name", " ", "--email", "kim@example.org"), "--name is empty"),
    ],
)
def test_staff_need_an_address_that_works(event, words, said):
    assert said in refused(run("event", "staff", "add", "race", *words))
    assert not StaffContact.objects.exists()


def test_one_approver_is_audited_and_warned_of(event):
    said = run("event", "approvers", "race", "1").stdout
    assert said.startswith("One person alone can arm an alert of this event")
    assert AuditEntry.objects.get().detail == {"before": 2, "after": 1}
    armed = run("alert", "arm", "race", "cancel")
    assert armed.stdout.splitlines()[0] == "cancel is armed by ann@example.org."
    assert "One person alone can arm an alert" in armed.stdout


def test_status_shows_each_release_and_the_moment_of_its_press(event):
    entrants(event, 3)
    arm()
    run("alert", "send", "race", "cancel", "--confirm", "cancel")
    found = json.loads(run("status", "race", "--json", who="").stdout)
    released = {step["name"]: step for step in found["steps"] if step["name"].startswith("cancel#")}
    assert {name: step["counts"] for name, step in released.items()} == {
        "cancel#1-email": {"due": 3},
        "cancel#1-sms": {"due": 3},
    }
    assert {datetime.fromisoformat(step["due_at"]) for step in released.values()} == {DUE}
    assert found["stopped_alerts"] == {}


def test_an_alert_that_a_stopped_provider_holds_up_is_shown_in_red(event):
    entrants(event, 3)
    arm()
    run("alert", "send", "race", "cancel", "--confirm", "cancel")
    circuit.opened(Channel.EMAIL, "policy", "535 Wrong password.", DUE)
    said = run("status", "race", who="", color=True).stdout
    assert "\x1b[31m\x1b[1mALERTS WAIT: 3 by email have not left." in said
    assert "by sms have not left" not in said
