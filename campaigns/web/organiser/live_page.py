"""A send as it goes: how far each step is, what does not arrive and why; and the acts that stop it."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import audit, clock, live
from campaigns import campaign as plans
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Campaign, Step
from campaigns.models.words import CampaignState, Channel, StepKind
from campaigns.web.organiser import course_words, plan_look, refusals, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import fragment, show

ACTS = {
    "pause": (plans.pause, "Paused: nothing planned leaves any more. Everything keeps its place."),
    "resume": (plans.resume, "It goes on. What has become too late meanwhile is left out and counted."),
    "stop": (plans.stop, "Stopped for good. What was sent stays sent."),
}
"""What may be pressed here, and what is said of it."""

JUST_BEGUN = timedelta(seconds=30)
"""So long after a start the first messages are still on their way: that many wait is then no news."""


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.SEE)
def live_page(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/live/`: shows the send; a POST pauses, resumes or stops the campaign."""
    if request.method == "POST":
        return _act(request, member)
    now = clock.now()
    return show(request, member, "live.html", coming=_coming(member, now), **_figures(member, now))


@require_safe
@page(Power.SEE)
def live_figures(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/live/figures`: the same counts, for htmx."""
    return fragment(request, member, "live_figures.html", **_figures(member, clock.now()))


def _coming(member: Member, now: datetime) -> str:
    """What goes next, as a sentence; empty unless the campaign is live."""
    campaign = Campaign.objects.filter(event=member.event, state=CampaignState.LIVE).first()
    if campaign is None or member.event.cancelled_at or member.event.incident_hold:
        return ""
    return course_words.next_of(member.event, plan_look.look(member.event, campaign, now), now)


def _act(request: HttpRequest, member: Member) -> HttpResponse:
    if not member.may(Power.HALT):
        return refusals.not_yours(request, member, Power.HALT)
    name = request.POST.get("act", "")
    chosen = Campaign.objects.filter(event=member.event).first()
    if chosen is not None and name in ACTS:
        change, said = ACTS[name]
        try:
            change(chosen)
        except plans.CampaignError as error:
            messages.error(request, str(error))
        else:
            audit.record(member.who, f"campaign.{name}", event=member.event.slug)
            messages.success(request, said)
    return redirect("live", member.event.slug)


def _figures(member: Member, now: datetime) -> dict[str, Any]:
    steps = list(
        Step.objects.filter(campaign__event=member.event).select_related("campaign").order_by("position")
    )
    found = [line for line in live.lines(member.event, steps, now) if line.total]
    moving = [line for line in found if line.left or line.rate]
    campaign = steps[0].campaign if steps else None
    runs = campaign is not None and campaign.state == CampaignState.LIVE and not member.event.incident_hold
    stopped = live.stopped_providers()
    faults = _faults(found, stopped) if runs else []
    return {
        "moving": moving,
        "still": sorted((line for line in found if line not in moving), key=_newest_first),
        "found": found,
        "left": sum(line.to_leave for line in found),
        "reached": sum(line.reached for line in found),
        "a_minute": round(60 * sum(line.rate for line in found)),
        "late": {} if faults else {line.step.id: line.late_s for line in live.late(found)},
        "faults": faults,
        "begins": runs and not faults and not stopped and _has_just_begun(campaign, now),
        "doubtful": sum(line.of("uncertain") for line in found),
        "not_reached": sum(line.not_reached for line in moving),
        "stopped": stopped,
        "state": campaign.state if campaign else "",
        "hold": member.event.incident_hold,
        "any_step": bool(steps),
        "topics": {line.step.id: topic_of(line.step) for line in found},
    }


SENDERS = {Channel.EMAIL: "email", Channel.SMS: "texts"}
"""What each channel's worker is for, as the processes are called."""


def _has_just_begun(campaign: Campaign | None, now: datetime) -> bool:
    return campaign is not None and campaign.live_since is not None and now - campaign.live_since < JUST_BEGUN


def _faults(found: list[live.Line], stopped: Container[Channel]) -> list[str]:
    """What keeps messages from leaving that could, and is no provider's answer, in sentences."""
    if live.clock_stands_still():
        return ["The clock stands still: nothing becomes due. See that the scheduler and the workers run."]
    still = {channel: of for channel, of in live.standing(found).items() if channel not in stopped}
    return [
        f"{words.count(sum(line.to_leave for line in of), 'message waits', 'messages wait')} to leave by "
        f"{words.CHANNELS[channel]} and none is on its way, although the first could have left "
        f"{words.lasting(max(line.late_s for line in of))} ago: see that the worker for {SENDERS[channel]} runs."
        for channel, of in still.items()
    ]


def topic_of(step: Step) -> str:
    """An alert's step is named for its press: "heat#1-email" is "Heat, sending 1"."""
    if step.kind != StepKind.ALERT:
        return words.topic(step.name)
    name, _, number = step.name.rpartition("-")[0].partition("#")
    return f"{words.topic(name)}, alert {number}"


def _newest_first(line: live.Line) -> float:
    return -line.step.position
