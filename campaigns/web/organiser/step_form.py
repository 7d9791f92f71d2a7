"""The form of one step: what a plan file says under [[step]], with each problem at its own field.

What is right is decided by `plan.step_of` and `audience.parse`, whose sentences it shows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time
from typing import Any, cast

from django import forms

from campaigns import audience, editing, schedule
from campaigns.ledger.moments import Field
from campaigns.models import Event
from campaigns.models.words import Channel
from campaigns.plan import PlanError, PlannedStep, step_of
from campaigns.web.organiser import words

WHENS = [
    ("before", "days before race day"),
    ("day", "on race day"),
    ("after", "days after race day"),
    ("start-before", "minutes before the start"),
    ("start-after", "minutes after the start"),
    ("weeks", "weeks before, on a weekday"),
]
PURPOSES = [
    ("tips", "Tips, to those who agreed to tips"),
    ("service", "Service, to everyone entered"),
    ("sponsor", "Sponsor, to those who agreed to that"),
]
LATE = [
    ("catch-up", "get the catch-up message instead"),
    ("skip", "do not get it"),
    ("send", "get it, while it is worth sending"),
]
PER = [
    ("address", "one for a family on one address"),
    ("entrant", "one for each entrant"),
]
FIELDS = {"template": "message", "when": "when_number"}
"""Where the form's field has another name than the plan's key."""

DEFAULTS: dict[str, Any] = {
    "when_kind": "before",
    "when_number": 7,
    "when_time": time(10, 0),
    "when_weekday": "Tuesday",
    "audience": "all",
    "purpose": "tips",
    "latest": "24 h",
    "late_entrants": "catch-up",
    "per": "address",
}


class StepForm(forms.Form):
    """One step. `existing` is the step that is changed; its name and channel are what they are."""

    name = forms.CharField(
        label="Name",
        max_length=60,
        help_text="Small letters, figures and hyphens, such as back-warm-up. It stays for good.",
    )
    message = forms.ChoiceField(label="Message")
    when_number = forms.IntegerField(label="How many", required=False, min_value=0, max_value=9999)
    when_kind = forms.ChoiceField(label="Counted in", choices=WHENS)
    when_weekday = forms.ChoiceField(
        label="Weekday", choices=[(day, day) for day in schedule.WEEKDAYS], required=False
    )
    when_time = forms.TimeField(
        label="Time",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    audience = forms.CharField(
        label="Who gets it",
        max_length=audience.LONGEST,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocapitalize": "none"}),
    )
    purpose = forms.ChoiceField(label="Purpose", choices=PURPOSES)
    latest = forms.CharField(
        label="Worth sending for",
        max_length=20,
        help_text="After that it is skipped and shown, never sent late: 24 h, 90 min, 2 days.",
    )
    late_entrants = forms.ChoiceField(label="Who enters after it has gone", choices=LATE)
    per = forms.ChoiceField(label="How many a family gets", choices=PER)
    fallback = forms.BooleanField(
        label="Who has no usable mobile gets it by email (texts only)", required=False
    )
    quiet_exempt = forms.BooleanField(
        label="May leave in quiet hours (service texts on race day only)", required=False
    )

    def __init__(self, *given: Any, event: Event, sources: editing.StoredSources, existing: PlannedStep | None = None,
                 **more: Any) -> None:  # fmt: skip
        more["initial"] = DEFAULTS | (_initial(existing) if existing else {})
        super().__init__(*given, **more)
        self.event, self.existing, self.sources = event, existing, sources
        self.unwritten = ""
        """The email that those without a mobile would get, where nobody has written it yet."""
        self.field = Field.of(event)
        self.races = [race.slug for race in self.field.races]
        self.waves = [wave.name for wave in self.field.waves]
        if existing:
            del self.fields["name"]
        chosen = cast(forms.ChoiceField, self.fields["message"])
        chosen.choices = _messages(sources, [existing.channel] if existing else ["email", "sms"])

    def clean(self) -> dict[str, Any]:
        """Reads what was given as a plan file is read; problems go to their fields."""
        found = super().clean() or self.cleaned_data
        self._read_audience(found)
        values = _values(found, self.existing)
        self.step = self._step(values) if values else None
        self._look_for_fallback()
        return found

    def _look_for_fallback(self) -> None:
        """The email of those without a mobile has the name of the text."""
        step = self.step
        if step is None or not step.fallback or step.template in self.sources.names(Channel.EMAIL):
            return
        self.unwritten = step.template
        self.add_error(
            "fallback",
            f"There is no email “{words.topic(step.template)}” yet that they could get. Write it first, then "
            "tick this again.",
        )

    def _read_audience(self, found: dict[str, Any]) -> None:
        if text := found.get("audience"):
            try:
                found["audience"] = audience.parse(text, self.races, self.waves).text
            except audience.AudienceError as error:
                self.add_error("audience", str(error))

    def _step(self, values: dict[str, Any]) -> PlannedStep | None:
        """The step, or every problem that reading it names: what is wrong is left out and the rest read again."""
        step, problem = None, False
        for _ in range(len(values)):
            try:
                step = step_of(values)
                break
            except PlanError as error:
                if error.key not in values:
                    break
                problem = True
                self._add_problem(error)
                values = values | {error.key: SOUND[error.key]}
        return None if problem else step

    def _add_problem(self, error: PlanError) -> None:
        name = FIELDS.get(error.key, error.key)
        if name not in self.errors:
            self.add_error(name if name in self.fields else None, error.complaint)

    def moments(self) -> list[datetime]:
        """When the step would be due, for each start that counts; none while its moment cannot be read."""
        found = dict(self.cleaned_data if self.is_bound else self.initial)
        try:
            when = schedule.parse_when(_when(found)) if "when_kind" in found else None
        except schedule.ScheduleError:
            return []
        able = self._races()
        starts = [race.start for race in self.field.races if race.id in able]
        starts += [wave.start for wave in self.field.waves if wave.race_id in able]
        return (
            [schedule.moment(when, self.event.date, self.event.zone, start) for start in starts]
            if when
            else []
        )

    def _races(self) -> set[int]:
        """Those that its audience can be in; all while that cannot be read."""
        given = self.data if self.is_bound else self.initial
        try:
            return self.field.races_of(self.field.audience_of(str(given.get("audience") or "all")))
        except audience.AudienceError:
            return {race.id for race in self.field.races}

    def chips(self) -> list[tuple[str, list[str]]]:
        """Words to click, in groups."""
        every = audience.words_for(self.races, self.waves)
        races, waves = set(self.races), [word for word in every if word.startswith("wave ")]
        people = [word for word in every if word not in races and word not in waves]
        groups = [("Runners", people), ("Races", self.races), ("Waves", waves)]
        return [(name, found) for name, found in groups if found]


SOUND: dict[str, Any] = {
    "name": "x",
    "template": "x",
    "when": "race day, 10:00",
    "audience": "all",
    "latest": "24 h",
    "fallback": "",
    "quiet_exempt": False,
}
"""A value with which nothing is wrong, for each key that a form can get wrong."""


def _values(found: dict[str, Any], existing: PlannedStep | None) -> dict[str, Any] | None:
    """The keys and values of the plan file; None when what they are made of is missing."""
    channel, _, template = str(found.get("message", "")).partition("/")
    if not channel or "when_kind" not in found:
        return None
    values = {
        "name": existing.name if existing else found.get("name", "x"),
        "channel": channel,
        "template": template,
        "when": _when(found),
        "audience": found.get("audience") or "all",
        "fallback": "email" if found.get("fallback") else "",
        "quiet_exempt": bool(found.get("quiet_exempt")),
        "enabled": existing.enabled if existing else True,
    }
    for key in ("purpose", "latest", "late_entrants", "per"):
        if key in found:
            values[key] = found[key]
    return values


def _when(found: dict[str, Any]) -> str:
    """The words of the plan's `when`; what is missing in them is left for `schedule` to complain about."""
    number, at = found.get("when_number"), found.get("when_time")
    clock = f"{at:%H:%M}" if at else "no time"
    match found["when_kind"]:
        case "day":
            return f"race day, {clock}"
        case "start-before" | "start-after":
            return f"start {'-' if found['when_kind'] == 'start-before' else '+'} {number} min"
        case "weeks":
            weeks = f"{number} weeks before" if number else "race week"
            return f"{found.get('when_weekday')}, {weeks}, {clock}"
        case kind:
            return f"{number} days {kind}, {clock}"


