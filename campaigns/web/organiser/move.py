"""Move the race: see every station glide to where it would stand, and then confirm."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import audit, clock
from campaigns import campaign as plans
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Event
from campaigns.moving import Fate, Moved, approvals_that_end, foresee_move
from campaigns.web import course as picture
from campaigns.web.organiser import plan_look, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import fragment, show

FURTHEST = 3
"""Years: a day beyond is a slip of the keyboard."""

FATES = {
    Fate.MOVES: "moves",
    Fate.STAYS: "was sent, and stays",
    Fate.AT_ONCE: "its moment would be past: it goes as soon as it is approved",
    Fate.TOO_LATE: "its moment would be long past: nobody gets it any more",
    Fate.OFF: "is switched off",
}


class NewDay(forms.Form):
    """The new race day; `was` is the one that its page showed, so that two people do not move it twice."""

    day = forms.DateField(
        label="New race day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    was = forms.DateField(label="Race day", required=False, widget=forms.HiddenInput)

    def __init__(self, *given: Any, event: Event, **more: Any) -> None:
        super().__init__(*given, **more)
        self.event = event

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        today = clock.now().astimezone(self.event.zone).date()
        if day < today:
            raise forms.ValidationError(f"{words.day(day)} is past: choose today or a later day.")
        if day.year > today.year + FURTHEST:
            raise forms.ValidationError(
                f"{words.day(day)} is more than {FURTHEST} years off: look at the year."
            )
        if day == self.event.date:
            raise forms.ValidationError(f"The race is on {words.day(day)} already: choose another day.")
        return day

    def clean_was(self) -> date | None:
        was: date | None = self.cleaned_data["was"]
        if was is not None and was != self.event.date:
            raise forms.ValidationError(
                f"Meanwhile the race was moved to {words.day(self.event.date)}: look at what that means first."
            )
        return was


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def move(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/move`: asks for a day, shows what would become of each step, and moves the race."""
    given = request.POST if request.method == "POST" else request.GET if "day" in request.GET else None
    form = NewDay(given or None, event=member.event)
    if request.method == "POST" and form.is_valid():
        return _move(request, member, form.cleaned_data["day"])
    return show(request, member, "move.html", **_pieces(form))


@require_safe
@page(Power.EDIT)
def move_preview(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/move/preview`: what a day would mean, for htmx."""
    return fragment(request, member, "move_preview.html", **_pieces(NewDay(request.GET, event=member.event)))


def _move(request: HttpRequest, member: Member, day: date) -> HttpResponse:
    event, before = member.event, member.event.date
    with transaction.atomic():
        asked = plans.move_race(event, day)
        audit.record(
            member.who, "event.move", event=event.slug, before=str(before), after=str(day), ask_again=asked
        )
    again = f" {words.count(asked, 'step asks', 'steps ask')} for approval again." if asked else ""
    messages.success(request, f"The race is on {words.day(day)} now, and was on {words.day(before)}.{again}")
    return redirect("course", event.slug)


def _pieces(form: NewDay) -> dict[str, Any]:
    shown: dict[str, Any] = {"form": form, "moved": None}
    if not form.is_bound or not form.is_valid():
        return shown
    event, day = form.event, form.cleaned_data["day"]
    moved = foresee_move(event, day)
    return shown | {
        "moved": moved,
        "day": day,
        "days": (day - event.date).days,
        "other_weekday": day.weekday() != event.date.weekday(),
        "ask_again": approvals_that_end(event),
        "drawn": plan_look.picture_of(_course(event, day, moved)),
        "fates": FATES,
        "one_sign": picture.one_sign,
        "station": _station,
        "topic": words.topic,
    }


def _course(event: Event, day: date, moved: list[Moved]) -> picture.Course:
    stations = [_station(one, event) for one in moved if one.at]
    return picture.Course(day, event.zone, clock.now(), stations)


def _station(one: Moved, event: Event) -> picture.Station:
    channel: picture.Sign = "sms" if one.step.channel == "sms" else "email"
    stays = one.fate == Fate.STAYS
    state = {Fate.STAYS: "done", Fate.TOO_LATE: "missed", Fate.OFF: "off"}.get(one.fate)
    return picture.Station(
        topic=words.topic(one.step.name),
        channel=channel,
        state=state or ("waiting" if one.asks_again else one.step.state),
        people=None,
        at=one.at,
        moment=words.short_moment(one.at, event.zone) if one.at else "",
        was=None if stays or one.at == one.was else one.was,
        stays=stays,
    )
