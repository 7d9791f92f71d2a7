"""When a step is due for each race and wave of its event."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from campaigns import schedule
from campaigns.audience import Audience, parse
from campaigns.models import Event, Race, Step, Wave
from campaigns.models.words import StepKind


@dataclass(frozen=True)
class Moments:
    """A step's due moment and the end of its worth (UTC), for every race without a wave and every wave."""

    races: list[int]
    waves: list[int | None]
    due: list[datetime]
    latest: list[datetime]

    @property
    def first(self) -> datetime | None:
        """The earliest moment of all, None for an event without races."""
        return min(self.due, default=None)

    @property
    def last(self) -> datetime | None:
        """The moment after which nobody is to get this step any more."""
        return max(self.latest, default=None)

    def params(self) -> dict[str, Any]:
        """For `TABLE`."""
        return {"races": self.races, "waves": self.waves, "dues": self.due, "latests": self.latest}


TABLE = """moments (race_id, wave_id, due_at, latest_at) AS MATERIALIZED (
    SELECT * FROM unnest(%(races)s::bigint[], %(waves)s::bigint[], %(dues)s::timestamptz[], %(latests)s::timestamptz[])
)"""


@dataclass(frozen=True)
class Field:
    """An event's races and waves, read once for all of its steps."""

    event: Event
    races: list[Race]
    waves: list[Wave]

    @classmethod
    def of(cls, event: Event) -> "Field":
        return cls(
            event,
            list(Race.objects.filter(event=event)),
            list(Wave.objects.filter(race__event=event).select_related("race")),
        )

    @classmethod
    def of_each(cls, events: Collection[Event]) -> "dict[int, Field]":
        """The fields of several events by their ids, in two queries however many they are."""
        fields = {event.id: cls(event, [], []) for event in events}
        for race in Race.objects.filter(event__in=fields):
            fields[race.event_id].races.append(race)
        for wave in Wave.objects.filter(race__event__in=fields).select_related("race"):
            fields[wave.race.event_id].waves.append(wave)
        return fields

    def moments(self, step: Step, now: datetime) -> Moments:
        """The moments of a step. Without a `when`, an alert is due from its press on, and the catch-up now."""
        places: list[tuple[int, int | None, time]] = [(race.id, None, race.start) for race in self.races]
        places += [(wave.race_id, wave.id, wave.start) for wave in self.waves]
        due = [self._due(step, start, now) for _, _, start in places]
        return Moments(
            [race for race, _, _ in places],
            [wave for _, wave, _ in places],
            due,
            [moment + step.latest for moment in due],
        )

    def due(self, step: Step, moments: Moments) -> list[datetime]:
        """When it becomes due for those races alone that somebody in its audience can be in."""
        if len(set(moments.due)) < 2:
            return moments.due
        able = self.races_of(self.audience(step))
        return [due for race, due in zip(moments.races, moments.due, strict=True) if race in able]

    def races_of(self, audience: Audience) -> set[int]:
        """The ids of the races that somebody in an audience can be in by its words; all, where that is none."""
        able = {
            race.id for race in self.races if audience.may_hold(race.slug, for_children=race.for_children)
        }
        return able or {race.id for race in self.races}

    def audience(self, step: Step) -> Audience:
        """The step's audience as a condition for this event."""
        return self.audience_of(step.audience)

    def audience_of(self, text: str) -> Audience:
        """An audience in words as a condition for this event. Raises AudienceError."""
        return parse(text, [race.slug for race in self.races], [wave.name for wave in self.waves])

    def _due(self, step: Step, start: time, now: datetime) -> datetime:
        if step.kind == StepKind.ALERT:
            return step.approved_at or now
        if step.kind == StepKind.CATCH_UP:
            return now
        return schedule.moment(schedule.parse_when(step.when), self.event.date, self.event.zone, start)
