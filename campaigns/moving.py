"""What a move of the race would do to each step of its plan, before anybody confirms it. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from campaigns import clock, tallies
from campaigns.campaign import MOVABLE
from campaigns.ledger.moments import Field
from campaigns.models import Event, Step
from campaigns.models.words import StepKind, StepState


class Fate(StrEnum):
    """What becomes of a step."""

    MOVES = "moves"
    STAYS = "stays"
    """It was sent, and what was sent stays sent."""
    AT_ONCE = "at once"
    """Its new moment is past and it is still worth sending: it goes as soon as it is approved."""
    TOO_LATE = "too late"
    """Its new moment is so long past that nobody gets it."""
    OFF = "off"


@dataclass(frozen=True)
class Moved:
    """One step with its first moment now and after the move (UTC); None for an event without races."""

    step: Step
    was: datetime | None
    at: datetime | None
    fate: Fate
    again: bool = False
    """It stays, and whoever enters until its new moment gets it then."""

    @property
    def asks_again(self) -> bool:
        """Whether a standing approval ends."""
        return self.step.state in MOVABLE


def foresee_move(event: Event, day: date) -> list[Moved]:
    """Every timed step of the event's plan as it would be with the race on that day, in the order of then."""
    now, here = clock.now(), Field.of(event)
    there = Field(_on(event, day), here.races, here.waves)
    steps = list(Step.objects.filter(campaign__event=event, kind=StepKind.PLANNED).order_by("position"))
    sent = {step for step, tally in tallies.of(steps).items() if tallies.left_here(tally)}
    found = [_moved(step, here, there, now, sent=step.id in sent) for step in steps]
    return sorted(found, key=lambda one: one.at or now)


def approvals_that_end(event: Event) -> int:
    """How many steps, the catch-up for late entrants among them, would ask for approval again."""
    return Step.objects.filter(campaign__event=event, state__in=MOVABLE).exclude(kind=StepKind.ALERT).count()


def _on(event: Event, day: date) -> Event:
    """The event as if it were on that day; never saved."""
    values = {field.attname: getattr(event, field.attname) for field in event._meta.concrete_fields}
    return Event(**(values | {"date": day}))


def _moved(step: Step, here: Field, there: Field, now: datetime, *, sent: bool) -> Moved:
    before, after = here.moments(step, now), there.moments(step, now)
    if step.state == StepState.OFF:
        return Moved(step, before.first, after.first, Fate.OFF)
    if sent:
        again = after.first is not None and after.first > now
        return Moved(step, before.first, before.first, Fate.STAYS, again)
    if after.last and after.last <= now:
        return Moved(step, before.first, after.first, Fate.TOO_LATE)
    past = after.first is not None and after.first <= now
    return Moved(step, before.first, after.first, Fate.AT_ONCE if past else Fate.MOVES)
