"""From the copy's tables to the figures of a rehearsal."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.conf import settings
from django.db import connection

from campaigns import alerts, content
from campaigns.channels.outcomes import Email, Sms
from campaigns.ledger.moments import Field
from campaigns.models import Event, Step
from campaigns.models.words import StepKind, StepState
from campaigns.rehearsal.clashes import clashes
from campaigns.rehearsal.figures import Line, Person, Rehearsal, StepFigures
from campaigns.rehearsal.what_if import INVENTED

UNAPPROVED = (StepState.DRAFT, StepState.WAITING, StepState.PAUSED)


@dataclass
class Rendered:
    """What the finished messages of each step weigh."""

    emails: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    most_segments: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    largest_bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def note(self, step: str, message: Email | Sms) -> None:
        """Counts one message."""
        if isinstance(message, Email):
            self.emails[step] += 1
            self.largest_bytes[step] = max(self.largest_bytes[step], len(message.data))
            return
        segments = content.segments(message.body).count
        self.texts[step] += 1
        self.segments[step] += segments
        self.most_segments[step] = max(self.most_segments[step], segments)


@dataclass(frozen=True)
class FirstLook:
    """How the campaign stands before anything is tried: the event's day, the steps' states and moments."""

    date: date
    states: dict[str, str]
    moments: dict[str, datetime | None]


def first_look(event: Event, now: datetime) -> FirstLook:
    """Read before the run."""
    steps = list(Step.objects.filter(campaign__event_id=event.id).exclude(state=StepState.OFF))
    field_of = Field.of(event)
    return FirstLook(
        event.date,
        {step.name: step.state for step in steps},
        {step.name: field_of.moments(step, now).first for step in steps if step.kind == StepKind.PLANNED},
    )


def last_look(
    event_id: int, begun: datetime, before: FirstLook, rendered: Rendered, moved_at: datetime
) -> Rehearsal:
    """Read after the run, while the copy is still there; `moved_at` is when the race moved, if it did."""
    event = Event.objects.get(id=event_id)
    steps = _steps(event, begun, before, rendered)
    people = _people(event, begun)
    _add_up(steps, people, event, before)
    found = Rehearsal(
        slug=event.slug,
        event=event.name,
        zone=event.zone,
        day=event.date,
        was_day=before.date if before.date != event.date else None,
        moved_at=moved_at if before.date != event.date else None,
        begun=begun,
        price=settings.SMS_PRICE,
        steps=list(steps.values()),
        people=people,
        alerts={
            alert.name: alerts.arming(alert) == alerts.Arming.ARMED
            for alert in event.campaign.alerts.filter(in_plan=True).order_by("position")
        },
    )
    found.clashes = clashes(found)
    return found


def _steps(event: Event, begun: datetime, before: FirstLook, rendered: Rendered) -> dict[str, StepFigures]:
    field_of = Field.of(event)
    found = {}
    steps = (
        Step.objects.filter(campaign__event=event).exclude(state=StepState.OFF).exclude(kind=StepKind.ALERT)
    )
    for step in steps.order_by("position"):
        times = field_of.moments(step, begun)
        planned = step.kind == StepKind.PLANNED
        found[step.name] = StepFigures(
            name=step.name,
            kind=step.kind,
            channel=step.channel,
            purpose=step.purpose,
            when=step.when,
            state=before.states[step.name],
            first=times.first if planned else None,
            last=max(times.due, default=None) if planned else None,
            as_if_approved=before.states[step.name] in UNAPPROVED,
            emails=rendered.emails[step.name],
            texts=rendered.texts[step.name],
            segments=rendered.segments[step.name],
            most_segments=rendered.most_segments[step.name],
            largest_bytes=rendered.largest_bytes[step.name],
        )
    return found


def _people(event: Event, begun: datetime) -> list[Person]:
    """Everyone on the entry list by name, each with their lines in the order of time."""
    rows = event.entrants.select_related("race", "wave").order_by("last_name", "first_name", "id")
    people = {
        row.id: Person(
            row.id,
            f"{row.first_name} {row.last_name}".strip(),
            row.last_name or row.first_name,
            row.race.name,
            row.wave.name if row.wave else "",
            row.bib,
            row.status,
            invented=row.source == INVENTED,
        )
        for row in rows
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.entrant_id, s.name, d.channel, d.state, d.reason, d.due_at, d.sent_at,
                d.carrier_id IS NOT NULL, d.sent_at IS NOT NULL AND d.sent_at < %s
            FROM deliveries d JOIN steps s ON s.id = d.step_id WHERE s.kind <> 'alert'
            ORDER BY COALESCE(d.sent_at, d.due_at), s.position""",
            [begun],
        )
        for entrant, *values in cursor.fetchall():
            people[entrant].lines.append(Line(*values))
    return list(people.values())


def _add_up(steps: dict[str, StepFigures], people: Iterable[Person], event: Event, before: FirstLook) -> None:
    moments: dict[str, Counter[datetime]] = defaultdict(Counter)
    for person in people:
        for line in person.lines:
            if line.step in steps:
                _add(steps[line.step], line)
                if line.is_sent:
                    moments[line.step][line.due_at] += 1
    for step in steps.values():
        if step.first:
            _set_moments(step, moments[step.name], event)
            was = before.moments.get(step.name)
            step.was = was if was != step.first else None


def _add(step: StepFigures, line: Line) -> None:
    if not line.is_sent:
        step.left_out[line.reason or line.state] += 1
        return
    step.people += 1
    step.earlier += line.earlier
    if line.is_late and not line.earlier:
        step.late += 1
        step.latest_arrival = max(step.latest_arrival, line.at - line.due_at)


def _set_moments(step: StepFigures, moments: Counter[datetime], event: Event) -> None:
    """The moments by which it is really sent, on the day on which most get it: what was sent before a move of
    the race stays on its old day, and a race that the step is not for has no say."""
    if not moments:
        return
    days: Counter[date] = Counter()
    for moment, count in moments.items():
        days[moment.astimezone(event.zone).date()] += count
    day = days.most_common(1)[0][0]
    on_it = [moment for moment in moments if moment.astimezone(event.zone).date() == day]
    step.first, step.last = min(on_it), max(on_it)