def _initial(step: PlannedStep) -> dict[str, Any]:
    return {
        "message": f"{step.channel}/{step.template}",
        "audience": step.audience,
        "purpose": step.purpose,
        "latest": schedule.written_duration(step.latest),
        "late_entrants": step.late_entrants,
        "per": step.per,
        "fallback": bool(step.fallback),
        "quiet_exempt": step.quiet_exempt,
        **_initial_when(step.when),
    }


def _initial_when(when: schedule.When) -> dict[str, Any]:
    match when:
        case schedule.DaysFromRace(0, at):
            return {"when_kind": "day", "when_number": None, "when_time": at}
        case schedule.DaysFromRace(days, at):
            kind = "before" if days < 0 else "after"
            return {"when_kind": kind, "when_number": abs(days), "when_time": at}
        case schedule.WeekdayBeforeRace(weekday, weeks, at):
            day = schedule.WEEKDAYS[weekday]
            return {"when_kind": "weeks", "when_number": weeks, "when_weekday": day, "when_time": at}
        case schedule.MinutesFromStart(minutes):
            kind = "start-before" if minutes < 0 else "start-after"
            return {"when_kind": kind, "when_number": abs(minutes), "when_time": None}


def _messages(
    sources: editing.StoredSources, channels: Collection[str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    names = {"email": "Emails", "sms": "Texts"}
    return [
        (
            names[channel],
            [(f"{channel}/{name}", words.topic(name)) for name in sources.names(Channel(channel))],
        )
        for channel in channels
    ]
