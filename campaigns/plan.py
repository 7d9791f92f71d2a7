"""From a plan file (TOML) to a checked Plan, or to one sentence that says what is wrong and where.

Pure: no Django and no database. It must not know the event: whether the races of an audience and the
templates exist is for those who load the plan.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Literal, TypeVar, get_args

from campaigns.schedule import (
    DaysFromRace,
    MinutesFromStart,
    QuietHours,
    ScheduleError,
    When,
    parse_duration,
    parse_quiet_hours,
    parse_when,
    shown,
)

Channel = Literal["email", "sms"]
Purpose = Literal["service", "tips", "sponsor"]
LateEntrants = Literal["catch-up", "skip", "send"]
Per = Literal["address", "entrant"]
Fallback = Literal["", "email"]

CHANNELS: tuple[Channel, ...] = get_args(Channel)
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
LATE_ENTRANTS: tuple[LateEntrants, ...] = get_args(LateEntrants)
PERS: tuple[Per, ...] = get_args(Per)

MOST_STEPS, MOST_BYTES = 200, 200_000

_KEYS_OF_A_PLAN = ("name", "quiet_hours", "step", "catch_up", "alert")
_NAME = re.compile(r"[a-z0-9-]{1,60}")

T = TypeVar("T")
W = TypeVar("W", bound=str)

CATCH_UP_NAME = "catch-up"
"""The step name that [catch_up] takes; no other step may have it."""

DEFAULT_QUIET_HOURS = "20:00-09:00"
"""A plan that says nothing about quiet hours texts nobody at night; one that wants none says 'off'."""


class PlanError(ValueError):
    """One sentence for a person: the file, the step and the key, and what is allowed there.

    `key` and `complaint` are its parts, for a form that shows the complaint at the field itself.
    """

    def __init__(self, sentence: str, key: str = "", complaint: str = "") -> None:
        super().__init__(sentence)
        self.key = key
        self.complaint = complaint or sentence


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One message of the plan. `latest` is how long after its moment it is still worth sending."""

    name: str
    channel: Channel
    template: str
    when: When
    audience: str
    purpose: Purpose
    latest: timedelta
    late_entrants: LateEntrants
    fallback: Fallback
    per: Per
    enabled: bool
    quiet_exempt: bool


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The one email that late entrants get in place of the steps they missed."""

    template: str


@dataclass(frozen=True, slots=True)
class PlannedAlert:
    """A message held ready; an empty template name means not on that channel."""

    name: str
    email: str
    sms: str
    expires: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign as its organiser wrote it, in the order of the file."""

    name: str
    quiet_hours: QuietHours | None
    steps: tuple[PlannedStep, ...]
    catch_up: CatchUp | None
    alerts: tuple[PlannedAlert, ...]


def load_plan(text: str, *, file: str) -> Plan:
    """Read the text of a plan file; `file` is its name as people know it. Raises PlanError."""
    table = _Table(file, _read(text, file))
    table.refuse_unknown(_KEYS_OF_A_PLAN)
    return Plan(
        name=table.text("name"),
        quiet_hours=table.parsed("quiet_hours", parse_quiet_hours, DEFAULT_QUIET_HOURS),
        steps=_steps(table),
        catch_up=_catch_up(table),
        alerts=tuple(_alert(row) for row in table.rows("alert")),
    )


def _read(text: str, file: str) -> dict[str, object]:
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise PlanError(f"{file} is larger than {MOST_BYTES // 1000} KB: a plan this long is not read.")
    try:
        return tomllib.loads(text.removeprefix("\N{BYTE ORDER MARK}"))
    except RecursionError:
        raise PlanError(f"{file} is not a plan: its brackets are nested too deep.") from None
    except ValueError as error:
        raise PlanError(f"{file} is not valid TOML: {error}.") from error


def step_of(values: dict[str, object]) -> PlannedStep:
    """One step from the keys and values that would stand under its [[step]]. Raises PlanError."""
    return _step(_Table("The step", values))


def _steps(table: _Table) -> tuple[PlannedStep, ...]:
    rows = table.rows("step")
    if len(rows) > MOST_STEPS:
        raise table.error(f"there are {len(rows)} steps, and a plan has at most {MOST_STEPS}")
    return tuple(_step(row) for row in rows)


def _step(row: _Table) -> PlannedStep:
    row.refuse_unknown(PlannedStep.__dataclass_fields__)
    purpose = row.choice("purpose", PURPOSES, "tips")
    step = PlannedStep(
        name=row.name("name"),
        channel=row.choice("channel", CHANNELS),
        template=row.name("template"),
        when=row.parsed("when", parse_when),
        audience=row.text("audience"),
        purpose=purpose,
        latest=row.parsed("latest", parse_duration, "24 h"),
        late_entrants=row.choice("late_entrants", LATE_ENTRANTS, "catch-up"),
        fallback=row.choice("fallback", ("email",), ""),
        per=row.choice("per", PERS, "entrant" if purpose == "service" else "address"),
        enabled=row.flag("enabled", default=True),
        quiet_exempt=row.flag("quiet_exempt", default=False),
    )
    _refuse_contradictions(step, row)
    return step


