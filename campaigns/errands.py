"""Errands: preflights and rehearsals that pages ask for, run by a worker of their own. They change nothing of an event.

Redis only says that there is one: what is asked and what came of it stands in Postgres.
"""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F

from campaigns import approval, clock, rehearsal
from campaigns.campaign import CampaignError
from campaigns.models import Campaign, Errand, Event
from campaigns.models.words import ErrandKind
from campaigns.preflight import PreflightError, kept, look
from campaigns.rehearsal import RehearsalError, WhatIf

logger = logging.getLogger(__name__)

SILENT = {ErrandKind.PREFLIGHT: timedelta(minutes=3), ErrandKind.REHEARSAL: timedelta(minutes=30)}
"""After so long without a sign its process is taken for dead. A rehearsal gives none: meanwhile its connection writes
to nothing but its copy."""

NAMES_KEPT = timedelta(hours=24)
"""How long a report with names in it is kept."""

KEPT = timedelta(days=30)

LARGE = 20_000
"""Entrants of an event from which on a preflight from a page makes the messages of some a step, and not of all."""

PROGRESS = 0.5
"""Seconds between two notes of how far it is."""


def ask(event: Event, kind: ErrandKind, who: str, asked: dict[str, Any]) -> Errand:
    """Writes an errand down; whoever calls then wakes a worker. What is old goes meanwhile."""
    _prune(clock.now())
    return Errand.objects.create(event=event, kind=kind, asked_by=who, asked_at=clock.now(), asked=asked)


def waiting(now: datetime) -> list[int]:
    """Errands that nobody took within two seconds: Redis was away, or emptied. Served by errands_not_begun."""
    since = now - timedelta(seconds=2)
    return list(Errand.objects.filter(seen_at=None, asked_at__lte=since).values_list("id", flat=True)[:10])


def is_lost(errand: Errand, now: datetime) -> bool:
    """Whether the process that ran it has died."""
    return (
        errand.ended_at is None
        and errand.seen_at is not None
        and errand.seen_at < now - SILENT[ErrandKind(errand.kind)]
    )


def run(errand_id: int) -> None:
    """Runs an errand that nobody has taken yet, once; a second call does nothing."""
    if not Errand.objects.filter(id=errand_id, seen_at=None).update(seen_at=clock.now()):
        return
    errand = Errand.objects.select_related("event__organiser").get(id=errand_id)
    try:
        found = RUNS[ErrandKind(errand.kind)](errand)
    except (PreflightError, RehearsalError, CampaignError) as refused:
        found = {"problem": str(refused)}
    except Exception:
        logger.exception("errand", extra={"errand": errand_id})
        found = {
            "problem": "Something went wrong here, and the log says what: ask again, or tell whoever runs this."
        }
    Errand.objects.filter(id=errand_id).update(
        **found, done=F("total"), seen_at=clock.now(), ended_at=clock.now()
    )


def report_of(errand: Errand) -> bytes | None:
    """The page that it made, None when it made none or it is gone."""
    return gzip.decompress(errand.report) if errand.report else None


def _preflight(errand: Errand) -> dict[str, Any]:
    """Looks at the steps asked for, and notes what they and the plan were when it began."""
    campaign = Campaign.objects.filter(event=errand.event).first()
    if campaign is None:
        raise PreflightError("There is no plan any more.")
    seen = approval.note(campaign, errand.asked["steps"])
    most = approval.MADE if errand.event.entrants.count() > LARGE else None
    # Where all of them are approved it is a count of what they come to now.
    names = list(seen.steps) or errand.asked["steps"]
    report = look(errand.event, names, most=most, progress=_progress(errand))
    return {"result": {"seen": seen.plain(), "report": kept.plain(report)}}


def _rehearse(errand: Errand) -> dict[str, Any]:
    from campaigns.web import rehearsal_page  # the page is what is asked for

    asked = errand.asked.get("move_to")
    with _unlogged():
        found = rehearsal.rehearse(errand.event, WhatIf(move_to=date.fromisoformat(asked)) if asked else None)
    figures = {
        "emails": found.emails,
        "texts": found.texts,
        "segments": found.segments,
        "cost": None if found.cost is None else str(found.cost),
        "reached": found.reached,
        "people": len(found.people),
        "clashes": len(found.clashes),
        "tried": list(found.tried),
    }
    return {"result": figures, "report": gzip.compress(rehearsal_page.page(found).encode(), 6)}


RUNS: dict[ErrandKind, Callable[[Errand], dict[str, Any]]] = {
    ErrandKind.PREFLIGHT: _preflight,
    ErrandKind.REHEARSAL: _rehearse,
}


@contextmanager
def _unlogged() -> Iterator[None]:
    """What a rehearsal claims and settles must not stand in the log of what was sent. It is alone in its process."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _progress(errand: Errand) -> Callable[[int, int], None]:
    last = 0.0

    def note(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS:
            last = time.monotonic()
            Errand.objects.filter(id=errand.id).update(done=done, total=total, seen_at=clock.now())

    return note


def _prune(now: datetime) -> None:
    Errand.objects.filter(asked_at__lt=now - KEPT).delete()
    Errand.objects.filter(asked_at__lt=now - NAMES_KEPT).exclude(report=None).update(report=None)
