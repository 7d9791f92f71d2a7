"""The sentences with which the course opens: how things stand, and what to do next."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Campaign, Event
from campaigns.models.words import CampaignState
from campaigns.web.organiser import words
from campaigns.web.organiser.plan_look import PlanLook, StepLook

STANDING = {
    CampaignState.PAUSED: "The campaign is paused: nothing leaves until somebody resumes it.",
    CampaignState.STOPPED: "The campaign was stopped for good: nothing of it is sent any more.",
    CampaignState.DONE: "The campaign is done: everything has gone.",
}


def opening(event: Event, campaign: Campaign, plan: PlanLook, now: datetime) -> str:
    """ "3 steps wait for approval; the first goes on Tuesday at 10:00."."""
    if event.cancelled_at:
        return "The race is cancelled: nothing planned is sent any more. Alerts still are."
    if event.incident_hold:
        return "Incident hold: nothing planned leaves until somebody ends it. Alerts still do."
    state = CampaignState(campaign.state)
    if state in STANDING:
        return STANDING[state]
    if not plan.steps:
        return "The plan has no step yet: add the first message that runners get."
    if plan.waiting:
        return _waiting(event, plan.waiting, now)
    coming = plan.coming(now)
    if state == CampaignState.APPROVED and coming:
        return f"Everything is approved and nothing is started: start it, and {_goes(coming[0], event, now)}."
    return f"All is approved: next, {_goes(coming[0], event, now)}." if coming else _nothing_to_come(plan)


def _waiting(event: Event, waiting: list[StepLook], now: datetime) -> str:
    said = words.count(len(waiting), "step waits for approval", "steps wait for approval")
    dated = [one.at for one in waiting if one.at and one.at > now]
    if not dated:
        return f"{said}."
    whose = "it goes" if len(waiting) == 1 else "the first goes"
    return f"{said}; {whose} {words.soon(min(dated), now, event.zone)}."


def _goes(one: StepLook, event: Event, now: datetime) -> str:
    at = one.at if one.at and one.at > now else one.last
    assert at is not None
    reached = words.count(one.people, "person", "people")
    return f"{one.topic} goes to {reached} {words.soon(at, now, event.zone)}"


def _nothing_to_come(plan: PlanLook) -> str:
    if any(one.state == "sending" for one in plan.steps):
        return "The last messages are being sent."
    return "Nothing is left to come: every step has had its moment or is switched off."
