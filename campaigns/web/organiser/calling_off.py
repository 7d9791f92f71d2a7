"""Calling off the race: what is dropped, what stays, and the event's name typed."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import audit, campaign
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Outbox
from campaigns.web.organiser import words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show


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
