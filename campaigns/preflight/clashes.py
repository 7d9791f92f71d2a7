"""Too much for one person: steps too close together, too many texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from campaigns.models import Event
from campaigns.models.words import Channel, StepKind
from campaigns.preflight.findings import Finding, Severity
from campaigns.preflight.made import some
from campaigns.said import topic

if TYPE_CHECKING:
    from campaigns.preflight.running import Look

QUIET_UNTIL = timedelta(days=5)
"""Up to here before the race nobody is to get more than one email a week."""

WEEK = 7
MOST_TEXTS = 5


def between(looks: Sequence[Look], event: Event) -> Iterator[Finding]:
    """More than one email a week until five days before the race, and more than five texts to one person."""
    yield from _emails(looks, event)
    texts = Counter(entrant for one in _planned(looks) for entrant in set(one.reached.get(Channel.SMS, ())))
    many = [entrant for entrant, count in texts.items() if count > MOST_TEXTS]
    if many:
        words = f"More than {MOST_TEXTS} texts go to one person, up to {max(texts.values())}."
        yield Finding(Severity.WARNING, "many_texts", "", words, len(many), some(many))


def _emails(looks: Sequence[Look], event: Event) -> Iterator[Finding]:
    timed = sorted(
        (
            (one.figures.first.astimezone(event.zone).date(), one)
            for one in _planned(looks)
            if one.figures.first
        ),
        key=lambda pair: pair[0],
    )
    before = [pair for pair in timed if pair[0] < event.date - QUIET_UNTIL]
    for number, (later, second) in enumerate(before):
        to_second = set(second.reached.get(Channel.EMAIL, ()))
        close = {
            first.step.name: to_second & set(first.reached.get(Channel.EMAIL, ()))
            for day, first in before[:number]
            if (later - day).days < WEEK
        }
        if both := set().union(*close.values()):
            names = " and ".join(f"“{topic(name)}”" for name, people in close.items() if people)
            words = f"It comes by email within a week of {names}, to {len(both):,} of the same people."
            yield Finding(
                Severity.WARNING, "emails_a_week", second.step.name, words, len(both), some(list(both))
            )


def _planned(looks: Sequence[Look]) -> list[Look]:
    return [one for one in looks if one.step.kind == StepKind.PLANNED]
