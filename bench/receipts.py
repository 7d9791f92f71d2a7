"""Reports of a provider, so many a second, while a large send goes on: is any lost, and what does the send lose."""

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import timedelta

from bench import people, reporting, sinks
from bench.report import Line
from bench.station import Station, sleep_until, soon, station
from campaigns.cli.processes import COMMANDS

REPORTED = 5_000
"""Mails of an earlier send that the reports are about."""

LEAD = 6.0


def run(entrants: int, rate: float, say: Callable[[str], None]) -> Iterator[Line]:
    """`rate` is in reports a second."""
    settings = {"EMAIL_ESP": "postmark", "ESP_WEBHOOK_SECRET": reporting.SECRET}
    with sinks.sink() as server, station(EMAIL_URL=server.url, **settings) as aid:
        port = reporting.free_port()
        say(f"Sending {REPORTED:,} mails that will be reported")
        _, step = _send(aid, "reported", REPORTED)
        codes = _codes(step)
        say(f"Sending {entrants:,} mails with nobody calling")
        quiet, _ = _send(aid, "quiet", entrants, port=port)
        say(f"Sending {entrants:,} mails with {rate:,.0f} reports a second")
        busy, answers, seconds, p95 = _send_under_reports(aid, entrants, rate, port, codes)
        stored = aid.sql("SELECT count(*) FROM receipts")[0][0]
        waiting = aid.sql("SELECT count(*) FROM receipts WHERE interpreted_at IS NULL")[0][0]
    called = sum(answers.values())
    taken = answers.get(204, 0)
    yield Line("entrants", "Entrants", entrants)
    yield Line("quiet_per_s", "Mails a second with nobody calling", quiet)
    yield Line("busy_per_s", "Mails a second under reports", busy)
    yield Line("kept", "Of the rate without", busy / quiet, "", "> 0.8")
    yield Line("asked_rate", "Reports a second, asked for", rate)
    yield Line("called_per_s", "Reports a second, answered", called / seconds, "", within=True)
    yield Line("answer_p95_ms", "An answer takes, 95 of 100", p95 * 1000, "ms", within=True)
    yield Line("taken", "Reports that were answered for", taken)
    yield Line("refused", "Reports that were not", called - taken, "", "0", within=True)
    yield Line("lost", "Answered for and not stored", taken - stored, "", "0")
    yield Line("waiting", "Not interpreted at the end", waiting, "", "0")


def _send(aid: Station, slug: str, entrants: int, port: int | None = None) -> tuple[float, int]:
    """One send: mails a second from its due moment, and its step."""
    people.seed(aid, aid.event(slug), entrants)
    _start(aid, port)
    due = soon(LEAD)
    step = aid.campaign(slug, "email", due)
    sleep_until(due)
    aid.wait_until_done(step)
    aid.check(step, {"sent": entrants})
    aid.stop_processes()
    return _per_s(aid, step, due.timestamp()), step


def _send_under_reports(
    aid: Station, entrants: int, rate: float, port: int, codes: list[str]
) -> tuple[float, dict[int, int], float, float]:
    people.seed(aid, aid.event("busy"), entrants)
    _start(aid, port)
    due = soon(LEAD)
    step = aid.campaign("busy", "email", due)
    sleep_until(due - timedelta(seconds=2))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    caller = context.Process(target=reporting.call, args=(theirs, port, rate, codes), daemon=True)
    caller.start()
    aid.wait_until_done(step)
    ours.send("stop")
    answers, seconds, p95 = ours.recv()
    caller.join()
    aid.wait(step, lambda: not aid.sql("SELECT 1 FROM receipts WHERE interpreted_at IS NULL LIMIT 1"))
    aid.stop_processes()
    return _per_s(aid, step, due.timestamp()), answers, seconds, p95


def _start(aid: Station, port: int | None) -> None:
    aid.start("scheduler", "clock", "email")
    if port:
        aid.supervisor.start("web", [*COMMANDS["web"], "--bind", f"127.0.0.1:{port}"])
        reporting.wait_for(port)


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
