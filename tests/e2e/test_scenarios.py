"""Small runs of the scenarios of `make chaos`: paused, frozen past a lease, and told to end."""

import signal
import time

import pytest
from chaos.freezing import SLOW, freeze
from chaos.opting_out import opt_out
from chaos.pausing import pause
from chaos.stage import campaign, leave, people, stage
from station import wait_until

pytestmark = pytest.mark.timeout(300)


def test_a_pause_and_unsubscribes_in_mid_send_hold_at_once_and_resume_finishes_it():
    assert pause(3_000, leavers=60, rate=250).faults == []


def test_one_click_and_stop_in_mid_send_hold_from_the_next_claim_on():
    assert opt_out(1_000, leavers=40, rate=100).faults == []


@pytest.mark.parametrize("other_machine", [False, True])
def test_a_process_frozen_past_its_lease_in_mid_block_doubles_nothing(other_machine):
    assert freeze(past_silence=False, other_machine=other_machine, patient=False).faults == []


def test_a_worker_told_to_end_in_mid_block_finishes_or_gives_back_and_leaves_no_doubt():
    with stage({}, [SLOW]) as (station, sinks):
        station.event()
        people(station, 600)
        station.start("scheduler", "clock")
        (worker,) = station.start("email")
        campaign(station, texts=False)
        wait_until(lambda: sinks.mail.arrived() > 60, 60)
        asked = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
        took, sent = time.monotonic() - asked, sinks.mail.arrived()
        assert worker.returncode == 0
        assert station.sql("SELECT count(*) FROM outbox WHERE lease_until IS NOT NULL") == [(0,)]
        assert station.sql("SELECT count(*) FROM attempts WHERE outcome <> 'accepted'") == [(0,)]
        assert station.states()["sent"] == sent < 600
        assert took < 20
        station.start("email")
        station.wait_until_settled(600, 120)
        assert sinks.mail.arrived() == 600
    leave(station, [])
