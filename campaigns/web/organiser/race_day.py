"""Race day, for a phone at the start line: is all ready, how many are reached, the alerts, the incident hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import alerts, audit, campaign, clock, live, readiness
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.alerts import Arming, Standing
from campaigns.alerts.arming import same_person
from campaigns.checking import State
from campaigns.ledger.moments import Field
from campaigns.models import Event, Step
from campaigns.models.words import Channel, StepKind, StepState
from campaigns.web.organiser import refusals, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import days_to_go, fragment, show

RECENT = timedelta(hours=24)
"""How long after a press its progress stands on the page."""

ALL_CLEAR = "all-clear"
"""The alert that ends another."""

SOON = timedelta(hours=24)
"""How far ahead the hold names what it would stop."""


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.SEE, fresh=True)
def race_day(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/race-day/`: how things stand; a POST holds, ends the hold, or asks providers and tests the staff."""
    if request.method == "POST":
        return _act(request, member)
    now, event = clock.now(), member.event
    standing, warnings = alerts.standing(event)
    checks = readiness.look(event, now, standing)
    known = alerts.known(event, now)
    return show(
        request, member, "race_day.html", checks=checks, warnings=warnings, alerts=standing,
        wrong=[one for one in checks if one.state == State.WRONG],
        look=[one for one in checks if one.state == State.LOOK],
        mailed=known[Channel.EMAIL].entrants, texted=known[Channel.SMS].entrants,
        confirming=[
            (each, same_person(each.alert.armed_by, member.who))
            for each in standing
            if each.arming == Arming.CONFIRMING
        ],
        is_the_day=days_to_go(event, now) == 0,
        followed=_followed(standing, now), soon=_soon(event, now), **_figures(member, now),
    )  # fmt: skip


@require_safe
@page(Power.SEE)
def race_day_figures(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/race-day/figures`: the counts that move, for htmx."""
    return fragment(request, member, "race_day_figures.html", **_figures(member, clock.now()))


def _act(request: HttpRequest, member: Member) -> HttpResponse:
    if not member.may(Power.HALT):
        return refusals.not_yours(request, member, Power.HALT)
    act = request.POST.get("act", "")
    if act in ("hold", "unhold"):
        _hold(request, member, on=act == "hold")
    elif act == "ask":
        _ask(request, member)
    return redirect("race-day", member.event.slug)


def _hold(request: HttpRequest, member: Member, *, on: bool) -> None:
    campaign.hold(member.event, on=on)
    audit.record(member.who, "campaign.hold", event=member.event.slug, on=on)
    said = (
        "Nothing planned leaves any more. Alerts still go." if on else "The hold has ended: the plan goes on."
    )
    messages.success(request, said)


def _ask(request: HttpRequest, member: Member) -> None:
    answer = readiness.ask_credit(member.event)
    tested = readiness.test_staff(member.event)
    failed = [one for one in tested if one.problem]
    audit.record(
        member.who, "event.ready", event=member.event.slug, sent=len(tested) - len(failed), failed=len(failed)
    )
    messages.info(request, f"Twilio: {answer.words}")
    for one in failed:
        messages.error(request, f"The test to {one.name} by {one.channel} did not leave: {one.problem}")
    if tested and not failed:
        messages.success(
            request, f"{words.count(len(tested), 'test')} sent to the staff. Ask them if they came."
        )


def _figures(member: Member, now: datetime) -> dict[str, Any]:
    steps = list(Step.objects.filter(campaign__event=member.event).exclude(state=StepState.OFF))
    found = live.lines(member.event, steps, now)
    return {
        "left": sum(line.to_leave for line in found),
        "a_minute": round(60 * sum(line.rate for line in found)),
        "late_s": max((line.late_s for line in live.late(found)), default=0.0),
        "stopped": live.stopped_providers(),
    }


def _followed(standing: list[Standing], now: datetime) -> tuple[alerts.Standing, Standing] | None:
    """The newest alert that people may still be following, and the all clear that would end it."""
    sent = [each for each in standing if each.releases and now - each.releases[-1].pressed_at < RECENT]
    last = max(sent, key=lambda each: each.releases[-1].pressed_at, default=None)
    clear = next((each for each in standing if each.alert.name == ALL_CLEAR), None)
    return (last, clear) if last and clear and last is not clear else None


def _soon(event: Event, now: datetime) -> list[tuple[Step, datetime]]:
    """The approved steps of the next day, soonest first: what a hold would stop."""
    field = Field.of(event)
    steps = Step.objects.filter(
        campaign__event=event, kind=StepKind.PLANNED, state__in=(StepState.APPROVED, StepState.SENDING)
    )
    found = [(step, field.moments(step, now).first) for step in steps]
    return sorted(
        ((step, first) for step, first in found if first and now < first <= now + SOON),
        key=lambda one: one[1],
    )
