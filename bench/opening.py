"""How long it takes to open a step: from its moment until everyone it is for has a row in the ledger."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench import people
from bench.report import Line
from bench.station import ahead, sleep_until, station


def run(entrants: int, say: Callable[[str], None]) -> list[Line]:
    """By the clock's worker, in its pieces; nothing is sent meanwhile."""
    with station() as aid:
        say(f"Making {entrants:,} entrants")
        people.seed(aid, aid.event("opening"), entrants)
        aid.start("scheduler", "clock")
        due = ahead(entrants)
        step = aid.campaign("opening", "email", due)
        say("Opening")
        sleep_until(due)
        before = aid.usage()
        while aid.sql("SELECT first_opened_revision FROM steps WHERE id = %(step)s", step=step) == [(None,)]:
            time.sleep(0.1)
        seconds = (datetime.now(UTC) - due).total_seconds()
        used = {name: use - before[name] for name, use in aid.usage().items()}
        aid.check(step, {"due": entrants})
    return [
        Line("entrants", "Entrants", entrants),
        Line("seconds", "Opened after", seconds, "s", target="≤ 30 s for 1,000,000"),
        Line("rows_per_s", "Rows a second", entrants / seconds),
        Line("clock_cpu_s", "Processor time of the clock's worker", used["clock"].cpu, "s"),
        Line("postgres_cpu_s", "Processor time of Postgres", used["Postgres"].cpu, "s"),
        Line("peak_rss_mb", "Largest memory of the clock's worker", used["clock"].peak_rss_mb, "MB"),
    ]
