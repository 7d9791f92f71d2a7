"""A machine that stands still for longer than its lease in the middle of a block, and goes on as if nothing were."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from station import Station, wait_until

from chaos import SHARE
from chaos.stage import Found, campaign, leave, people, stage
from chaos.victims import connections

LEASE, SILENCE = 900.0, 600.0
"""Seconds: how long a block is its owner's, and how long after that its machine has to come back with its journal."""

SLOW = {"channel": "smtp", "kind": "slow", "stage": "dot", "seconds": 0.05}


def freeze(
    *,
    past_silence: bool,
    other_machine: bool,
    count: int = 400,
    patient: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """Stops the only email service in mid-block; another, here or on another machine, sends on meanwhile. It goes on
    after its lease, or when even its silence has made the block a doubt. Not `patient`: all waits a hundredth.

    Nobody gets anything twice; past the silence only whom a connection had in hand when it was stopped.
    """
    found = Found()
    unit = 1 if patient else 1 / SHARE
    standing = (LEASE + (SILENCE if past_silence else 0)) * unit + 4
    with stage({"PYTHONPATH": str(Path(__file__).parents[1])}, [SLOW]) as (station, sinks):
        station.app = "worker" if patient else "chaos.impatient"
        station.event()
        people(station, count)
        station.start("scheduler", "clock")
        station.env["AIDSTATION_HOME"] = str(_machine(station) if other_machine else station.home)
        (first,) = station.start("email")
        station.env["AIDSTATION_HOME"] = str(station.home)
        campaign(station, texts=False)
        wait_until(lambda: sinks.mail.arrived() > count // 10, 60)
        frozen = [psutil.Process(first.pid), *psutil.Process(first.pid).children(recursive=True)]
        _all(frozen, signal.SIGSTOP)
        stopped, in_hand = time.monotonic(), connections(frozen, sinks.mail.smtp_port)
        ((claimed,),) = station.sql("SELECT count(*) FROM outbox WHERE lease_until IS NOT NULL")
        found.demand(claimed > in_hand, f"only {claimed} were claimed: nothing was stopped in mid-block")
        say(f"stopped with {claimed} claimed and {in_hand} connections open, for {standing:.0f} s")
        station.start("email")
        time.sleep(max(0.0, stopped + standing - time.monotonic()))
        while_away = sinks.mail.arrived()
        _all(frozen, signal.SIGCONT)
        say(f"goes on; {while_away} of {count} have arrived")
        wait_until(lambda: settled(station), 120 * unit + 60, lambda: str(station.states()))
        time.sleep(1)
        arrived = Counter(email.recipient for email in sinks.each_email())
        found.demand(len(arrived) == count, f"{count - len(arrived)} got nothing")
        twice, allowed = sum(arrived.values()) - count, in_hand if past_silence else 0
        found.demand(twice <= allowed, f"{twice} got it twice, {allowed} may have")
        doubts = station.sql("SELECT count(*) FROM attempts WHERE outcome = 'doubtful'")[0][0]
        found.demand(doubts == 0 or past_silence, f"{doubts} doubts though it came back in time")
        found.demand(station.states()["sent"] == count, f"{station.states()}")
        found.figures |= {"claimed when it stopped": claimed, "arrived meanwhile": while_away, "twice": twice}
    leave(station, found.faults)
    return found


def settled(station: Station) -> bool:
    """Nothing is queued, claimed or in doubt."""
    return not station.sql(
        "SELECT 1 FROM outbox UNION SELECT 1 FROM deliveries WHERE state = 'uncertain' LIMIT 1"
    )


def _machine(station: Station) -> Path:
    """Another machine's home: the same secrets, its own journal."""
    other = station.home / "other"
    other.mkdir(mode=0o700)
    (other / "keys").symlink_to(station.home / "keys")
    return other


def _all(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)
