"""After the race: what was sent, delivered, not delivered and stopped, step by step; and both as files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from campaigns import clock, live, report, results
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.results import Result
from campaigns.web.organiser.bars import bar
from campaigns.web.organiser.door import page
from campaigns.web.organiser.live_page import topic_of
from campaigns.web.organiser.showing import show

PARTS = (
    ("delivered", "delivered", ("delivered",)),
    ("sent", "sent, and nothing more is known", ("sent",)),
    ("lost", "not delivered", ("bounced", "failed")),
    ("doubt", "waiting, held or in doubt", ("due", "claimed", "held", "uncertain", "unknown")),
    ("out", "left out", ("skipped",)),
)
"""The parts of a bar: its class, its words, and the states in it."""


@require_safe
@page(Power.SEE)
def report_page(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/report/`: what became of each step."""
    found = [one for one in results.results(member.event, clock.now()) if one.total]
    most = max((one.total for one in found), default=0)
    most_stopped = max((one.stopped for one in found), default=0)
    return show(
        request, member, "report.html",
        rows=[(one, topic_of(one.step), _bar(one, most)) for one in found],
        stops=[
            (one, topic_of(one.step), bar([("lost", one.stopped)], most_stopped)) for one in found if one.stopped
        ],
        parts=PARTS,
        entrants=sum(one.of(*live.REACHED) for one in found),
        sum_of=lambda *states: sum(one.messages(*states) for one in found),
        stopped=sum(one.stopped for one in found),
        counted_at=min((one.line.counted_at for one in found), default=None),
    )  # fmt: skip


@require_safe
@page(Power.SEE)
def steps_csv(_request: HttpRequest, member: Member) -> StreamingHttpResponse:
    """`/e/<slug>/report/steps.csv`: a row a step."""
    rows = results.table(results.results(member.event, clock.now()))
    return _csv(rows, f"{member.event.slug}-steps.csv")


@require_safe
@page(Power.SEE)
def deliveries_csv(_request: HttpRequest, member: Member) -> StreamingHttpResponse:
    """`/e/<slug>/report/deliveries.csv`: the whole ledger, a row a delivery, without names and addresses."""

    def rows() -> Iterator[list[Any]]:
        yield list(report.COLUMNS)
        for row in report.deliveries(member.event):
            yield list(row.values())

    return _csv(rows(), f"{member.event.slug}-deliveries.csv")


class _Line:
    """What the csv writer writes to: it gives back each line."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: Iterable[list[Any]], name: str) -> StreamingHttpResponse:
    """A file that leaves as it is read, however long it is."""
    writer = csv.writer(_Line())
    lines = (writer.writerow([results.plain_cell(cell) for cell in row]) for row in rows)
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _bar(one: Result, most: int) -> Any:
    return bar([(name, one.of(*states)) for name, _, states in PARTS], most)
