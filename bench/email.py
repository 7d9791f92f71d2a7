"""Emails end to end: from a step's due moment to the last mail that the ledger has as sent, by the real processes.

Beside it in the same run: the usual way (`naive`), the mail server's own limit (`ceiling`), and where the time goes
(`sampled_worker`, in a pass of its own).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bench import ceiling, moments, naive_run, people, sinks, usage
from bench.ceiling import Ceiling
from bench.naive_run import Naive
from bench.report import Line
from bench.sinks import Sink
from bench.stages import shares
from bench.station import Station, ahead, sleep_until, station
from bench.usage import Usage

SAMPLED = 20_000
"""Most entrants of the pass that looks where the time goes."""

NAIVE = 1_500


@dataclass(frozen=True)
class Send:
    """One send of one step to everyone. Times in seconds; processor time by who used it, in µs a message."""

    entrants: int
    seconds: float
    first_after: float
    steady_per_s: float
    peak_rss_mb: float
    cpu_us: Mapping[str, float]

    @property
    def per_s(self) -> float:
        return self.entrants / self.seconds


@dataclass(frozen=True)
class Far:
    """The same mail server twice: near by, and `delay` seconds a round trip away."""

    delay: float
    near: Send
    send: Send


@dataclass(frozen=True)
class Result:
    """All of one run."""

    sink: str
    octets: int
    send: Send
    far: Far | None
    stages_us: Mapping[str, float]
    late_p99: float
    naive: Naive
    ceiling: Ceiling

    def lines(self) -> Iterator[Line]:
        """Every figure; `messages_per_s` to `peak_rss_mb` are keys that scripts rely on."""
        send, usual, most = self.send, self.naive, self.ceiling
        yield Line("sink", "Mail server", self.sink)
        yield Line("entrants", "Entrants", send.entrants)
        yield Line("octets", "Octets a mail", self.octets)
        yield Line("messages_per_s", "Mails a second, first due to last accepted", send.per_s)
        yield Line(
            "steady_messages_per_s", "between the first and the last tenth", send.steady_per_s, within=True
        )
        yield Line("naive_messages_per_s", "One task a recipient", usual.per_s, "/s", within=True)
        yield Line("ratio_to_naive", "Against one task a recipient", send.per_s / usual.per_s, "×", "≥ 20 ×")
        yield Line("ceiling_messages_per_s", most.client, most.per_s, "/s", within=True)
        yield Line("ratio_to_ceiling", "Against the server's own limit", send.per_s / most.per_s, "", "≥ 0.4")
        yield Line("worker_cpu_us_per_message", "Worker CPU a mail", send.cpu_us["email"], "µs", "≤ 250 µs")
        for stage, used in self.stages_us.items():
            yield Line(f"{_key(stage)}_us", stage, used, "µs", within=True)
        for name, used in send.cpu_us.items():
            if name != "email":
                yield Line(f"{_key(name)}_cpu_us_per_message", f"CPU a mail: {name}", used, "µs")
        yield Line("naive_cpu_us_per_message", "CPU a mail: one task a recipient", usual.cpu_us, "µs")
        yield Line("peak_rss_mb", "Largest memory of a worker process", send.peak_rss_mb, "MB", "≤ 120 MB")
        yield Line("first_message_s", "First mail after its moment", send.first_after, "s")
        yield Line("late_p99_s", f"p99 of {moments.COUNT} moments", self.late_p99, "s", "≤ 2 s", within=True)
        if self.far:
            yield from self._far_lines(self.far)

    def _far_lines(self, far: Far) -> Iterator[Line]:
        share = far.send.per_s / far.near.per_s
        words = f"Mails a second with {far.delay * 1000:.0f} ms a round trip"
        yield Line("far_messages_per_s", words, far.send.per_s)
        yield Line("lean_messages_per_s", "the same server without", far.near.per_s, within=True)
        yield Line("ratio_of_far", "Against the same server without", share, "", "> 0.8")


def run(entrants: int, delay: float, connections: int, say: Callable[[str], None]) -> Result:
    """Measures everything; `delay` is in seconds, `connections` are those of a process to the server far away.

    `say` is told what is being done.
    """
    with sinks.sink() as near, station(EMAIL_URL=near.url) as aid:
        say(f"Sending {entrants:,} mails to {near.name}")
        send, step = _send(aid, near, "send", entrants)
        octets = _octets(step)
        say("The mail server's own limit")
        # Right after the send: minutes later a shared machine is another one.
        most = ceiling.measure(near, octets)
        say("The first message after its due moment, over and over")
        late = moments.late_p99(aid)
        say("Where the time goes")
        sampled = min(entrants, SAMPLED)
        _send(aid, near, "sampled", sampled, worker="bench.sampled_worker")
        stages = {stage: part * send.cpu_us["email"] for stage, part in shares(aid.home).items()}
        say("The usual way: one task a recipient")
        usual = naive_run.measure(aid, step, NAIVE)
        far = _far(aid, entrants, delay, connections, say) if delay else None
    return Result(near.name, octets, send, far, stages, late, usual, most)


def _far(aid: Station, entrants: int, delay: float, connections: int, say: Callable[[str], None]) -> Far:
    """Both by the lean server: smtp-sink cannot answer late."""
    sends = []
    for name, wait in (("lean", 0.0), ("far", delay)):
        with sinks.lean(delay=wait) as server:
            aid.configure(EMAIL_URL=server.url)
            if wait:
                aid.configure(EMAIL_CONNECTIONS=str(connections))
            say(f"Sending {entrants:,} mails to {server.name}, {wait * 1000:.0f} ms away")
            sends.append(_send(aid, server, name, entrants)[0])
    return Far(delay, *sends)


def _send(aid: Station, sink: Sink, slug: str, entrants: int, worker: str = "worker") -> tuple[Send, int]:
    """One send by processes of its own; what it took, and its step."""
    people.seed(aid, aid.event(slug), entrants)
    aid.start("scheduler", "clock", "email", worker=worker)
    due = ahead(entrants)
    step = aid.campaign(slug, "email", due)
    sleep_until(due)
    before = aid.usage() | {"sink": usage.of(sink.pid)}
    aid.wait_until_done(step)
    after = aid.usage() | {"sink": usage.of(sink.pid)}
    aid.check(step, {"sent": entrants})
    aid.stop_processes()
    return _sent(aid, step, due, {name: after[name] - before[name] for name in after}), step


def _sent(aid: Station, step: int, due: datetime, used: Mapping[str, Usage]) -> Send:
    [(count, first, tenth, ninetieth, last)] = aid.sql(_TIMES, step=step)
    return Send(
        entrants=count,
        seconds=(last - due).total_seconds(),
        first_after=(first - due).total_seconds(),
        steady_per_s=0.8 * count / max((ninetieth - tenth).total_seconds(), 1e-6),
        peak_rss_mb=used["email"].peak_rss_mb,
        cpu_us={name: use.cpu / count * 1e6 for name, use in used.items()},
    )


_TIMES = """
SELECT count(*), min(sent_at), percentile_disc(0.1) WITHIN GROUP (ORDER BY sent_at),
    percentile_disc(0.9) WITHIN GROUP (ORDER BY sent_at), max(sent_at)
FROM deliveries WHERE step_id = %(step)s AND state = 'sent'"""


def _octets(step_id: int) -> int:
    """How large the mails of a step are."""
    from bench.rendering import an_entrant
    from campaigns import clock, rendering
    from campaigns.models import Step
    from campaigns.models.words import Channel

    step = Step.objects.select_related("campaign__event__organiser", "version").get(id=step_id)
    return len(rendering.message_of(step, Channel.EMAIL).finished_email([an_entrant(1)], clock.now()).data)


def _key(words: str) -> str:
    return "_".join(words.lower().replace(",", "").split())
