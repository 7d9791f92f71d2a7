"""Reports of a provider, so many a second, while a large send goes on: is any lost, and what does the send lose.

The send without them is made before and after: each send finds a larger database than the one before.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from bench import people, reporting, sinks
from bench.report import Line
from bench.station import Station, ahead, sleep_until, station
from campaigns.cli.processes import COMMANDS

REPORTED = 5_000
"""Mails of an earlier send that the reports are about."""

TAKERS = {"web": "web", "clock": "interpreting, by the clock", "Postgres": "Postgres"}
"""Who works for a report, and at what."""


@dataclass(frozen=True)
class Send:
    """One send: mails a second from its due moment, its step, and processor time in seconds by who used it."""

    per_s: float
    step: int
    cpu: dict[str, float]


def run(entrants: int, rate: float, email_rate: float | None, say: Callable[[str], None]) -> Iterator[Line]:
    """`rate` is in reports a second; `email_rate` the most mails a second, as a provider sets it, or None."""
    settings = {"EMAIL_ESP": "postmark", "ESP_WEBHOOK_SECRET": reporting.SECRET}
    settings |= {"EMAIL_RATE": str(email_rate)} if email_rate else {}
    with sinks.sink() as server, station(EMAIL_URL=server.url, **settings) as aid:
        port = reporting.free_port()
        say(f"Sending {REPORTED:,} mails that will be reported")
        codes = _codes(_send(aid, "reported", REPORTED, port).step)
        say(f"Sending {entrants:,} mails with nobody calling")
        before = _send(aid, "before", entrants, port)
        say(f"Sending {entrants:,} mails with {rate:,.0f} reports a second")
        called = _Calls(port, rate, codes)
        busy = _send(aid, "busy", entrants, port, called.begin, called.end)
        stored = aid.sql("SELECT count(*) FROM receipts")[0][0]
        waiting = aid.sql("SELECT count(*) FROM receipts WHERE interpreted_at IS NULL")[0][0]
        say(f"Sending {entrants:,} mails with nobody calling, once more")
        after = _send(aid, "after", entrants, port)
    quiet = (before.per_s + after.per_s) / 2
    told = called.told
    count, taken = sum(told.answers.values()), told.answers.get(204, 0)
    yield Line("entrants", "Entrants", entrants)
    yield Line("quiet_per_s", "Mails a second with nobody calling", quiet)
    yield Line("before_per_s", "before", before.per_s, within=True)
    yield Line("after_per_s", "after", after.per_s, within=True)
    yield Line("busy_per_s", "Mails a second under reports", busy.per_s)
    yield Line("kept", "Of the rate without", busy.per_s / quiet, "", "> 0.8")
    yield Line("asked_rate", "Reports a second, asked for", rate)
    yield Line("called_per_s", "Reports a second, answered", count / told.seconds, "", within=True)
    yield Line("answer_p95_ms", "An answer takes, 95 of 100", told.p95 * 1000, "ms", within=True)
    yield Line("taken", "Reports that were answered for", taken)
    yield Line("refused", "Reports that were not", count - taken, "", "0", within=True)
    yield Line("lost", "Answered for and not stored", taken - stored, "", "0")
    yield Line("waiting", "Not interpreted at the end", waiting, "", "0")
    alone = {name: (before.cpu[name] + after.cpu[name]) / 2 for name in before.cpu}
    costs = {name: (busy.cpu[name] - alone[name]) / max(count, 1) for name in TAKERS}
    costs["caller"] = told.cpu / max(count, 1)
    for name, words in (TAKERS | {"caller": "the caller, elsewhere in truth"}).items():
        yield Line(f"{name.lower()}_us", f"CPU a report: {words}", costs[name] * 1e6, "µs")
    each = sum(costs.values())
    yield Line("report_us", "CPU a report, all told", each * 1e6, "µs")
    yield Line(
        "report_cores", f"Of {os.cpu_count()} cores, so many reports take", each * count / told.seconds
    )
    mail = sum(alone.values()) / entrants
    yield Line("mail_us", "CPU a mail with nobody calling, the mail server aside", mail * 1e6, "µs")


def _send(
    aid: Station,
    slug: str,
    entrants: int,
    port: int,
    begin: Callable[[], None] = lambda: None,
    end: Callable[[], None] = lambda: None,
) -> Send:
    """One send by processes of its own; calls `begin` 2 s before its due moment and `end` after it.

    What came back is interpreted before the processes end.
    """
    people.seed(aid, aid.event(slug), entrants)
    aid.start("scheduler", "clock", "email")
    aid.supervisor.start("web", [*COMMANDS["web"], "--bind", f"127.0.0.1:{port}"])
    reporting.wait_for(port)
    due = ahead(entrants)
    step = aid.campaign(slug, "email", due)
    sleep_until(due - timedelta(seconds=2))
    before = aid.usage()
    begin()
    aid.wait_until_done(step)
    end()
    aid.wait(step, lambda: not aid.sql("SELECT 1 FROM receipts WHERE interpreted_at IS NULL LIMIT 1"))
    aid.check(step, {"sent": entrants})
    cpu = {name: used.cpu - before[name].cpu for name, used in aid.usage().items()}
    aid.stop_processes()
    return Send(_per_s(aid, step, due.timestamp()), step, cpu)


class _Calls:
    """The provider's process: told when to begin and to end."""

    told: reporting.Called

    def __init__(self, port: int, rate: float, codes: list[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=reporting.call, args=(theirs, port, rate, codes), daemon=True)

    def begin(self) -> None:
        self._process.start()

    def end(self) -> None:
        self._ours.send("stop")
        self.told = self._ours.recv()
        self._process.join()


def _per_s(aid: Station, step: int, due: float) -> float:
    [(count, last)] = aid.sql(
        "SELECT count(*), extract(epoch FROM max(sent_at))::float8 FROM deliveries"
        " WHERE step_id = %(step)s AND sent_at IS NOT NULL",
        step=step,
    )
    return float(count / (last - due))


def _codes(step: int) -> list[str]:
    from campaigns import attempt_code
    from campaigns.models import Delivery

    return [
        attempt_code.code_of(token, claim)
        for token, claim in Delivery.objects.filter(step=step).values_list("token", "claim")
    ]
