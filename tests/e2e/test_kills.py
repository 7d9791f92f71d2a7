"""Killed in the middle of a send: nothing is lost, and at most the message in hand is sent twice."""

import os
import signal
import time
from collections import Counter

import psutil
import pytest
from station import a_step, wait_until

pytestmark = pytest.mark.timeout(300)


def test_killed_workers_lose_nothing_and_double_at_most_what_was_in_hand(station):
    station.event()
    people = station.entrants(2_000)
    station.env["EMAIL_RATE"] = "300"
    station.start("scheduler", "clock")
    (worker,) = station.start("email")
    station.campaign(a_step("tip"))
    open_connections = 0
    for share in (150, 500, 900):
        wait_until(lambda share=share: len(station.box.emails) > share, 60)
        for process in [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]:
            os.kill(process.pid, signal.SIGKILL)
            open_connections += 1
        worker.wait()
        wait_until(
            lambda: station.sql("SELECT count(*) FROM outbox WHERE lease_until IS NOT NULL") == [(0,)], 10
        )
        (worker,) = station.start("email")
    station.wait_until_settled(2_000, 150)
    received = Counter(email.recipient for email in station.box.emails)
    assert set(received) == {person["Email Address"] for person in people}
    assert sum(received.values()) - 2_000 <= open_connections
    twice = {address for address, count in received.items() if count > 1}
    same_id = Counter(email.message["Message-ID"] for email in station.box.emails if email.recipient in twice)
    assert all(count == 2 for count in same_id.values())
    time.sleep(1)
    assert list((station.home / "journal").glob("*.new")) == []
