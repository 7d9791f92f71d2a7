"""What is worth a look before approval, from a rehearsal's figures: one sentence each."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from campaigns.rehearsal.figures import Clash, Line, Rehearsal
from campaigns.rehearsal.words import topic

QUIET_UNTIL_RACE_WEEK = timedelta(days=5)
"""Up to here before the race nobody is to get more than one email a week."""

MOST_TEXTS = 5
TOO_CLOSE = timedelta(hours=2)
WEEK = 7

WAITS = {
    "minor": "Children wait for a person to say who their guardian is",
    "missing_value": "Messages wait for a person, because a value is missing",
}


def clashes(found: Rehearsal) -> list[Clash]:
    """The more people it touches, the further in front."""
    every = [*_waiting(found), *_of_steps(found), *_of_people(found)]
    return sorted(every, key=lambda clash: -clash.people)


def _of_steps(found: Rehearsal) -> Iterator[Clash]:
    for step in found.steps:
        if step.kind == "planned" and not step.people:
            late = step.left_out["too_late"]
            why = f": it is too late for all {late:,} of them" if late else ""
            yield Clash(f"{topic(step.name)} reaches nobody{why}.", late)
        if step.most_segments > 1:
            yield Clash(f"{topic(step.name)} takes up to {step.most_segments} segments a text.", step.texts)
        if step.late:
            hours = step.latest_arrival.total_seconds() / 3600
            yield Clash(
                f"{topic(step.name)} arrives after its moment, up to {_hours(hours)} late.", step.late
            )


def _waiting(found: Rehearsal) -> Iterator[Clash]:
    """What a person must see to, once for each cause: it mostly touches the same people in step after step."""
    for reason, words in WAITS.items():
        steps = [step for step in found.steps if step.left_out[reason]]
        if steps:
            names = ", ".join(topic(step.name) for step in steps)
            people = max(step.left_out[reason] for step in steps)
            yield Clash(f"{words} (in {names}).", people)


def _hours(hours: float) -> str:
    return (
        f"{hours * 60:.0f} minutes"
        if hours < 1
        else f"{hours:.0f} hours"
        if hours >= 2
        else f"{hours:.1f} hours"
    )


def _of_people(found: Rehearsal) -> Iterator[Clash]:
    often: Counter[tuple[str, str]] = Counter()
    close: Counter[tuple[str, str]] = Counter()
    many = nothing = 0
    for person in found.people:
        received = person.received
        often.update(_within_a_week(received, found))
        close.update(_close_together(received))
        many += sum(line.channel == "sms" for line in received) > MOST_TEXTS
        nothing += not received and person.status == "confirmed"
    for (one, other), count in often.items():
        yield Clash(f"{topic(one)} and {topic(other)} come by email in one week.", count)
    for (one, other), count in close.items():
        yield Clash(f"{topic(one)} and {topic(other)} come within two hours of each other.", count)
    if many:
        yield Clash(f"Some get more than {MOST_TEXTS} texts.", many)
    if nothing:
        yield Clash("Some confirmed entrants get nothing at all.", nothing)


def _within_a_week(received: list[Line], found: Rehearsal) -> set[tuple[str, str]]:
    """Pairs of emails less than seven days apart, before the week of the race."""
    race_week = found.day - QUIET_UNTIL_RACE_WEEK
    days = [(line.at.astimezone(found.zone).date(), line) for line in received if line.channel == "email"]
    before = [(day, line) for day, line in days if day < race_week]
    return {
        (first.step, second.step)
        for (one, first), (other, second) in pairwise(before)
        if (other - one).days < WEEK
    }


def _close_together(received: list[Line]) -> set[tuple[str, str]]:
    return {
        (first.step, second.step) for first, second in pairwise(received) if second.at - first.at < TOO_CLOSE
    }
