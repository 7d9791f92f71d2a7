"""Shows an organiser's page: the template with what every page has, under a policy that allows our one script."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from campaigns import clock
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Campaign, Event, User
from campaigns.web.headers import CONTENT_SECURITY_POLICY

POLICY = f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'; frame-src 'self'"

ROOMS = [("Course", "course"), ("Entrants", "entrants"), ("Messages", "messages"), ("Race day", "race-day")]
"""The rooms of an event, by the names of their first pages."""


def show(
    request: HttpRequest, member: Member, template: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of one event: `templates/web/organiser/{template}` with top bar, rooms and the member's powers."""
    event, now = member.event, clock.now()
    shared = {
        "event": event,
        "member": member,
        "person": member.user,
        "may": {power.name.lower(): member.may(power) for power in Power},
        "campaign": Campaign.objects.filter(event=event).first(),
        "days_to_go": days_to_go(event, now),
        "now": now,
        "rooms": ROOMS,
    }
    return _answer(request, template, status, shared | context)


def show_person(
    request: HttpRequest, user: User | None, template: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page without an event: signing in, one's own account, the list of events."""
    return _answer(request, template, status, {"event": None, "person": user, "now": clock.now(), **context})


def fragment(request: HttpRequest, member: Member, template: str, **context: Any) -> HttpResponse:
    """A piece of a page that htmx puts in place; the same template draws it inside the whole page."""
    return _answer(
        request, template, 200, {"event": member.event, "member": member, "now": clock.now(), **context}
    )


def days_to_go(event: Event, now: datetime) -> int:
    """Days until race day on the event's own calendar; negative after it."""
    return (event.date - now.astimezone(event.zone).date()).days


def _answer(request: HttpRequest, template: str, status: int, context: dict[str, Any]) -> HttpResponse:
    answer = render(request, f"organiser/{template}", context, status=status)
    answer.headers["Content-Security-Policy"] = POLICY
    # With "no-referrer", as on the runners' pages, a browser hides where a form stood, and no token could prove it.
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer
