"""One round: a station of its own, a send to everyone, its kills, its end, and what was found."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station import Station

from chaos.agreement import Verdict, compare
from chaos.stage import campaign, leave, people, run, stage
from chaos.victims import Kill, Killer, Toll, plan

LOOK = 0.05
"""Seconds between two looks at what has arrived."""

STALL = 40.0
"""Seconds without a message after which a round goes on with its next kill all the same: longer than the longest
wait of whoever lost Redis or a provider."""

REST = 240.0
"""Seconds that the last doubts may take after the last kill: a doubt rests for one minute before it is tried again."""


@dataclass(frozen=True)
class Size:
    """How much is sent in a round."""

    emails: int = 5_000
    texts: int = 1_000


@dataclass
class Report:
    """What a round came to."""

    seed: int
    kills: list[Kill]
    style: str
    toll: Toll = field(default_factory=Toll)
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0
    home: Path | None = None

    @property
    def faults(self) -> list[str]:
        return self.verdict.faults


STYLES: dict[str, dict[str, Any]] = {
    "paced": {"settings": {"EMAIL_RATE": "200", "SMS_RATE": "80"}},
    "slow server": {
        "settings": {"SMS_RATE": "80"},
        "mail": [{"channel": "smtp", "kind": "slow", "stage": "dot", "seconds": 0.02}],
    },
    "slow envelope": {
        "settings": {},
        "mail": [{"channel": "smtp", "kind": "slow", "stage": "rcpt", "seconds": 0.01}],
        "texts": [{"channel": "twilio", "kind": "slow", "stage": "create", "seconds": 0.4}],
    },
    "split replies": {
        "settings": {"SMS_RATE": "80"},
        "mail": [
            {"channel": "smtp", "kind": "split", "stage": "dot", "seconds": 0.0005},
            {"channel": "smtp", "kind": "merge", "stage": "mail", "seconds": 0.002},
        ],
    },
}
"""How a round sends: paced, or as fast as servers of several tempers take it."""


def play(
    seed: int, size: Size, kills: list[Kill] | None = None, say: Callable[[str], None] = lambda line: None
) -> Report:
    """Runs the round of this seed, with other kills if they are given. Its servers and processes are gone afterwards;
    its folder stays where it failed."""
    rng = random.Random(seed)
    style = rng.choice(list(STYLES))
    report = Report(seed, kills or plan(rng), style)
    begun = time.monotonic()
    with stage(**STYLES[style]) as (station, sinks):
        report.home = station.home
        station.event()
        people(station, size.emails, size.texts)
        campaign(station, texts=size.texts > 0)
        killer = Killer(station, sinks, rng, lambda: run(station))
        report.toll = killer.toll
        try:
            say("sending")
            _carry_out(report.kills, killer, size, say)
            say("all is back")
            _wait_for_the_end(station)
            say("settled")
            report.verdict = compare(station, sinks, killer.toll, size.emails, size.texts)
        except Exception as error:
            killer.come_back(now=True)
            report.verdict.faults.append(f"{type(error).__name__}: {error}")
    report.seconds = time.monotonic() - begun
    leave(station, report.faults)
    return report


def _carry_out(kills: list[Kill], killer: Killer, size: Size, say: Callable[[str], None]) -> None:
    """Each kill when its share of the messages has arrived, or nothing has arrived for long."""
    total, sinks = size.emails + size.texts, killer.sinks
    for kill in kills:
        seen, since = 0, time.monotonic()
        while (arrived := sinks.mail.arrived() + sinks.twilio.arrived()) < kill.at * total:
            if arrived > seen:
                seen, since = arrived, time.monotonic()
            if time.monotonic() - since > STALL:
                raise TimeoutError(
                    f"nothing arrived for {STALL:.0f} s, at {arrived} of {total} before {kill}"
                )
            killer.come_back()
            time.sleep(LOOK)
        before = Toll(killer.toll.mail, killer.toll.texts)
        killer.kill(kill)
        say(f"{kill}: {killer.toll.mail - before.mail} + {killer.toll.texts - before.texts} connections open")
    while killer.away:
        killer.come_back()
        time.sleep(LOOK)


def _wait_for_the_end(station: Station) -> None:
    """Until nothing is queued, claimed or in doubt; what is left after `REST` the comparison will name."""
    end = time.monotonic() + REST
    while time.monotonic() < end:
        open_states = station.sql("SELECT 1 FROM deliveries WHERE state IN ('due', 'uncertain') LIMIT 1")
        if not open_states and not station.sql("SELECT 1 FROM outbox LIMIT 1"):
            return
        time.sleep(0.5)
