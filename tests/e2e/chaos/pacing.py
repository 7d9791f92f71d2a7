"""A rate shared by two email services, measured at the mail server, and Redis restarted half-way."""

import os
import signal
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime

from station import wait_until

from chaos.stage import Found, campaign, leave, people, stage

WINDOW = 10.0
"""Seconds over which a rate is judged."""

TOLERANCE = 0.02


def rate(
    per_second: int = 200,
    seconds: int = 80,
    redis_away: float = 2.0,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """Sends at a rate for so many seconds; half-way Redis is killed and comes back. Over any ten seconds no more than
    the rate and two per cent, and no less while Redis is there."""
    found = Found()
    with stage({"EMAIL_RATE": str(per_second)}) as (station, sinks):
        count = per_second * seconds
        station.event()
        people(station, count)
        station.start("scheduler", "clock", "email", "email")
        campaign(station, texts=False)
        wait_until(lambda: sinks.mail.arrived() >= count // 2, 2 * seconds + 60)
        os.kill(int((station.home / "valkey.pid").read_text().split()[0]), signal.SIGKILL)
        gone = time.time()
        time.sleep(redis_away)
        station.restart_servers()
        say("Redis was killed and is back")
        wait_until(
            lambda: not station.sql("SELECT 1 FROM outbox LIMIT 1"),
            2 * seconds + 120,
            lambda: str(station.states()),
        )
        arrived = [email.arrived_at.timestamp() for email in sinks.each_email()]
        judge(found, arrived, per_second, gone)
        found.demand(len(arrived) == count, f"{len(arrived)} arrived, not {count}")
    leave(station, found.faults)
    return found


def judge(found: Found, arrived: Sequence[float], per_second: float, gone: float) -> None:
    """Holds every window against the rate: those that begin at an arrival, which any fullest window does."""
    arrived = sorted(arrived)
    counts = [(moment, bisect_left(arrived, moment + WINDOW) - n) for n, moment in enumerate(arrived)]
    whole = [(moment, count) for moment, count in counts if moment + WINDOW <= arrived[-1]]
    back = next((moment for moment in arrived if moment > gone + 0.5), arrived[-1])
    steady = [count for moment, count in whole if moment + WINDOW < gone or moment > back]
    most, least = max(count for _, count in counts), min(steady)
    found.figures |= {
        "most in 10 s": most,
        "least in 10 s with Redis there": least,
        "windows": len(whole),
        "first message after Redis was killed, s": f"{back - gone:.1f}",
        "began": datetime.fromtimestamp(arrived[0]).strftime("%H:%M:%S"),  # noqa: DTZ006
    }
    allowed, wanted = per_second * WINDOW * (1 + TOLERANCE), per_second * WINDOW * (1 - TOLERANCE)
    found.demand(most <= allowed, f"{most} in ten seconds, more than {allowed:.0f}")
    found.demand(least >= wanted, f"{least} in ten seconds, less than {wanted:.0f}")
