"""What stands along a course, as plain values, and where each moment lies on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from math import log1p
from typing import Literal
from zoneinfo import ZoneInfo

Sign = Literal["email", "sms", "alert"]

STATE_WORDS = {
    "draft": "draft",
    "waiting": "waiting",
    "approved": "approved",
    "sending": "sending",
    "done": "sent",
    "paused": "paused",
    "passed": "passed",
    "missed": "missed",
    "off": "off",
}
"""The word that stands beside each state's edge and mark."""

STATE_MEANINGS = {
    "waiting": "waiting for approval",
    "passed": "passed before you began, so nobody gets it",
    "missed": "missed: reaches nobody",
    "off": "switched off",
}
"""What a word means, where that is more than the word."""

FINISH = time(13, 0)
"""When the race counts as run: what comes in the morning stands before the tape, what comes after it behind."""

LAST_DAYS = timedelta(days=7)
SHARE_OF_LAST_DAYS = 0.4
"""How much of the way to the finish they take: most stations stand there."""

LEAD_IN = timedelta(days=5)
"""How far before the first station the line begins."""


@dataclass(frozen=True)
class Station:
    """One message. `at` is its moment, None for an alert; `was` the moment it had before the race moved."""

    topic: str
    channel: Sign
    state: str
    people: int | None
    """How many it reaches, None where no entry list says so."""
    at: datetime | None = None
    moment: str = ""
    """In words, with what follows it: "Tue 27 Jul, 10:00"."""
    was: datetime | None = None
    stays: bool = False
    """The race moved and this did not: it was sent before."""
    href: str = ""


@dataclass(frozen=True)
class Course:
    """The way to a race and on from it."""

    day: date
    zone: ZoneInfo
    now: datetime
    stations: Sequence[Station]
    alerts: Sequence[Station] = ()
    now_is: str = "today"
    """What the runner's dot stands for."""
    left: float = 36
    finish_x: float = 880
    right: float = 1084

    @cached_property
    def finish(self) -> datetime:
        return datetime.combine(self.day, FINISH, tzinfo=self.zone)

    @cached_property
    def begin(self) -> datetime:
        """Where the line begins: before the first station, or now where the campaign is under way."""
        first = min((station.at for station in self.stations if station.at), default=self.finish)
        seen = [first, self.finish - 2 * LAST_DAYS]
        seen += [station.was for station in self.stations if station.was]
        return min(seen) - LEAD_IN

    @cached_property
    def end(self) -> datetime:
        """The last station after the finish, at least a day behind it."""
        last = [moment for station in self.stations for moment in (station.at, station.was) if moment]
        return max([*last, self.finish + timedelta(days=1)])

    @property
    def break_x(self) -> float:
        """Where the scale changes, seven days before the finish."""
        return self.finish_x - SHARE_OF_LAST_DAYS * (self.finish_x - self.left)

    def x(self, moment: datetime) -> float:
        """Where a moment lies. To the finish by time, in two scales; behind it every next day is shorter."""
        to_go = (self.finish - moment).total_seconds()
        if to_go < 0:
            return self._behind(-to_go)
        if to_go <= LAST_DAYS.total_seconds():
            return self.finish_x - (self.finish_x - self.break_x) * to_go / LAST_DAYS.total_seconds()
        whole = (self.finish - self.begin).total_seconds() - LAST_DAYS.total_seconds()
        part = min((to_go - LAST_DAYS.total_seconds()) / whole, 1)
        return self.break_x - (self.break_x - self.left) * part

    def _behind(self, seconds: float) -> float:
        most = (self.end - self.finish).total_seconds()
        part = log1p(seconds / 36_000) / log1p(most / 36_000)
        return self.finish_x + 28 + (self.right - 72 - self.finish_x - 28) * min(part, 1)
