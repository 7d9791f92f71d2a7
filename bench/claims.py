"""How long a claim takes, and that nothing which waits in front of it or lies behind makes it slower."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from bench import people
from bench.report import Line
from bench.station import Station, soon, station

if TYPE_CHECKING:
    from campaigns import ledger

BLOCK = 100
CLAIMS = 200

LARGEST = 500
"""The largest claim of a drain."""

LEASE = timedelta(seconds=300)


@dataclass(frozen=True)
class Claims:
    """Milliseconds of a claim and its settle: medians of all, and of the claims of the first and the last tenth."""

    claim: float
    settle: float
    first_tenth: float
    last_tenth: float


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
        passing = _passed_over(waiting, rows)
        say("An old snapshot held open")
        with psycopg.connect(aid.database.info.dsn) as old:
            old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            old.execute("SELECT count(*) FROM outbox")
            aged = _measured(aid, "beside-old")
    yield Line("rows", "Rows in the way", rows)
    yield Line("claim_ms", f"A claim of {BLOCK}", alone.claim, "ms")
    yield Line("settle_ms", "its settle", alone.settle, "ms", within=True)
    yield Line("paused_claim_ms", "With paused rows in front", paused.claim, "ms", "flat")
    yield Line(
        "passed_over_claim_ms", f"Passing over {LARGEST}, the first tenth", passing.first_tenth, "ms", "flat"
    )
    yield Line("passed_over_last_tenth_ms", "the last tenth", passing.last_tenth, "ms", within=True)
    yield Line(
        "old_snapshot_claim_ms", "With an old snapshot, the first tenth", aged.first_tenth, "ms", "flat"
    )
    yield Line("old_snapshot_last_tenth_ms", "the last tenth", aged.last_tenth, "ms", within=True)


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
    step = _opened(aid, slug, BLOCK * CLAIMS)
    claims, settles = [], []
    for _ in range(CLAIMS):
        took, found = _claimed(step, BLOCK)
        begun = time.perf_counter()
        _settle(found)
        settles.append(time.perf_counter() - begun)
        claims.append(took)
    return _medians(claims, settles)


def _passed_over(step: int, rows: int) -> Claims:
    """Claims that find nobody they may send to, the largest that a drain makes, until there are no more."""
    return _medians([_claimed(step, LARGEST)[0] for _ in range(rows // LARGEST)], [0.0])


def _medians(claims: list[float], settles: list[float]) -> Claims:
    tenth = len(claims) // 10
    parts = claims, settles, claims[:tenth], claims[-tenth:]
    return Claims(*(statistics.median(part) * 1000 for part in parts))


def _claimed(step: int, limit: int) -> tuple[float, "ledger.Claim"]:
    """Looks for the step whose turn it is and claims a block, as a drain does; the seconds it took."""
    from campaigns import ledger
    from campaigns.models.words import Channel

    now = datetime.now(UTC)
    begun = time.perf_counter()
    if ledger.next_step(Channel.EMAIL, now) != step:
        raise RuntimeError("It is another step's turn: nothing was measured.")
    claim = ledger.claim(Channel.EMAIL, step, now, limit=limit, lease=LEASE, holder="bench")
    return time.perf_counter() - begun, claim


def _settle(claim: "ledger.Claim") -> None:
    from campaigns import ledger
    from campaigns.models.words import Channel

    rows = [row for group in claim.groups for row in group]
    results = [ledger.Result(row.delivery, row.claim, row.carrier, "accepted") for row in rows]
    if len(results) != BLOCK:
        raise RuntimeError(f"A claim took {len(results)} and not {BLOCK}: nothing was measured.")
    ledger.settle(Channel.EMAIL, results, datetime.now(UTC))
