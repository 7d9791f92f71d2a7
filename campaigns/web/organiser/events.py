"""The events of one person: the first page after signing in."""

from __future__ import annotations

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns import clock
from campaigns.models import Event, Membership, User
from campaigns.models.words import CampaignState
from campaigns.web.organiser import door, words
from campaigns.web.organiser.showing import days_to_go, show_person


@require_safe
@door.signed_in
def events(request: HttpRequest, user: User) -> HttpResponse:
    """`/events/`: every event that this person is somebody at, the next race first."""
    now = clock.now()
    found = (
        Membership.objects.filter(user=user)
        .select_related("event__campaign")
        .order_by("event__date", "event_id", "role")
    )
    rows = [
        (event, days_to_go(event, now), _standing(event), [one.role for one in roles])
        for event, roles in groupby(found, key=lambda one: one.event)
    ]
    rows.sort(key=lambda row: (row[1] < 0, abs(row[1])))
    return show_person(request, user, "events.html", rows=rows)


def _standing(event: Event) -> str:
    """What somebody with several events chooses by: "draft", "live"."""
    campaign = getattr(event, "campaign", None)
    return words.CAMPAIGN[CampaignState(campaign.state)] if campaign else "no plan yet"
