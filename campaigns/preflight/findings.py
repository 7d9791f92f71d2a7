"""What a preflight found, as plain values. It knows no database and no page."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

SHOWN_ENTRANTS = 20


class Severity(StrEnum):
    """An error blocks approval; a warning wants a look; a note says how things are."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on what is wrong or worth knowing; `step` is empty where it concerns the whole campaign."""

    severity: Severity
    code: str
    """A fixed word for scripts, such as `missing_value`."""
    step: str
    words: str
    people: int = 0
    entrants: tuple[int, ...] = ()
    """The ids of the first of them."""
    command: str = ""
    """What does the same on a command line as the page that puts it right; empty where the words say all."""


@dataclass(slots=True)
class StepFigures:
    """One step of the plan as it would be sent. Moments are in UTC; `first` is None where it has none of its own."""

    name: str
    kind: str
    channel: str
    purpose: str
    state: str
    first: datetime | None = None
    first_minute: datetime | None = None
    last_minute: datetime | None = None
    """When its first message leaves, and its last at the provider's rate."""
    audience: int = 0
    ready: int = 0
    """Of its audience, all but children without a guardian."""
    unguarded: int = 0
    """Children who wait for a guardian, those too whom its audience takes in only once they have one."""
    audience_at_approval: int | None = None
    went_before: int = 0
    """To whom it went before the race moved: they do not get it again."""
    people: int = 0
    """Who are reached, those of a family by one message too."""
    emails: int = 0
    texts: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Who get nothing, by reason; `held`, `minor` and `missing_value` wait for a person."""
    children_without_mobile: int = 0
    """How many of those left out of a text are children whose guardian's number is not known."""
    segments: int = 0
    most_segments: int = 0
    largest_bytes: int = 0
    cost: Decimal | None = None

    @property
    def messages(self) -> int:
        return self.emails + self.texts


@dataclass(slots=True)
class Report:
    """A whole campaign before it goes."""

    slug: str
    event: str
    timezone: str
    day: date
    at: datetime
    steps: list[StepFigures]
    findings: list[Finding] = field(default_factory=list)
    price: Decimal | None = None
    """Of one segment, None when it is not known."""

    @property
    def errors(self) -> list[Finding]:
        return [found for found in self.findings if found.severity == Severity.ERROR]

    @property
    def segments(self) -> int:
        return sum(step.segments for step in self.steps)

    @property
    def cost(self) -> Decimal | None:
        return None if self.price is None else self.price * self.segments
