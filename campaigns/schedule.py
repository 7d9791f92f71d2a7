"""From words such as "47 days before, 10:00" to the instant a step is due, and out of quiet hours.

Pure: no Django and no clock of its own. It knows dates, wall clocks and zones, never campaigns or entrants.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class ScheduleError(ValueError):
    """One sentence for a person: the text that was not understood and the forms that are."""


@dataclass(frozen=True, slots=True)
class DaysFromRace:
    """A wall-clock time on the day `days` after race day; a negative number is before it."""

    days: int
    at: time

    def __str__(self) -> str:
        if self.days == 0:
            return f"race day, {self.at:%H:%M}"
        side = "before" if self.days < 0 else "after"
        return f"{_counted(abs(self.days), 'day')} {side}, {self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class WeekdayBeforeRace:
    """A wall-clock time on a weekday (Monday is 0) of the week `weeks` before the week of the race.

    Weeks run from Monday to Sunday (ISO 8601): "Tuesday, 7 weeks before" is the Tuesday of the week that
    begins 49 days before the Monday of the race's own week, whatever day the race is on. `weeks` 0 is the
    race's week itself, where a weekday later than race day lies after the race.
    """

    weekday: int
    weeks: int
    at: time

    def __str__(self) -> str:
        week = f"{_counted(self.weeks, 'week')} before" if self.weeks else "race week"
        return f"{WEEKDAYS[self.weekday]}, {week}, {self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class MinutesFromStart:
    """Elapsed minutes after an entrant's start; a negative number is before it."""

    minutes: int

    def __str__(self) -> str:
        if self.minutes == 0:
            return "start"
        return f"start {'-' if self.minutes < 0 else '+'} {abs(self.minutes)} min"


When = DaysFromRace | WeekdayBeforeRace | MinutesFromStart


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Wall-clock hours in which no planned text goes out: from `start` up to, not including, `end`."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ScheduleError(f"Quiet hours '{self}' start and end at the same time: write 'off' for none.")

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def covers(self, clock: time) -> bool:
        """Whether a clock on the wall that shows `clock` is inside these hours."""
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


MOST_DAYS, MOST_WEEKS, MOST_MINUTES = 999, 99, 9999

