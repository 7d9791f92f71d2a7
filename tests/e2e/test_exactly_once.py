"""One message each, whatever happens to the broker, the processes and the plan in the middle of a send."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from station import LONDON, Station, a_step, wait_until

EVERYONE = ("scheduler", "clock", "email", "sms")

pytestmark = pytest.mark.timeout(240)


def received(station: Station) -> Counter[str]:
    return Counter(email.recipient for email in station.box.emails)


def assert_one_each(station: Station, people: list[dict[str, str]]) -> None:
    assert received(station) == Counter(person["Email Address"] for person in people)


def test_a_flushed_broker_loses_and_doubles_nothing(station):
    station.event()
    people = station.entrants(2_000)
    station.start(*EVERYONE)
    station.campaign(a_step("tip"))
    for share in (100, 600, 1_200):
        wait_until(lambda share=share: len(station.box.emails) > share, 60)
        station.flush_redis()
    assert len(station.box.emails) < 2_000
    station.wait_until_settled(2_000)
    assert_one_each(station, people)


def test_two_schedulers_and_two_workers_send_one_each(station):
    station.event()
    people = station.entrants(1_000)  # as many numbers as Ofcom sets aside for drama
    station.start(*EVERYONE, *EVERYONE)
    station.campaign(a_step("tip"), a_step("text", "sms", "hydration"))
    station.wait_until_settled(2_000, 120)
    assert_one_each(station, people)
    assert Counter(text.to for text in station.box.texts) == Counter(
        person["Phone Number"] for person in people
    )
    ids = [email.message["Message-ID"] for email in station.box.emails]
    assert len(set(ids)) == len(ids)


def test_with_the_mail_server_hung_texts_go_and_the_clock_is_punctual(station):
    station.event()
    people = station.entrants(50)
    station.start(*EVERYONE)
    station.box.faults.add("smtp", "hang", stage="greeting")
    next_minute = datetime.now(LONDON).replace(second=0, microsecond=0) + timedelta(minutes=1)
    if next_minute - datetime.now(LONDON) < timedelta(seconds=20):
        next_minute += timedelta(minutes=1)
    station.campaign(a_step("tip"), a_step("text", "sms", "hydration", at=next_minute))
    station.box.wait_for(texts=50, timeout=100)
    first = min(text.arrived_at for text in station.box.texts)
    assert first.timestamp() - next_minute.timestamp() < 2
    assert len(station.box.texts) == len(people)
    assert station.box.emails == []
