"""Runs a preflight: counts, makes and times every message of a plan, step by step."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from campaigns import campaign as plans
from campaigns import clock, ledger, rendering
from campaigns.ledger.moments import Field
from campaigns.models import Campaign, Event, Step, Version
from campaigns.models.words import Channel, StepKind, StepState
from campaigns.people import why_held
from campaigns.preflight import checks, clashes, timing
from campaigns.preflight.findings import Report, Severity, StepFigures
from campaigns.preflight.made import Made, groups, make_all

NO_MOBILE = ("no_address", "not_mobile")
"""Verdicts on a text to somebody who has no number that can be texted."""

Progress = Callable[[int, int], None]
"""Told how many messages are made, of how many."""


def silent(done: int, total: int) -> None:
    """Progress that nobody looks at."""


class PreflightError(Exception):
    """One sentence for a person: why there is nothing to look at, and what to do."""


@dataclass
class Look:
    """One step while it is looked at: what is counted, what was made, whom it reaches."""

    step: Step
    versions: dict[str, Version]
    figures: StepFigures
    tallies: list[ledger.Tally]
    made: Made = field(default_factory=Made)
    reached: dict[str, array[int]] = field(default_factory=dict)
    """By channel, the ids of those who get it."""
    why_held: list[str] = field(default_factory=list)
    jobs: list[timing.Job] = field(default_factory=list)

    @property
    def messages(self) -> int:
        return sum(tally.messages for tally in self.tallies if tally.is_sent)


def look(
    event: Event,
    names: Sequence[str] = (),
    *,
    most: int | None = None,
    ask_dns: bool = True,
    progress: Progress = silent,
) -> Report:
    """Looks at all steps of the event's plan that are not off, or at those named.

    `most` makes the messages of so many entrants a step instead of everyone's, and then neither the sender nor
    clashes between steps are looked at. Raises PreflightError when there is no plan, or no such step.
    """
    found = Campaign.objects.filter(event=event).first()
    if found is None:
        raise PreflightError(
            f"Event '{event.slug}' has no plan yet: run `aidstation campaign load FILE --event {event.slug}`."
        )
    now, place = clock.now(), Field.of(event)
    looks = [_begin(step, place, now) for step in _steps(found, names)]
    _note_audiences(event, looks)
    _make(looks, now, most, progress)
    _time(looks)
    report = Report(event.slug, event.name, event.timezone, event.date, now, [one.figures for one in looks])
    report.price = settings.SMS_PRICE
    report.findings = [finding for one in looks for finding in checks.of_step(one, place, now)]
    if most is None:
        report.findings += [*clashes.between(looks, event), *checks.of_sender(looks, ask_dns=ask_dns)]
    report.findings.sort(key=lambda finding: list(Severity).index(finding.severity))
    return report


def _steps(found: Campaign, names: Sequence[str]) -> list[Step]:
    steps = found.steps.exclude(state=StepState.OFF).exclude(kind=StepKind.ALERT)
    if names:
        known = set(steps.values_list("name", flat=True))
        if unknown := [name for name in names if name not in known]:
            raise PreflightError(
                f"There is no step '{unknown[0]}' to look at: there are {', '.join(sorted(known))}."
            )
        steps = steps.filter(name__in=names)
    return list(
        steps.select_related(
            "campaign__event__organiser",
            "template",
            "fallback_template",
            "version__template__event",
            "fallback_version__template__event",
        )
    )


def _begin(step: Step, place: Field, now: datetime) -> Look:
    tallies = ledger.tally(step, now)
    figures = StepFigures(step.name, step.kind, step.channel, step.purpose, step.state)
    figures.audience_at_approval = step.approved_audience
    if step.kind == StepKind.PLANNED:
        figures.first = place.moments(step, now).first
    return Look(step, versions(step), figures, tallies)


def versions(step: Step) -> dict[str, Version]:
    """The words that would be sent, by channel: the approved ones while they stand, else the newest."""
    standing = step.state in plans.MOVABLE and step.approved_hash == step.content_hash
    bound = [step.version, step.fallback_version] if standing else plans.versions_to_approve(step)
    return {version.template.channel: version for version in bound if version}


def _note_audiences(event: Event, looks: list[Look]) -> None:
    steps = [one.step for one in looks]
    held = why_held(event)
    crowds, before = ledger.audience_crowds(event, steps), ledger.went_to(steps)
    for one in looks:
        crowd = crowds[one.step.id]
        one.why_held = held
        one.figures.audience, one.figures.ready, one.figures.unguarded = (
            crowd.size,
            crowd.ready,
            crowd.waiting,
        )
        one.figures.went_before = before.get(one.step.id, 0)


def _make(looks: list[Look], now: datetime, most: int | None, progress: Progress) -> None:
    total = sum(min(one.messages, most or one.messages) for one in looks)
    done = 0

    def note(count: int) -> None:
        nonlocal done
        done += count
        progress(min(done, total), total)

    progress(0, total)
    for one in looks:
        messages = {
            channel: rendering.message_of(one.step, Channel(channel), version.id)
            for channel, version in one.versions.items()
        }
        people = ledger.foresee(one.step, now, most=most)
        one.made = make_all(messages, groups(_reached(people, one)), note)
        _count(one, whole=most is None)


def _reached(people: Iterable[ledger.Foreseen], one: Look) -> Iterator[ledger.Foreseen]:
    for person in people:
        if person.is_sent:
            one.reached.setdefault(person.channel, array("q")).append(person.facts.entrant)
            yield person


def _count(one: Look, *, whole: bool) -> None:
    figures, made = one.figures, one.made
    for tally in one.tallies:
        if not tally.is_sent:
            figures.left_out["too_late" if tally.verdict == "quiet" else tally.verdict] += tally.people
            if tally.channel == Channel.SMS and tally.verdict in NO_MOBILE:
                figures.children_without_mobile += tally.children
        elif one.step.kind == StepKind.PLANNED:
            figures.people += tally.people
            if tally.channel == Channel.EMAIL:
                figures.emails += tally.messages
            else:
                figures.texts += tally.messages
    if whole and (missing := sum(map(len, made.missing.values()))):
        figures.left_out["missing_value"] += missing
    figures.segments = made.segments if whole else _estimated(one, figures.texts)
    figures.most_segments, figures.largest_bytes = made.most_segments, made.largest_bytes
    figures.cost = None if settings.SMS_PRICE is None else settings.SMS_PRICE * figures.segments


def _estimated(one: Look, texts: int) -> int:
    return -(-one.made.segments * texts // one.made.messages) if one.made.messages else 0


def _time(looks: list[Look]) -> None:
    """When the messages leave, all steps of a channel in one queue."""
    for channel, rate in ((Channel.EMAIL, settings.EMAIL_RATE), (Channel.SMS, settings.SMS_RATE)):
        for one in looks:
            one.jobs += [
                timing.Job(one.step.name, tally.leaves_at, tally.latest_at, _units(one, tally))
                for tally in one.tallies
                if tally.is_sent and tally.channel == channel and one.step.kind == StepKind.PLANNED
            ]
        timing.queue((job for one in looks for job in one.jobs if job.last is None), rate)
    for one in looks:
        one.figures.first_minute = min((job.first for job in one.jobs if job.first), default=None)
        one.figures.last_minute = max((job.last for job in one.jobs if job.last), default=None)


def _units(one: Look, tally: ledger.Tally) -> int:
    if tally.channel == Channel.EMAIL or not one.figures.texts:
        return tally.messages
    return -(-tally.messages * one.figures.segments // one.figures.texts)
