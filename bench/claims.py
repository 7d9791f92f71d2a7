"""How long a claim takes, and that nothing which waits in front of it or lies behind makes it slower."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from bench import people
from bench.report import Line
from bench.station import Station, soon, station

if TYPE_CHECKING:
    from campaigns import ledger
    from campaigns.ledger.marks import Marks

BLOCK = 100
CLAIMS = 200

LARGEST = 500
"""The largest claim of a drain."""

LEASE = timedelta(seconds=300)


@dataclass(frozen=True)
class Tenth:
    """A claim of the first or the last tenth, in milliseconds: the median by the clock, and Postgres's own processor
    time with the settle, which a busy machine changes least."""

    clock: float
    cpu: float


@dataclass(frozen=True)
class Claims:
    """Many claims: medians in milliseconds of all and of their settles, and the first beside the last."""

    claim: float
    settle: float
    first: Tenth
    last: Tenth


def run(rows: int, say: Callable[[str], None]) -> Iterator[Line]:
    """Claims and settles block by block in this process, in four situations, `rows` of them in the way."""
    with station() as aid:
        say("Nothing in the way")
        alone = _measured(aid, "alone")
        say(f"{rows:,} rows of a paused campaign in front")
        waiting = _opened(aid, "paused", rows, agreed=False)
        aid.command("campaign", "pause", "paused")
        paused = _measured(aid, "beside-paused")
        say(f"Passing over {rows:,} rows that may not be sent")
        aid.command("campaign", "resume", "paused")
        passing = _passed_over(aid, waiting, rows)
        say("An old snapshot held open")
        with psycopg.connect(aid.database.info.dsn) as old:
            old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            old.execute("SELECT count(*) FROM outbox")
            aged = _measured(aid, "beside-old")
    yield Line("rows", "Rows in the way", rows)
    yield Line("claim_ms", f"A claim of {BLOCK}", alone.claim, "ms")
    yield Line("settle_ms", "its settle", alone.settle, "ms", within=True)
    yield Line("paused_claim_ms", "With paused rows in front", paused.claim, "ms", "flat")
    yield from _flat("passed_over", f"Passing over {LARGEST}", passing)
    yield from _flat("old_snapshot", "With an old snapshot held open", aged)


def _flat(key: str, words: str, claims: Claims) -> Iterator[Line]:
    yield Line(f"{key}_claim_ms", f"{words}, the first tenth", claims.first.clock, "ms", "flat")
    yield Line(f"{key}_last_tenth_ms", "the last tenth", claims.last.clock, "ms", within=True)
    yield Line(f"{key}_cpu_ms", "Postgres, the first tenth", claims.first.cpu, "ms", "flat", within=True)
    yield Line(f"{key}_last_tenth_cpu_ms", "Postgres, the last tenth", claims.last.cpu, "ms", within=True)


def _opened(aid: Station, slug: str, count: int, *, agreed: bool = True) -> int:
    """A step whose moment has come, open for so many entrants; its id."""
    from campaigns import ledger

    people.seed(aid, aid.event(slug), count, agreed=agreed)
    step = aid.campaign(slug, "email", soon(-2))
    while not (opened := ledger.open_chunk(step, datetime.now(UTC))) or not opened.complete:
        pass
    for table in ("outbox", "deliveries"):
        aid.sql(f"VACUUM (ANALYZE) {table}")
    return step


def _measured(aid: Station, slug: str) -> Claims:
    """`CLAIMS` of them, each settled."""
    from campaigns.ledger.marks import Marks

    step, marks = _opened(aid, slug, BLOCK * CLAIMS), Marks()

    def once() -> tuple[float, float]:
        took, found = _claimed(step, BLOCK, marks)
        begun = time.perf_counter()
        _settle(found)
        return took, time.perf_counter() - begun

    return _repeated(aid, CLAIMS, once)


def _passed_over(aid: Station, step: int, rows: int) -> Claims:
    """Claims that find nobody they may send to, the largest that a drain makes, until there are no more."""
    from campaigns.ledger.marks import Marks

    marks = Marks()
    return _repeated(aid, rows // LARGEST, lambda: (_claimed(step, LARGEST, marks)[0], 0.0))


def _repeated(aid: Station, count: int, once: Callable[[], tuple[float, float]]) -> Claims:
    """Claims and settles `count` times."""
    tenth, times, used = count // 10, [], []
    for part in (tenth, count - 2 * tenth, tenth):
        before = aid.usage()["Postgres"].cpu
        times += [once() for _ in range(part)]
        used.append(aid.usage()["Postgres"].cpu - before)
    claims, settles = zip(*times, strict=True)
    first = Tenth(_median(claims[:tenth]), used[0] / tenth * 1000)
    last = Tenth(_median(claims[-tenth:]), used[-1] / tenth * 1000)
    return Claims(_median(claims), _median(settles), first, last)


def _median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) * 1000


def _claimed(step: int, limit: int, marks: "Marks") -> tuple[float, "ledger.Claim"]:
    """Looks for the step whose turn it is and claims a block, as a drain does; the seconds it took."""
    from campaigns import ledger
    from campaigns.models.words import Channel

    now = datetime.now(UTC)
    begun = time.perf_counter()
    if ledger.next_step(Channel.EMAIL, now, behind=marks.all()) != step:
        raise RuntimeError("It is another step's turn: nothing was measured.")
    claim = ledger.claim(
        Channel.EMAIL, step, now, limit=limit, lease=LEASE, holder="bench", behind=marks.of(step)
    )
    marks.note(step, claim.mark)
    return time.perf_counter() - begun, claim


def _settle(claim: "ledger.Claim") -> None:
    from campaigns import ledger
    from campaigns.models.words import Channel

    rows = [row for group in claim.groups for row in group]
    results = [ledger.Result(row.delivery, row.claim, row.carrier, "accepted") for row in rows]
    if len(results) != BLOCK:
        raise RuntimeError(f"A claim took {len(results)} and not {BLOCK}: nothing was measured.")
    ledger.settle(Channel.EMAIL, results, datetime.now(UTC))
