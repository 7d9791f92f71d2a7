"""What an event page changes of its races and clocks beside starts: a race renamed or removed, another time zone."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from campaigns import audit, events
from campaigns.models import Event, Race
from campaigns.web.organiser import words


class Change(forms.Form):
    """One change of an event; `save` makes and notes it, says what it came to, and may raise EventError."""

    def __init__(self, event: Event, races: list[Race], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.event = event
        for field in self.fields.values():
            if isinstance(field, forms.ChoiceField):
                field.choices = [(race.slug, race.name) for race in races]

    def save(self, who: str) -> str:
        raise NotImplementedError


class RenameRace(Change):
    """Runners read another name; audiences go on calling the race as they did."""

    renamed = forms.ChoiceField(label="Race")
    new_name = forms.CharField(max_length=50, label="New name", help_text="As runners read it, such as 5K.")

    def save(self, who: str) -> str:
        slug, name = self.cleaned_data["renamed"], self.cleaned_data["new_name"]
        before = events.rename_race(self.event, slug, name)
        if before != name:
            audit.record(
                who, "event.race.rename", event=self.event.slug, race=slug, before=before, after=name
            )
        return f"{before} is called {name} from now on. Audiences still call it '{slug}'."


class RemoveRace(Change):
    """A race that was entered by mistake goes."""

    removed = forms.ChoiceField(label="Race")

    def save(self, who: str) -> str:
        slug = self.cleaned_data["removed"]
        name = events.remove_race(self.event, slug)
        audit.record(who, "event.race.remove", event=self.event.slug, race=slug)
        return f"{name} is removed."


class TimeZone(Change):
    """By whose clocks every time of the event is meant."""

    zone = forms.CharField(max_length=64, label="Time zone", help_text="Such as Europe/London.")

    def clean_zone(self) -> str:
        zone: str = self.cleaned_data["zone"].strip()
        if zone not in available_timezones():
            raise forms.ValidationError("This is no time zone: write it like Europe/London.")
        return zone

    def save(self, who: str) -> str:
        before, zone = self.event.timezone, self.cleaned_data["zone"]
        if zone == before:
            return f"The times were by the clocks of {zone} already."
        asked = events.change_zone(self.event, zone)
        audit.record(who, "event.timezone", event=self.event.slug, before=before, after=zone, ask_again=asked)
        again = f" {words.count(asked, 'step asks', 'steps ask')} for approval again." if asked else ""
        return f"All times are by the clocks of {zone} from now on.{again}"


CHANGES = {"race-rename": RenameRace, "race-remove": RemoveRace, "zone": TimeZone}
"""By the word of their form on the page."""
