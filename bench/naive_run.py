"""Runs the usual way (`naive`) on a station whose own processes rest, and says what it came to."""

import time
from dataclasses import dataclass

import click

from bench.station import Station

PATIENCE = 600.0


@dataclass(frozen=True)
class Naive:
    """Messages a second, from the first task queued to the last mail sent, and worker CPU (µs) for each."""

    per_s: float
    cpu_us: float


def measure(aid: Station, step: int, count: int) -> Naive:
    """Sends the step's mail to `count` of its entrants, by two worker processes."""
    from bench import naive

    aid.sql(naive.TABLE)
    entrants = aid.sql(
        "SELECT entrant_id FROM deliveries WHERE step_id = %(step)s ORDER BY 1 LIMIT %(n)s",
        step=step,
        n=count,
    )
    aid.supervisor.start("naive", naive.COMMAND)
    _wait(aid, entrants[:2], step)  # warm: both processes are up
    before, begun = aid.usage()["naive"].cpu, time.time()
    _wait(aid, entrants[2:], step)
    used = aid.usage()["naive"].cpu - before
    [(last,)] = aid.sql("SELECT extract(epoch FROM max(at))::float FROM naive_sent")
    aid.stop_processes()
    sent = len(entrants) - 2
    return Naive(sent / (last - begun), used / sent * 1e6)


def _wait(aid: Station, entrants: list[tuple[int]], step: int) -> None:
    from bench import naive

    [(already,)] = aid.sql("SELECT count(*) FROM naive_sent")
    for (entrant,) in entrants:
        naive.send.delay(entrant, step)
    end = time.monotonic() + PATIENCE
    while aid.sql("SELECT count(*) FROM naive_sent") < [(already + len(entrants),)]:
        if time.monotonic() > end:
            raise click.ClickException("The usual way did not end: nothing was measured.")
        time.sleep(0.1)