def _refuse_contradictions(step: PlannedStep, row: _Table) -> None:
    if step.name == CATCH_UP_NAME:
        raise row.error("this name belongs to the message under [catch_up]; choose another", key="name")
    if step.fallback and step.channel != "sms":
        raise row.error("only a step with channel 'sms' can fall back to email", key="fallback")
    if step.quiet_exempt and not _is_race_day_service_text(step):
        raise row.error(
            "only a text (channel 'sms') with purpose 'service' on race day can be exempt", key="quiet_exempt"
        )


def _is_race_day_service_text(step: PlannedStep) -> bool:
    on_race_day = isinstance(step.when, MinutesFromStart) or (
        isinstance(step.when, DaysFromRace) and step.when.days == 0
    )
    return on_race_day and step.channel == "sms" and step.purpose == "service"


def _catch_up(table: _Table) -> CatchUp | None:
    row = table.section("catch_up")
    if row is None:
        return None
    row.refuse_unknown(CatchUp.__dataclass_fields__)
    return CatchUp(template=row.name("template"))


def _alert(row: _Table) -> PlannedAlert:
    row.refuse_unknown(PlannedAlert.__dataclass_fields__)
    alert = PlannedAlert(
        name=row.name("name"),
        email=row.optional_name("email"),
        sms=row.optional_name("sms"),
        expires=row.parsed("expires", parse_duration),
    )
    if not alert.email and not alert.sms:
        raise row.error("an alert needs a template: write 'email', 'sms' or both")
    return alert


class _Table:
    """The keys of one TOML table and the place it stands in, for errors."""

    def __init__(self, place: str, values: dict[str, object]) -> None:
        self._place = place
        self._values = values

    def error(self, complaint: str, *, key: str = "") -> PlanError:
        place = f"{self._place}, key {shown(key)}" if key else self._place
        stop = "" if complaint.endswith("?") else "."
        return PlanError(f"{place}: {complaint}{stop}", key, f"{complaint[0].upper()}{complaint[1:]}{stop}")

    def refuse_unknown(self, known: Collection[str]) -> None:
        for key in self._values:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
                raise self.error(f"there is no such key; {hint}", key=key)

    def text(self, key: str) -> str:
        """Text that is there and not empty."""
        text = self._string(key, None).strip()
        if not text:
            raise self.error("it is empty", key=key)
        return text

    def name(self, key: str) -> str:
        name = self._string(key, None)
        if not _NAME.fullmatch(name):
            raise self.error(f"{shown(name)} is not a name: use 1 to 60 of a-z, 0-9 and the hyphen", key=key)
        return name

    def optional_name(self, key: str) -> str:
        return self.name(key) if key in self._values else ""

    def choice(self, key: str, allowed: tuple[W, ...], default: W | None = None) -> W:
        given = self._string(key, default)
        for word in (default, *allowed):
            if word == given:
                return word
        raise self.error(f"{shown(given)} is not allowed; write {_listed(allowed)}", key=key)

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise self.error("write true or false, without quotes", key=key)
        return value

    def parsed(self, key: str, read: Callable[[str], T], default: str | None = None) -> T:
        """What `read` of schedule makes of the text; its own sentence says what is allowed."""
        try:
            return read(self._string(key, default))
        except ScheduleError as error:
            raise self.error(str(error).removesuffix("."), key=key) from error

    def section(self, key: str) -> _Table | None:
        """The table under [key], or None where there is none."""
        values = self._values.get(key)
        if values is None:
            return None
        if not isinstance(values, dict):
            raise self.error(f"write it as a table, under a line [{key}]", key=key)
        return _Table(f"{self._place}, [{key}]", values)

    def rows(self, key: str) -> list[_Table]:
        """The tables under each [[key]] in the order of the file, no two of one name."""
        rows = self._values.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.error(f"write each one as a table, under a line [[{key}]]", key=key)
        tables = []
        first: dict[str, int] = {}
        for number, row in enumerate(rows, start=1):
            name = shown(str(row["name"])) if "name" in row else f"number {number}"
            if first.setdefault(name, number) < number:
                raise self.error(f"{key} number {number} has the name {name} of {key} number {first[name]}")
            tables.append(_Table(f"{self._place}, {key} {name}", row))
        return tables

    def _string(self, key: str, default: str | None) -> str:
        value = self._values.get(key, default)
        if value is None:
            raise self.error("it is missing", key=key)
        if not isinstance(value, str):
            raise self.error("write it as text in quotes", key=key)
        return value


def _listed(words: tuple[str, ...]) -> str:
    *others, last = [f"'{word}'" for word in words]
    return f"{', '.join(others)} or {last}" if others else last
