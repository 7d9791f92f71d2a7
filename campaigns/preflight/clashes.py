"""Too much for one person: emails at once or too close together, too many texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
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
    """Emails that leave together, more than one a week until five days before the race, more than five texts."""
    emails = sorted(_emailed(looks), key=_moment)
    days = {one.step.id: _moment(one).astimezone(event.zone).date() for one in emails}

    def in_a_week(first: Look, second: Look) -> bool:
        later = days[second.step.id]
        return later < event.date - QUIET_UNTIL and (later - days[first.step.id]).days < WEEK

    for number, second in enumerate(emails):
        before = emails[:number]
        yield from _both(second, [one for one in before if _at_once(one, second)], "at_once", AT_ONCE)
        apart = [one for one in before if not _at_once(one, second) and in_a_week(one, second)]
        yield from _both(second, apart, "emails_a_week", IN_A_WEEK)
    yield from _texts(looks)


AT_ONCE = "It leaves in the same minute as {names}, so {people} two emails at once. Move it to later, or switch it off."
IN_A_WEEK = "It leaves within a week of {names}, and {people} both. One email a week is read best."


def _both(second: Look, firsts: Sequence[Look], code: str, words: str) -> Iterator[Finding]:
    to_second = set(second.reached[Channel.EMAIL])
    shared = {one.step.name: to_second & set(one.reached[Channel.EMAIL]) for one in firsts}
    if both := set().union(*shared.values()):
        names = " and ".join(f"“{topic(name)}”" for name, people in shared.items() if people)
        people = "1 person gets" if len(both) == 1 else f"{len(both):,} people get"
        said = words.format(names=names, people=people)
        yield Finding(Severity.WARNING, code, second.step.name, said, len(both), some(list(both)))


def _texts(looks: Sequence[Look]) -> Iterator[Finding]:
    texts = Counter(entrant for one in _planned(looks) for entrant in set(one.reached.get(Channel.SMS, ())))
    many = [entrant for entrant, count in texts.items() if count > MOST_TEXTS]
    if many:
        words = f"More than {MOST_TEXTS} texts go to one person, up to {max(texts.values())}."
        yield Finding(Severity.WARNING, "many_texts", "", words, len(many), some(many))


def _emailed(looks: Sequence[Look]) -> list[Look]:
    return [one for one in _planned(looks) if one.figures.first and one.reached.get(Channel.EMAIL)]


def _moment(one: Look) -> datetime:
    assert one.figures.first is not None
    return one.figures.first


def _at_once(first: Look, second: Look) -> bool:
    """Whether all their emails leave in the same minutes: those of steps whose moment has passed leave now."""
    return _minutes(first) == _minutes(second)


def _minutes(one: Look) -> set[datetime]:
    return {
        tally.leaves_at.replace(second=0, microsecond=0)
        for tally in one.tallies
        if tally.is_sent and tally.channel == Channel.EMAIL
    }


def _planned(looks: Sequence[Look]) -> list[Look]:
    return [one for one in looks if one.step.kind == StepKind.PLANNED]
