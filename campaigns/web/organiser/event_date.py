"""Moving the race, with all that would move along, and calling it off."""

from __future__ import annotations

from datetime import date

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import audit, campaign, clock, events
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Outbox
from campaigns.web.organiser import words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show


class NewDate(forms.Form):
    """Where the race is to go."""

    day = forms.DateField(
        label="New race day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, today: date, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.today = today

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if day < self.today:
            raise forms.ValidationError("This day is past: choose one that is still to come.")
        return day


class TypeTheName(forms.Form):
    """Nobody calls off a race by a slip of the finger."""

    typed = forms.CharField(
        label="Type the name of the event", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, name: str, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.name = name

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if " ".join(typed.split()).casefold() != " ".join(self.name.split()).casefold():
            raise forms.ValidationError(f"This is not its name: type {self.name}.")
        return typed


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def move(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/event/move`: asks for the day, shows each step's old and new moment, and moves on a second press."""
    event, now = member.event, clock.now()
    today = now.astimezone(event.zone).date()
    given = request.POST if request.method == "POST" else request.GET
    form = NewDate(today, given if "day" in given else None, initial={"day": event.date})
    day = form.cleaned_data["day"] if form.is_valid() else None
    if request.method == "POST" and day is not None and request.POST.get("seen") == f"{event.date}>{day}":
        return _moved(request, member, day)
    moves = events.preview_move(event, day, now) if day is not None and day != event.date else []
    status = 422 if form.is_bound and not form.is_valid() else 200
    return show(request, member, "event_move.html", status=status, form=form, day=day, moves=moves)


def _moved(request: HttpRequest, member: Member, day: date) -> HttpResponse:
    before = member.event.date
    with transaction.atomic():
        asks = campaign.move_race(member.event, day)
        audit.record(
            member.who,
            "event.move",
            event=member.event.slug,
            before=str(before),
            after=str(day),
            ask_again=asks,
        )
    again = f" {words.count(asks, 'step asks', 'steps ask')} for approval again." if asks else ""
    messages.success(request, f"The race is on {words.day(day)} now.{again}")
    return redirect("course", member.event.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def cancel(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/event/cancel`: says what is dropped and what stays, and takes the event's name."""
    event = member.event
    if event.cancelled_at is not None:
        messages.info(request, "This race is called off already.")
        return redirect("event", event.slug)
    form = TypeTheName(event.name, request.POST or None)
    if form.is_valid():
        with transaction.atomic():
            dropped = campaign.cancel_event(event)
            audit.record(member.who, "event.cancel", event=event.slug, deliveries=dropped)
        messages.success(
            request,
            f"{event.name} is called off: {words.count(dropped, 'planned message')} in the queue dropped. "
            "Nobody has been told by this: send the alert.",
        )
        return redirect("race-day", event.slug)
    waiting = Outbox.objects.filter(step__campaign__event=event).count()
    status = 422 if form.is_bound else 200
    return show(request, member, "event_cancel.html", status=status, form=form, waiting=waiting)
