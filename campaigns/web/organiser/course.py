"""The course: the plan of an event as a picture, and as the list that tells the same without it."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from markupsafe import Markup

from campaigns import clock
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.ledger.moments import Field
from campaigns.models import Event, Step
from campaigns.models.words import StepKind
from campaigns.web import course as picture
from campaigns.web.organiser import words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show


@require_safe
@page(Power.SEE)
def course(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/`: every planned step as a station at its moment."""
    now, event = clock.now(), member.event
    field = Field.of(event)
    steps = Step.objects.filter(campaign__event=event, kind=StepKind.PLANNED).order_by("position")
    stations = sorted((_station(step, field, now, event) for step in steps), key=lambda one: one.at or now)
    drawn = picture.drawing(
        picture.Course(day=event.date, zone=event.zone, now=now, now_is="today", stations=stations, alerts=[])
    )
    return show(
        request, member, "course.html", stations=stations, state_words=picture.STATE_WORDS,
        drawn=Markup(drawn) if stations else None,  # noqa: S704 - escaped there
    )  # fmt: skip


def _station(step: Step, field: Field, now: datetime, event: Event) -> picture.Station:
    first = field.moments(step, now).first
    return picture.Station(
        topic=words.topic(step.name),
        channel="sms" if step.channel == "sms" else "email",
        state=step.state,
        people=None,
        at=first,
        moment=words.short_moment(first, event.zone) if first else "",
        href=f"#{step.name}",
    )
