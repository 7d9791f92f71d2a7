"""Making an event: for people who may; whoever makes it owns it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods

from campaigns import audit, clock, events
from campaigns.accounts import members
from campaigns.models import Event, Organiser, User
from campaigns.models.words import Role
from campaigns.web.organiser import door
from campaigns.web.organiser.showing import show_person

RACES = 6
"""Rows for races."""

FIRST = (("half", "09:15"), ("10k", "09:00"), ("5k", "09:25"), ("kids", "12:00"))
"""What the first rows suggest: the races that the library's plan speaks of, by their short names."""


class NewEvent(forms.Form):
    """What an event cannot be without; all else can be said later."""

    name = forms.CharField(
        max_length=100, label="Name", help_text="As runners read it, with the year: Run Reigate 2027."
    )
    day = forms.DateField(label="Race day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    timezone = forms.CharField(
        initial="Europe/London", label="Time zone", help_text="All times are by the clocks there."
    )
    organiser = forms.ModelChoiceField(
        queryset=Organiser.objects.none(), required=False, label="Organiser", empty_label="another one"
    )
    organiser_name = forms.CharField(
        max_length=100,
        required=False,
        label="Name of another organiser",
        help_text="Who answers for the messages. Whoever opts out opts out of one organiser.",
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["organiser"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = known = _organisers_of(user)
        choice.label_from_instance = lambda one: one.name  # type: ignore[method-assign, assignment]
        choice.initial = known.first()
        for number in range(RACES):
            slug, start = FIRST[number] if number < len(FIRST) else ("", "")
            self.fields[f"race-{number}"] = forms.CharField(
                max_length=50, required=False, label="Name", initial=events.RACE_NAMES.get(slug, "")
            )
            self.fields[f"start-{number}"] = forms.TimeField(
                required=False, label="Start", initial=start or None,
                widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            )  # fmt: skip
            self.fields[f"children-{number}"] = forms.BooleanField(
                required=False,
                initial=slug in events.FOR_CHILDREN,
                label="For children: the address in an entry is the guardian's",
            )

    @property
    def races(self) -> Iterator[tuple[forms.BoundField, ...]]:
        return (
            (self[f"race-{number}"], self[f"start-{number}"], self[f"children-{number}"])
            for number in range(RACES)
        )

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if day < clock.now().date():
            raise forms.ValidationError("This day is past: choose one that is still to come.")
        return day

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"].strip()
        if zone not in available_timezones():
            raise forms.ValidationError("This is no time zone: write it like Europe/London.")
        return zone

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not given.get("organiser") and not given.get("organiser_name", "").strip():
            self.add_error("organiser_name", "Say who answers for the messages.")
        given["races"] = [race for number in range(RACES) if (race := self._race(given, number))]
        if not given["races"] and not self.errors:
            self.add_error("race-0", "An event has at least one race: give its name and its start.")
        slugs = [race["slug"] for race in given["races"]]
        if len(set(slugs)) < len(slugs):
            raise forms.ValidationError("Two races have the same name: give each a name of its own.")
        return given

    def _race(self, given: dict[str, Any], number: int) -> dict[str, Any] | None:
        name, start = given.get(f"race-{number}", "").strip(), given.get(f"start-{number}")
        if not name:
            return None
        slug = events.race_slug(name)
        if start is None or not slug:
            self.add_error(
                f"start-{number}" if slug else f"race-{number}",
                f"{name} needs a name in letters and a start.",
            )
            return None
        return {
            "slug": slug,
            "name": name,
            "start": start,
            "for_children": given.get(f"children-{number}", False),
        }


@require_http_methods(["GET", "HEAD", "POST"])
@door.signed_in
def event_new(request: HttpRequest, user: User) -> HttpResponse:
    """`/events/new`: makes an event, whose owner is whoever made it."""
    if not user.may_create_events:
        return show_person(request, user, "event_new_refused.html", status=403)
    form = NewEvent(user, request.POST or None)
    if form.is_valid():
        try:
            made = _made(form.cleaned_data, user)
        except events.EventError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{made.name} is made, and you own it. Next, its entry list.")
            return redirect("list-new", made.slug)
    return show_person(request, user, "event_new.html", status=422 if form.is_bound else 200, form=form)


@transaction.atomic
def _made(given: dict[str, Any], user: User) -> Event:
    organiser = given["organiser"] or _new_organiser(given["organiser_name"].strip())
    fields = {"date": given["day"], "timezone": given["timezone"]}
    made = events.create(organiser, _free_slug(given["name"]), given["name"], fields, given["races"])
    members.give(user, made, Role.OWNER)
    audit.record(user.email, "event.create", event=made.slug, races=len(given["races"]))
    return made


def _organisers_of(user: User) -> Any:
    """Those whose events this person owns one of: nobody may speak in the name of another's opt-outs."""
    owned = Q(events__members__user=user, events__members__role=Role.OWNER)
    return Organiser.objects.filter(owned).distinct().order_by("name", "id")


def _new_organiser(name: str) -> Organiser:
    slug = slugify(name)[:50] or "organiser"
    if Organiser.objects.filter(slug=slug).exists():
        raise events.EventError(
            f"There is an organiser '{name}' already: ask one of its owners to make the event, or write the name "
            "in another way if it is somebody else."
        )
    return Organiser.objects.create(slug=slug, name=name)


def _free_slug(name: str) -> str:
    """The short name that addresses and commands use, with a number behind it when another event has it."""
    base = slugify(name)[:44].strip("-") or "event"
    taken = set(Event.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(
        slug for slug in (base, *(f"{base}-{number}" for number in range(2, 10_000))) if slug not in taken
    )
