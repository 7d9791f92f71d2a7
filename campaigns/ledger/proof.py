"""What the reports on a delivery's attempts prove, taken together: the same whatever order they came in. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.models.receipts import Standing

_RANK = {standing: rank for rank, standing in enumerate(Standing)}
_FAILED = {Standing.AGAIN, Standing.NOT_DELIVERED, Standing.EXPIRED}


@dataclass(frozen=True, slots=True)
class Report:
    """One report on one attempt; `retry_after` in seconds where another try is worth it."""

    attempt: int
    standing: Standing
    retry_after: int = 0
    ref: str = ""


def proven(reports: Iterable[Report], last: int) -> Report | None:
    """The report that decides a delivery whose last hand-over was attempt `last`; None when nothing is proven.

    Within an attempt the highest standing counts: "delivered" beats a wrong "undelivered". An attempt that
    failed condemns the delivery only while no later one was made. A second failure that asks for another try
    is a failure.
    """
    best = _best_of_each(reports)
    if not best:
        return None
    highest = max(best.values(), key=_rank)
    if highest.standing == Standing.DELIVERED:
        return highest
    newest = best.get(max(last, *best))
    if newest is not None and newest.standing in _FAILED:
        return _failure(newest, best)
    return next((report for report in best.values() if report.standing == Standing.ON_ITS_WAY), None)


def _best_of_each(reports: Iterable[Report]) -> dict[int, Report]:
    best: dict[int, Report] = {}
    for report in sorted(reports, key=lambda report: (report.attempt, _rank(report), report.ref)):
        best[report.attempt] = report
    return best


def _failure(newest: Report, best: dict[int, Report]) -> Report:
    tried = sum(report.standing == Standing.AGAIN for report in best.values())
    if newest.standing == Standing.AGAIN and tried > 1:
        return Report(newest.attempt, Standing.NOT_DELIVERED, ref=newest.ref)
    return newest


def _rank(report: Report) -> int:
    return _RANK[report.standing]
