"""The sentences with which the course opens: how things stand, and what to do next."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Campaign, Event
from campaigns.models.words import CampaignState
from campaigns.web.organiser import words
from campaigns.web.organiser.plan_look import PlanLook, StepLook

STANDING = {
    CampaignState.PAUSED: "The campaign is paused: nothing leaves until somebody lets it go on.",
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
        return _waiting(event, campaign, plan.waiting, now)
    coming, due = plan.coming(now), plan.due(now)
    if state == CampaignState.APPROVED and (coming or due):
        ahead = [_at_once(due)] if due else []
        ahead += [_goes(coming[0], event, now)] if coming else []
        return f"Everything is approved and nothing is started: start it, and {', then '.join(ahead)}."
    now_leaving = f"{words.count(len(due), 'step leaves', 'steps leave')} now; " if due else ""
    if coming:
        return f"All is approved: {now_leaving}next, {_goes(coming[0], event, now)}."
    return f"All is approved: {now_leaving.rstrip('; ')}." if due else _nothing_to_come(plan)


def next_of(event: Event, plan: PlanLook, now: datetime) -> str:
    """ "Next, Taper goes to 336 people on Tuesday at 10:00."; empty where nothing approved is to come."""
    coming = plan.coming(now)
    return f"Next, {_goes(coming[0], event, now)}." if coming else ""


def started(plan: PlanLook, now: datetime) -> str:
    """What a press on Start has done."""
    due = plan.due(now)
    if not due:
        return "Started: each approved step goes at its moment."
    leaving = words.count(len(due), "step that was due leaves", "steps that were due leave")
    return f"Started: {leaving} now, and each other at its moment."


def _waiting(event: Event, campaign: Campaign, waiting: list[StepLook], now: datetime) -> str:
    said = words.count(len(waiting), "step waits for approval", "steps wait for approval")
    dated = [one.at for one in waiting if one.at and one.at > now]
    due = [one for one in waiting if one.goes_at_once(now)]
    if due:
        return f"{said}. {_due(due, waiting, campaign)}{_next(dated, event, now)}"
    if not dated:
        return f"{said}."
    whose = "it goes" if len(waiting) == 1 else "the first goes"
    return f"{said}; {whose} {words.soon(min(dated), now, event.zone)}."


def _due(due: list[StepLook], waiting: list[StepLook], campaign: Campaign) -> str:
    """ "3 of them are due already and go as soon as they are approved." """
    many = len(due) > 1
    who = "It is" if len(waiting) == 1 else f"{len(due)} of them {'are' if many else 'is'}"
    go, they = ("go", "they are") if many else ("goes", "it is")
    started = "" if campaign.state == CampaignState.LIVE else " and the campaign is started"
    return f"{who} due already and {go} as soon as {they} approved{started}."


def _next(dated: list[datetime], event: Event, now: datetime) -> str:
    return f" The next goes {words.soon(min(dated), now, event.zone)}." if dated else ""


def _at_once(due: list[StepLook]) -> str:
    steps = words.count(len(due), "step that is due already goes", "steps that are due already go")
    return f"{steps} at once, {words.count(sum(sum(one.messages) for one in due), 'message')}"


def _goes(one: StepLook, event: Event, now: datetime) -> str:
    at = one.at if one.at and one.at > now else one.last
    assert at is not None
    return f"{one.topic} goes to {_reached(one)} {words.soon(at, now, event.zone)}"


def _reached(one: StepLook) -> str:
    """Who gets it, as its approval counted them; of an audience that nobody has counted, those who agreed."""
    if not one.is_approved_count:
        return f"those of {words.count(one.people, 'entrant')} who have agreed to it"
    more = f" and up to {one.since:,} more" if one.since > 0 else ""
    return words.count(one.people, "person", "people") + more


def _nothing_to_come(plan: PlanLook) -> str:
    if any(one.state == "sending" for one in plan.steps):
        return "The last messages are being sent."
    return "Nothing is left to come: every step has had its moment or is switched off."
