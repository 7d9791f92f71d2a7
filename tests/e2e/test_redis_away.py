"""A broker that is lost in the middle of a send and comes back: nothing is lost, and sending goes on soon."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest
import redis
from station import ROOT, a_step, wait_until

from campaigns.drain import SLICE

pytestmark = pytest.mark.timeout(240)


def test_a_killed_broker_that_comes_back_loses_nothing(station):
    station.event()
    people = station.entrants(1_500)
    station.campaign(a_step("tip"))
    running = subprocess.Popen(
        [sys.executable, "-m", "campaigns.cli", "run", "--bind", "127.0.0.1:0"],
        cwd=ROOT, env=station.env | {"EMAIL_RATE": "100"}, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    station.processes.append(running)
    wait_until(lambda: len(station.box.emails) > 100, 60)
    os.kill(valkey(station.home), signal.SIGKILL)
    time.sleep(14)
    sent_before = len(station.box.emails)
    assert sent_before < 1_400
    station.restart_servers()
    back = time.monotonic()
    wait_until(lambda: len(station.box.emails) > sent_before, 12)
    assert time.monotonic() - back < 12
    station.wait_until_settled(1_500)
    assert Counter(email.recipient for email in station.box.emails) == Counter(
        person["Email Address"] for person in people
    )


def test_workers_that_nobody_watches_take_up_work_again_by_themselves(station):
    """As in compose, where nothing but the worker itself knows that it has lost its way to Redis."""
    station.env["EMAIL_RATE"] = "200"
    station.event()
    station.entrants(3_000)
    station.start("scheduler", "clock", "email", "email")
    station.campaign(a_step("tip"))
    for moment in (800, 1_800):
        wait_until(lambda moment=moment: len(station.box.emails) > moment, 60)
        os.kill(valkey(station.home), signal.SIGKILL)
        # Longer than a slice: what runs ends, and what its worker had fetched behind it begins, with Redis away.
        time.sleep(SLICE + 1)
        station.restart_servers()
        wait_until(lambda: listening(station) == 3, 8, lambda: f"{listening(station)} of 3 listen")
    station.wait_until_settled(3_000)
    assert len({email.recipient for email in station.box.emails}) == len(station.box.emails) == 3_000


def listening(station) -> int:
    """How many workers wait for tasks, or did when last they had room for one."""
    clients = redis.Redis.from_url(station.redis_url).client_list()
    return sum(client["cmd"] == "brpop" for client in clients)


def valkey(home) -> int:
    (found,) = [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if "valkey" in process.info["name"] and str(home) in " ".join(process.info["cmdline"] or ())
    ]
    return found
