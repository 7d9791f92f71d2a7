"""When each message would leave at the provider's rate: one queue a channel, what has been due longest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Job:
    """Messages of one step that are due at one moment, with what they weigh in all against the rate."""

    step: str
    due: datetime
    latest: datetime
    units: int
    first: datetime | None = None
    last: datetime | None = None

    @property
    def is_too_late(self) -> bool:
        """Whether the last of them would leave after its latest time."""
        return self.last is not None and self.last >= self.latest


def queue(jobs: Iterable[Job], rate: float | None) -> list[Job]:
    """The jobs of one channel with the moments at which their first and last message leave; no rate is no wait."""
    waiting = sorted(jobs, key=lambda job: (job.due, job.step))
    free: datetime | None = None
    for job in waiting:
        job.first = max(job.due, free) if free else job.due
        job.last = job.first + timedelta(seconds=max(0, job.units - 1) / rate) if rate else job.first
        free = job.last + timedelta(seconds=1 / rate) if rate else None
    return waiting
