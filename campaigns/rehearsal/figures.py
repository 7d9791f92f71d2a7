"""What a rehearsal found out, as plain values: by step, by entrant, and in all. It knows no database and no page."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

SENT = frozenset({"sent", "delivered", "bounced"})

AFTER_ITS_MOMENT = timedelta(minutes=1)
"""What goes out this much after its moment is shown as late: quiet hours, a late entry, a worker that was down."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step in an entrant's timeline. Moments are in UTC; `sent_at` is None for what is not sent."""

    step: str
    channel: str
    state: str
    reason: str
    due_at: datetime
    sent_at: datetime | None
    carried: bool = False
    """Stands in the message of another member of the family."""
    earlier: bool = False
    """Was sent before the rehearsal began."""

    @property
    def is_sent(self) -> bool:
        return self.state in SENT

    @property
    def at(self) -> datetime:
        """When it reaches the entrant, or would have been due."""
        return self.sent_at or self.due_at

    @property
    def is_late(self) -> bool:
        return self.sent_at is not None and self.sent_at - self.due_at > AFTER_ITS_MOMENT


@dataclass(slots=True)
class Person:
    """An entrant and what comes to them, in the order of time. For the organiser's eyes: it has a name."""

    id: int
    name: str
    sorted_by: str
    """The last name, or all there is."""
    race: str
    wave: str
    bib: str
    status: str
    invented: bool = False
    """Is on no entry list: somebody who enters late in this rehearsal alone."""
    lines: list[Line] = field(default_factory=list)

    @property
    def received(self) -> list[Line]:
        return [line for line in self.lines if line.is_sent]


@dataclass(slots=True)
class StepFigures:
    """One step of the calendar. `first` and `last` are its moments (they differ where starts do), None for a
    step of no moment of its own; `was` is its moment before the race moved, where that differs."""

    name: str
    kind: str
    channel: str
    purpose: str
    when: str
    state: str
    """As it stands in truth, not in the rehearsal."""
    first: datetime | None = None
    last: datetime | None = None
    was: datetime | None = None
    as_if_approved: bool = False
    emails: int = 0
    texts: int = 0
    segments: int = 0
    most_segments: int = 0
    largest_bytes: int = 0
    people: int = 0
    """Reached in all, those of a family by one message too."""
    earlier: int = 0
    """Of these, reached before the rehearsal began."""
    late: int = 0
    latest_arrival: timedelta = timedelta(0)
    left_out: Counter[str] = field(default_factory=Counter)
    """Not reached, by reason, or by state where there is none: `held` by hand."""

    @property
    def messages(self) -> int:
        """That this rehearsal would hand to a provider."""
        return self.emails + self.texts


@dataclass(frozen=True, slots=True)
class Clash:
    """Something worth a look before approval: one sentence, and how many people it touches."""

    words: str
    people: int = 0


@dataclass(slots=True)
class Rehearsal:
    """A whole campaign as it would run from `begun` on."""

    slug: str
    event: str
    zone: ZoneInfo
    day: date
    was_day: date | None
    """The day before the race moved in the rehearsal, None when it did not."""
    moved_at: datetime | None
    """When it is moved."""
    begun: datetime
    price: Decimal | None
    """Of one SMS segment, None when it is not known."""
    steps: list[StepFigures]
    people: list[Person]
    alerts: dict[str, bool] = field(default_factory=dict)
    """The alerts that the campaign holds ready, by name; whether each is armed."""
    tried: list[str] = field(default_factory=list)
    """What was tried out, a sentence each."""
    clashes: list[Clash] = field(default_factory=list)

    @property
    def planned(self) -> list[StepFigures]:
        """The steps with a moment of their own, in the order of time."""
        timed = [step for step in self.steps if step.first]
        return sorted(timed, key=lambda step: step.first or self.begun)

    @property
    def emails(self) -> int:
        return sum(step.emails for step in self.steps)

    @property
    def texts(self) -> int:
        return sum(step.texts for step in self.steps)

    @property
    def segments(self) -> int:
        return sum(step.segments for step in self.steps)

    @property
    def cost(self) -> Decimal | None:
        """Of all texts of the rehearsal, in the currency of the price."""
        return None if self.price is None else self.price * self.segments

    @property
    def reached(self) -> int:
        return sum(bool(person.received) for person in self.people)

    def all_lines(self) -> Iterator[tuple[Person, Line]]:
        for person in self.people:
            for line in person.lines:
                yield person, line
