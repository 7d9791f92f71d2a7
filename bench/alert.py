"""An alert while a large send is under way: from the press to its first and its last mail."""

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from bench import people, sinks
from bench.report import Line
from bench.station import ahead, sleep_until, soon, station

ALERT = """
[[alert]]
name = "stop"
email = "bench-alert"
expires = "3 h"
"""

UNDER_WAY = 0.1
"""The part of the large send that is done when the alert is pressed."""


def run(entrants: int, bulk: int, say: Callable[[str], None]) -> Iterator[Line]:
    """Presses an alert to `entrants` of one event while `bulk` mails of another go out, no limit set."""
    with sinks.sink() as near, station(EMAIL_URL=near.url) as aid:
        people.seed(aid, aid.event("alerted"), entrants)
        aid.campaign("alerted", "email", soon(3600), more=ALERT)
        for who in ("ann@example.org", "bob@example.org"):
            aid.command("alert", "arm", "alerted", "stop", "--as", who)
        people.seed(aid, aid.event("bulk"), bulk)
        aid.start("scheduler", "clock", "email")
        due = ahead(bulk)
        step = aid.campaign("bulk", "email", due)
        say(f"Sending {bulk:,} mails")
        sleep_until(due)
        aid.wait_until_sent(step, int(bulk * UNDER_WAY))
        say(f"Pressing an alert to {entrants:,}")
        importlib.import_module("worker")  # which the command does while a person types the alert's name
        pressed = datetime.now(UTC)
        aid.command("alert", "send", "alerted", "stop", "--confirm", "stop", "--as", "ann@example.org")
        returned = datetime.now(UTC)
        [(alert,)] = aid.sql("SELECT id FROM steps WHERE kind = 'alert' AND name LIKE 'stop#%%'")
        aid.wait_until_sent(alert, entrants)
        [(first, last)] = aid.sql(_TIMES, step=alert)
        [(beside,)] = aid.sql(_BESIDE, step=step, pressed=pressed, last=last)
    yield Line("entrants", "Entrants", entrants)
    yield Line("bulk", "Mails of the large send", bulk)
    yield Line("pressed_s", "The press took", (returned - pressed).total_seconds(), "s")
    yield Line("first_s", "First mail after the press", (first - pressed).total_seconds(), "s", "≤ 1 s")
    yield Line("last_s", "Last mail after the press", (last - pressed).total_seconds(), "s", "≤ 10 s")
    yield Line("beside", "mails of the large send meanwhile", beside, within=True)


_TIMES = "SELECT min(sent_at), max(sent_at) FROM deliveries WHERE step_id = %(step)s AND state = 'sent'"

_BESIDE = (
    "SELECT count(*) FROM deliveries WHERE step_id = %(step)s AND sent_at BETWEEN %(pressed)s AND %(last)s"
)
