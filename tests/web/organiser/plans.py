"""Plans for tests of the organisers' pages."""

from __future__ import annotations

import gzip

from people import a_step, load

from campaigns import clock, errands
from campaigns.models import Campaign, Errand, Event, SignOff
from campaigns.models.words import ErrandKind

TWO = [
    a_step("tip", audience="adults and 10k"),
    a_step("race-morning", channel="sms", template="race-morning", when="start - 120 min", purpose="service"),
]
SEASON = [a_step(f"tip-{number}", when=f"{number * 2} days before, 10:00") for number in range(1, 36)]


def plan_of(event: Event, name: str = "two") -> Campaign:
    """The event's plan, made if it has none: "two" steps, or a "season" of thirty-five. Nothing is approved."""
    found = Campaign.objects.filter(event=event).first()
    return found or load(event, *(SEASON if name == "season" else TWO), catch_up=True)


def look_of(event: Event, state: str = "one", *names: str) -> Errand:
    """A preflight of what waits, as the page asks for one: "running", with something "wrong", or done."""
    found = Errand.objects.filter(event=event).first()
    if found:
        return found
    if state == "wrong":
        SignOff.objects.update(revoked_at=clock.now())
    asked = errands.ask(event, ErrandKind.PREFLIGHT, "ann@example.org", {"steps": list(names)})
    if state == "running":
        Errand.objects.filter(id=asked.id).update(seen_at=clock.now(), done=1_200, total=5_000)
    else:
        errands.run(asked.id)
    asked.refresh_from_db()
    return asked


def rehearsal_of(event: Event, state: str = "one") -> Errand:
    """A rehearsal as a page asked for one: "running", or with a report that a test need not wait for."""
    found = Errand.objects.filter(event=event, kind=ErrandKind.REHEARSAL).first()
    if found:
        return found
    asked = errands.ask(event, ErrandKind.REHEARSAL, "ann@example.org", {})
    asked.seen_at = clock.now()
    if state != "running":
        asked.ended_at, asked.report = clock.now(), gzip.compress(b"<!doctype html><title>Report</title>")
        asked.result = {
            "emails": 1, "texts": 1, "segments": 1, "cost": None, "reached": 1, "people": 1, "clashes": 0, "tried": [],
        }  # fmt: skip
    asked.save()
    return asked
