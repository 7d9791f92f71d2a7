"""An alert with real processes: before everything else, by each channel, whatever hangs."""

import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from armed import EMAIL, TEXT, WORDS, block, write
from station import Station, a_step, wait_until

EVERYONE = ("scheduler", "clock", "email", "sms")
SOON = timedelta(seconds=3)
"""The aim is one second; this machine may have other work."""

pytestmark = pytest.mark.timeout(240)


def ready(station: Station, count: int, *steps: str) -> list[dict[str, str]]:
    """An event of `count` people, these steps on their way, and alerts armed by two."""
    station.event()
    people = station.entrants(count)
    folder = station.home / "templates"
    for name, words in WORDS.items():
        write(folder, name, words)
    (folder / "email" / "back-warm-up.md").write_text(
        EMAIL.format(name="tip", words="Warm up.").replace("service", "tips")
    )
    (folder / "sms" / "hydration.txt").write_text(
        TEXT.format(name="tip", words="Drink. {{ stop_url }}").replace("service", "tips")
    )
    plan = station.plan(*steps, *map(block, WORDS))
    station.command("campaign", "load", plan, "--event", "race", "--templates", str(folder))
    for who in ("ann@example.org", "bob@example.org"):
        station.command("alert", "arm", "race", "cancel", "--as", who)
    if steps:
        station.command("campaign", "approve", "race")
        station.command("campaign", "start", "race")
    return people


def press(station: Station, **more: str) -> datetime:
    """Sends the alert and returns when it was pressed, as the ledger has it."""
    words = [word for name, value in more.items() for word in (f"--{name}", value)]
    sent = station.json("alert", "send", "race", "cancel", "--confirm", "cancel", *words)
    return datetime.fromisoformat(sent["pressed_at"])


def alerts_by_email(station: Station) -> list:
    return [mail for mail in station.box.emails if "cancelled" in mail.message["Subject"]]


def alerts_by_text(station: Station) -> list:
    return [text for text in station.box.texts if "cancelled" in text.body]


def test_an_alert_overtakes_a_bulk_send_and_reaches_everyone_once(station):
    station.env["EMAIL_RATE"] = "50"
    station.start(*EVERYONE)
    people = ready(station, 600, a_step("tip"))
    wait_until(lambda: len(station.box.emails) > 20, 60)
    pressed = press(station)
    assert press(station) == pressed
    wait_until(lambda: len(alerts_by_email(station)) == len(alerts_by_text(station)) == 600, 60)
    for arrived in (alerts_by_email(station), alerts_by_text(station)):
        assert min(message.arrived_at for message in arrived) - pressed < SOON
    station.wait_until_settled(1_800)
    everyone = Counter(person["Email Address"] for person in people)
    assert Counter(mail.recipient for mail in alerts_by_email(station)) == everyone
    assert Counter(mail.recipient for mail in station.box.emails) == everyone + everyone
    tips = [mail.arrived_at for mail in station.box.emails if "Warm up" in mail.message["Subject"]]
    assert max(tips) > pressed, "the bulk send was over before the alert"
    last = max(mail.arrived_at for mail in alerts_by_email(station))
    between = [at for at in tips if pressed + SOON < at < last - SOON]
    assert not between, "tips took turns of the alert"


def test_with_every_tip_at_a_server_that_hangs_an_alert_goes_by_email_and_text(station):
    station.start(*EVERYONE)
    people = ready(station, 200, a_step("tip"))
    fault = station.box.faults.add("smtp", "hang", "dot", after=20)
    wait_until(lambda: fault.played > 0, 60)
    time.sleep(2)
    station.box.faults.clear()
    pressed = press(station)
    wait_until(lambda: len(alerts_by_email(station)) == len(alerts_by_text(station)) == len(people), 30)
    for arrived in (alerts_by_email(station), alerts_by_text(station)):
        assert min(message.arrived_at for message in arrived) - pressed < SOON


@pytest.mark.parametrize("hangs", ["smtp", "twilio"])
def test_an_alert_that_hangs_on_one_channel_goes_by_the_other(station, hangs):
    station.start(*EVERYONE)
    people = ready(station, 100)
    station.box.faults.add(hangs, "hang", "greeting" if hangs == "smtp" else "create")
    pressed = press(station)
    arrived = alerts_by_text if hangs == "smtp" else alerts_by_email
    wait_until(lambda: len(arrived(station)) == len(people), 30)
    assert min(message.arrived_at for message in arrived(station)) - pressed < SOON
    # The clock goes on as well: the tick marks the step done although the other channel's drains hang.
    wait_until(lambda: ("done",) in station.sql("SELECT state FROM steps WHERE kind = 'alert'"), 10)
