"""A broker that is lost in the middle of a send and comes back: nothing is lost, and sending goes on soon."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest
from station import ROOT, a_step, wait_until

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


def valkey(home) -> int:
    (found,) = [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if "valkey" in process.info["name"] and str(home) in " ".join(process.info["cmdline"] or ())
    ]
    return found
