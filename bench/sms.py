"""Texts by one worker service to a stand-in for Twilio that answers late, with a limit or without one."""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from urllib.request import urlopen

from bench import lean_twilio, people
from bench.report import Line
from bench.sinks import child
from bench.station import ahead, sleep_until, station

WINDOW = 10.0
"""Seconds over which a limit is looked at."""


def run(count: int, latency: float, rate: float | None, say: Callable[[str], None]) -> Iterator[Line]:
    """`latency` in seconds, `rate` in texts a second; None is no limit."""
    with child(lean_twilio.serve, latency) as (port, _):
        address = f"http://127.0.0.1:{port}"
        limit = {"SMS_RATE": str(rate)} if rate else {}
        with station(TWILIO_BASE_URL=address, **limit) as aid:
            people.seed(aid, aid.event("texts"), count, "sms")
            aid.start("scheduler", "clock", "sms")
            due = ahead(count)
            step = aid.campaign("texts", "sms", due)
            say(f"Sending {count:,} texts, {latency * 1000:.0f} ms each")
            sleep_until(due)
            before = aid.usage()
            aid.wait_until_done(step)
            used = {name: use - before[name] for name, use in aid.usage().items()}
            aid.check(step, {"sent": count})
        came = _came(address)
    yield Line("texts", "Texts", len(came))
    yield Line("latency_ms", "An answer takes", latency * 1000, "ms")
    yield Line(
        "texts_per_s", "Texts a second, first to last", (len(came) - 1) / (came[-1] - came[0]), "", "≥ 400"
    )
    yield Line("worker_cpu_us_per_text", "Worker CPU a text", used["sms"].cpu / count * 1e6, "µs")
    yield Line("postgres_cpu_us_per_text", "CPU a text: Postgres", used["Postgres"].cpu / count * 1e6, "µs")
    yield Line("peak_rss_mb", "Largest memory of the worker", used["sms"].peak_rss_mb, "MB", "≤ 120 MB")
    if rate:
        most, allowed = _most_in_a_window(came), rate * WINDOW
        yield Line("rate", "Limit", rate, "/s")
        yield Line("most_in_10_s", "Most in any 10 s", most, "", f"≤ {allowed * 1.02:,.0f}")
        yield Line("share_of_rate", "of what the limit allows", most / allowed, "", "≤ 1.02", within=True)


def _came(address: str) -> list[float]:
    with urlopen(address) as answer:  # noqa: S310 - our own stand-in on this machine
        came: list[float] = json.load(answer)
    return came


def _most_in_a_window(came: Sequence[float]) -> int:
    return max(bisect_left(came, moment + WINDOW) - number for number, moment in enumerate(came))
