"""The events of one person: the first page after signing in."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns import alerts, clock, start_list
from campaigns import messages as stock
from campaigns.accounts.powers import Power, powers_of
from campaigns.alerts.arming import same_person
from campaigns.messages import Signing
from campaigns.models import Event, Membership, User
from campaigns.models.words import CampaignState, Role
from campaigns.web.organiser import door, plan_look, words
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
        (event, days_to_go(event, now), _standing(event), held, _waiting(user, event, held, now))
        for event, roles in groupby(found, key=lambda one: one.event)
        for held in [[Role(one.role) for one in roles]]
    ]
    rows.sort(key=lambda row: (row[1] < 0, abs(row[1])))
    return show_person(request, user, "events.html", rows=rows)


def _waiting(user: User, event: Event, roles: list[Role], now: datetime) -> list[tuple[str, str]]:
    """What waits at this event for somebody with these roles: the page to go to, and words."""
    powers, found = powers_of(roles), []
    if event.cancelled_at or days_to_go(event, now) < 0:
        return []
    if Power.APPROVE in powers and (steps := plan_look.waiting_count(event, now)):
        waits = words.count(steps, "step waits", "steps wait")
        found.append(("approve", f"{waits} for your approval"))
    if Power.APPROVE in powers and (alone := _to_confirm(user, event)):
        waits = "An alert waits" if alone == 1 else f"{alone} alerts wait"
        found.append(("race-day", f"{waits} for your confirmation"))
    if Power.REVIEW in powers and (unsigned := _unsigned(event, now)):
        waits = words.count(unsigned, "message waits", "messages wait")
        found.append(("messages", f"{waits} for your sign-off"))
    if Power.EDIT in powers and (people := start_list.waiting_count(event)):
        waits = words.count(people, "entrant waits", "entrants wait")
        found.append(("entrants-waiting", f"{waits} for somebody"))
    return found


def _to_confirm(user: User, event: Event) -> int:
    """How many alerts another person has armed, for this one to be the second."""
    return sum(not same_person(alert.armed_by, user.email) for alert in alerts.confirming(event))


def _unsigned(event: Event, now: datetime) -> int:
    """How many messages that something sends have no sign-off that stands."""
    today = now.astimezone(event.zone).date()
    used = [row for row in stock.overview(event) if row.steps or row.alerts]
    return sum(row.signing(today) in (Signing.MISSING, Signing.ENDED) for row in used)


def _standing(event: Event) -> str:
    """What somebody with several events chooses by: "draft", "live"."""
    campaign = getattr(event, "campaign", None)
    return words.CAMPAIGN[CampaignState(campaign.state)] if campaign else "no plan yet"