_AT = r"(?:[01]?\d|2[0-3]):[0-5]\d"
_DAYS = re.compile(rf"(?P<days>\d{{1,3}}) days? (?P<side>before|after) ?, ?(?P<at>{_AT})", re.ASCII)
_RACE_DAY = re.compile(rf"race day ?, ?(?P<at>{_AT})", re.ASCII)
_START = re.compile(r"start(?: ?(?P<sign>[-+]) ?(?P<minutes>\d{1,4}) ?min)?", re.ASCII)
_WEEKDAY = re.compile(
    rf"(?P<weekday>{'|'.join(WEEKDAYS).lower()}) ?, ?"
    rf"(?:(?P<weeks>\d{{1,2}}) weeks? before|race week) ?, ?(?P<at>{_AT})",
    re.ASCII,
)
_QUIET = re.compile(rf"(?P<start>{_AT}) ?- ?(?P<end>{_AT})", re.ASCII)
_DURATION = re.compile(r"(?P<number>\d{1,6}) ?(?P<unit>s|min|h|days?)", re.ASCII)
_UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "day": timedelta(days=1),
    "days": timedelta(days=1),
}
_DASHES = str.maketrans(dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{NON-BREAKING HYPHEN}", "-"))


def parse_when(text: str) -> When:
    """Read a step's `when`; upper and lower case are the same, and `str` of the result is its canonical form.

    Raises ScheduleError for anything but the forms named in the error.
    """
    words = _plain(text)
    if match := _DAYS.fullmatch(words):
        days = int(match["days"])
        return DaysFromRace(-days if match["side"] == "before" else days, _clock(match["at"]))
    if match := _RACE_DAY.fullmatch(words):
        return DaysFromRace(0, _clock(match["at"]))
    if match := _START.fullmatch(words):
        minutes = int(match["minutes"] or 0)
        return MinutesFromStart(-minutes if match["sign"] == "-" else minutes)
    if match := _WEEKDAY.fullmatch(words):
        weekday = WEEKDAYS.index(match["weekday"].capitalize())
        return WeekdayBeforeRace(weekday, int(match["weeks"] or 0), _clock(match["at"]))
    raise ScheduleError(
        f"{shown(text)} is not a time to send: write '47 days before, 10:00', '1 day after, 10:00', "
        "'race day, 17:00', 'start - 120 min', 'start + 30 min' or 'Tuesday, 7 weeks before, 10:00' "
        f"(at most {MOST_DAYS} days, {MOST_WEEKS} weeks, {MOST_MINUTES} minutes)."
    )


def needs_start(when: When) -> bool:
    """Whether the moment depends on a start time, the entrant's own wave's or else the race's."""
    return isinstance(when, MinutesFromStart)


def moment(when: When, race_date: date, zone: ZoneInfo, start: time | None) -> datetime:
    """The instant (UTC) that `when` means for a race on `race_date` in `zone`.

    `start` is the wall-clock start on race day; it matters only where `needs_start(when)`, and ScheduleError
    is raised if it is missing there. Minutes from the start are elapsed minutes from its instant: a clock
    change in between does not shorten a warm-up.
    """
    match when:
        case DaysFromRace(days, at):
            return wall_clock(race_date + timedelta(days=days), at, zone)
        case WeekdayBeforeRace(weekday, weeks, at):
            monday = race_date - timedelta(days=race_date.weekday(), weeks=weeks)
            return wall_clock(monday + timedelta(days=weekday), at, zone)
        case MinutesFromStart(minutes):
            if start is None:
                raise ScheduleError(f"'{when}' needs a start time: give the race or the wave one.")
            return wall_clock(race_date, start, zone) + timedelta(minutes=minutes)


def wall_clock(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the clocks of `zone` show `at` on `day`.

    A time the clocks jump over moves forward by the length of the jump, and of a time they show twice the
    first is meant (RFC 5545, 3.3.5).
    """
    return _instant(day, at, zone, fold=0)


def after_quiet(moment_utc: datetime, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    """`moment_utc` itself if it is outside quiet hours in `zone`, else the end (UTC) of those it is in.

    What counts is the time the clocks show. If they jump over the end, it moves forward by the jump; if they
    show quiet hours a second time in one night, those are quiet too and end at the second end.
    """
    local = moment_utc.astimezone(zone)
    if quiet is None or not quiet.covers(local.time()):
        return moment_utc
    day = local.date() if local.time() < quiet.end else local.date() + timedelta(days=1)
    end = wall_clock(day, quiet.end, zone)
    if end <= moment_utc:
        end = _instant(day, quiet.end, zone, fold=1)
    # An end moved by a jump may land in the next quiet hours where nearly the whole day is quiet.
    return after_quiet(end, quiet, zone)


def parse_duration(text: str) -> timedelta:
    """Read a length of time above zero: '24 h', '30 min', '2 days', '90 s'. Raises ScheduleError."""
    match = _DURATION.fullmatch(_plain(text))
    if match is None or int(match["number"]) == 0:
        raise ScheduleError(
            f"{shown(text)} is not a length of time: write '90 s', '30 min', '24 h' or '2 days'."
        )
    return int(match["number"]) * _UNITS[match["unit"]]


def written_duration(length: timedelta) -> str:
    """A length of time as `parse_duration` reads it, in the largest unit that needs no fraction: '24 h', '2 days'."""
    seconds = int(length.total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds % size == 0 and (unit != "days" or seconds > size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def parse_quiet_hours(text: str) -> QuietHours | None:
    """Read wall-clock quiet hours such as '20:00-09:00'; '' and 'off' mean none. Raises ScheduleError."""
    words = _plain(text)
    if words in ("", "off"):
        return None
    match = _QUIET.fullmatch(words)
    if match is None:
        raise ScheduleError(f"{shown(text)} are not quiet hours: write '20:00-09:00', or 'off' for none.")
    return QuietHours(_clock(match["start"]), _clock(match["end"]))


def shown(text: str) -> str:
    """What somebody wrote, as an error repeats it: in quotes, on one line, and cut after 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def _instant(day: date, at: time, zone: ZoneInfo, fold: int) -> datetime:
    # PEP 495: with fold 0 a skipped time has the offset before the jump and a repeated one is the first.
    return datetime.combine(day, at, tzinfo=zone).replace(fold=fold).astimezone(UTC)


def _plain(text: str) -> str:
    return " ".join(text.translate(_DASHES).lower().split())


def _clock(text: str) -> time:
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
