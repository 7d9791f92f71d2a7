"""Approve: what a preflight found, and the press that binds exactly that; start and stop of the campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import approval, audit, clock, errands, sign_off
from campaigns import campaign as plans
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Campaign, Errand, Step, Version
from campaigns.models.words import CampaignState, ErrandKind, StepKind
from campaigns.preflight import Report, Severity, kept
from campaigns.web.course import STATE_MEANINGS, STATE_WORDS
from campaigns.web.organiser import course_words, grouped_findings, plan_look, refusals, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.errand_pages import ask, errand_of, progress_of
from campaigns.web.organiser.plan_look import StepLook
from campaigns.web.organiser.showing import show

GOOD_FOR = timedelta(hours=1)
"""How old a look may be that is approved: later, moments have passed and people have come."""

BEGUN = (CampaignState.LIVE, CampaignState.PAUSED)


class Choice(forms.Form):
    """Which of the waiting steps to look at; all of them unless somebody says otherwise."""

    steps = forms.MultipleChoiceField(label="Steps that wait", widget=forms.CheckboxSelectMultiple)

    def __init__(self, *given: Any, waiting: list[StepLook], **more: Any) -> None:
        super().__init__(*given, **more)
        names = [one.step.name for one in waiting]
        self.fields["steps"] = forms.MultipleChoiceField(
            label="Steps that wait",
            choices=[(one.step.name, one.topic) for one in waiting],
            initial=names,
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": "Tick the steps that you want to look at."},
        )


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.SEE)
def approve(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/approve`: what waits, what is approved, and whether the campaign runs."""
    if not Campaign.objects.filter(event=member.event).exists():
        messages.info(request, "There is no plan yet to approve: begin one here.")
        return redirect("course", member.event.slug)
    campaign = campaign_of(member)
    if request.method == "POST" and request.POST.get("act") in ACTS:
        return ACTS[request.POST["act"]](request, member, campaign)
    now = clock.now()
    plan = plan_look.look(member.event, campaign, now)
    form = Choice(request.POST or None, waiting=plan.waiting)
    if form.is_valid():
        if not (member.may(Power.EDIT) or member.may(Power.APPROVE)):
            return refusals.not_yours(request, member, Power.APPROVE)
        errand = ask(member, ErrandKind.PREFLIGHT, steps=form.cleaned_data["steps"])
        return redirect("approve-look", member.event.slug, errand.token)
    due, coming = plan.due(now), plan.coming(now)
    latest = (
        Errand.objects.filter(event=member.event, kind=ErrandKind.PREFLIGHT)
        .order_by("-asked_at", "-id")
        .first()
    )
    return show(
        request, member, "approve.html",
        plan=plan, form=form, latest=latest, due=going(due, now), coming=going(coming, now),
        changed=[one for one in [*due, *coming] if one.since],
        uncounted=any(one.step.approved_emails is None for one in [*due, *coming]),
        again=_counted_again([*due, *coming], latest),
        opening=course_words.opening(member.event, campaign, plan, now),
        grown=approval.grown(member.event, [one.step for one in plan.steps]),
        can_stop=campaign.state in BEGUN,
        state_words=STATE_WORDS | STATE_MEANINGS,
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.SEE)
def approve_look(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`/e/<slug>/approve/<token>`: how far a look is, what it found, and the press that approves just that."""
    errand = errand_of(member, token, ErrandKind.PREFLIGHT)
    campaign = campaign_of(member)
    if request.method == "POST":
        if not member.may(Power.APPROVE):
            return refusals.not_yours(request, member, Power.APPROVE)
        return _approve(request, member, campaign, errand)
    return _show_look(request, member, campaign, errand)


@require_safe
@page(Power.SEE)
def approve_progress(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`/e/<slug>/approve/<token>/progress`: how far it is, for htmx."""
    return progress_of(request, member, errand_of(member, token, ErrandKind.PREFLIGHT))


def campaign_of(member: Member) -> Campaign:
    """The event's campaign, or 404."""
    found = Campaign.objects.filter(event=member.event).first()
    if found is None:
        raise Http404
    found.event = member.event
    return found


@dataclass(frozen=True)
class Going:
    """Some approved steps, as the panel of the start button says them."""

    steps: int
    emails: int
    texts: int
    paid: int
    """What its texts are paid as: each once, where no look counted them."""
    first: datetime | None
    last: datetime | None
    cost: str
    """Empty where no price is known or no text goes."""


def going(coming: list[StepLook], now: datetime) -> Going:
    """What a start would let go of these steps, in the messages that the look before their approval counted."""
    emails, texts = (sum(one.messages[channel] for one in coming) for channel in (0, 1))
    paid = sum(one.messages[1] if one.paid is None else one.paid for one in coming)
    return Going(
        len(coming),
        emails,
        texts,
        paid,
        min((max(one.at, now) for one in coming if one.at), default=None),
        max((one.last for one in coming if one.last), default=None),
        f"{settings.SMS_PRICE * paid:,.2f}" if settings.SMS_PRICE is not None and texts else "",
    )


def _counted_again(coming: list[StepLook], latest: Errand | None) -> Report | None:
    """The newest look, where it was at all of these steps as they are approved and the list has not changed since."""
    if latest is None or "report" not in latest.result or latest.result["seen"]["steps"]:
        return None
    report = kept.restored(latest.result["report"])
    approved = [one.step.approved_at for one in coming if one.step.approved_at]
    if not approved or report.at < max(approved):
        return None
    ready = {one.step.name: (one.step.approved_ready or 0) + one.since for one in coming}
    report.steps = [step for step in report.steps if step.ready == ready.get(step.name)]
    return report if len(report.steps) == len(ready) else None


def _start(request: HttpRequest, member: Member, campaign: Campaign) -> HttpResponse:
    if not member.may(Power.APPROVE):
        return refusals.not_yours(request, member, Power.APPROVE)
    try:
        plans.start(campaign)
    except plans.CampaignError as error:
        messages.error(
            request, str(error).replace("run `aidstation campaign approve` first", "approve one first")
        )
        return redirect("approve", member.event.slug)
    audit.record(member.who, "campaign.start", event=member.event.slug)
    now = clock.now()
    plan = plan_look.look(member.event, campaign, now)
    messages.success(request, course_words.started(plan, now))
    return redirect("live" if plan.due(now) else "course", member.event.slug)


def _stop(request: HttpRequest, member: Member, campaign: Campaign) -> HttpResponse:
    if not member.may(Power.HALT):
        return refusals.not_yours(request, member, Power.HALT)
    if "sure" not in request.POST:
        messages.error(request, "Nothing is stopped: tick the box that says you are sure.")
        return redirect("approve", member.event.slug)
    try:
        plans.stop(campaign)
    except plans.CampaignError as error:
        messages.error(request, str(error))
        return redirect("approve", member.event.slug)
    audit.record(member.who, "campaign.stop", event=member.event.slug)
    messages.success(request, "Stopped for good: nothing planned is sent any more.")
    return redirect("course", member.event.slug)


def _count(request: HttpRequest, member: Member, campaign: Campaign) -> HttpResponse:
    """A look at what is approved already, to see what it comes to now. It approves nothing."""
    if not (member.may(Power.EDIT) or member.may(Power.APPROVE)):
        return refusals.not_yours(request, member, Power.APPROVE)
    now = clock.now()
    plan = plan_look.look(member.event, campaign, now)
    names = [one.step.name for one in [*plan.due(now), *plan.coming(now)]]
    if not names:
        return redirect("approve", member.event.slug)
    errand = ask(member, ErrandKind.PREFLIGHT, steps=names)
    return redirect("approve-look", member.event.slug, errand.token)


ACTS = {"start": _start, "stop": _stop, "count": _count}


def _show_look(
    request: HttpRequest, member: Member, campaign: Campaign, errand: Errand, *, problem: str = ""
) -> HttpResponse:
    now = clock.now()
    shown: dict[str, Any] = {"errand": errand, "problem": problem, "lost": errands.is_lost(errand, now)}
    if "report" not in errand.result:
        return show(request, member, "approve_look.html", report=None, **shown)
    report, seen = kept.restored(errand.result["report"]), approval.Seen.restored(errand.result["seen"])
    return show(
        request, member, "approve_look.html", status=422 if problem else 200,
        report=report,
        steps=sorted(report.steps, key=lambda one: (one.first is None, one.first or now)),
        findings=[
            (kind, grouped_findings.grouped(report, kind, may_edit=member.may(Power.EDIT)))
            for kind in Severity
        ],
        signed=_signed(seen.versions or _bound_words(campaign, report)),
        planned={step.name: step for step in campaign.steps.all()},
        is_count=not seen.steps,
        stale=_stale(campaign, seen, errand, now),
        totals=_totals(report),
        quiet_hours=campaign.quiet_hours,
        **shown,
    )  # fmt: skip


def _stale(campaign: Campaign, seen: approval.Seen, errand: Errand, now: datetime) -> str:
    """Why this look cannot be approved any more, as a sentence; empty when it can."""
    found = {step.name: step for step in campaign.steps.exclude(kind=StepKind.ALERT)}
    if all(_bound(found.get(name), digest) for name, digest in seen.steps.items()):
        return "These steps are approved."
    standing = approval.note(campaign, list(seen.steps)) if set(seen.steps) <= set(found) else None
    if standing != seen:
        return "Plan, words or race day have changed since: look again."
    if now - errand.asked_at > GOOD_FOR:
        return "This look is more than an hour old: look again."
    return ""


def _bound(step: Step | None, digest: str) -> bool:
    return step is not None and step.approved_hash == digest and step.state in plans.MOVABLE


def _approve(request: HttpRequest, member: Member, campaign: Campaign, errand: Errand) -> HttpResponse:
    if "report" not in errand.result:
        return redirect("approve-look", member.event.slug, errand.token)
    seen, report = approval.Seen.restored(errand.result["seen"]), kept.restored(errand.result["report"])
    if stale := _stale(campaign, seen, errand, clock.now()):
        return _show_look(request, member, campaign, errand, problem=f"Nothing was approved. {stale}")
    try:
        approved = approval.approve_seen(campaign, member.who, seen, report)
    except plans.CampaignError as error:
        return _show_look(request, member, campaign, errand, problem=f"Nothing was approved. {error}")
    recipients = {step.name: step.people for step in approved.steps}
    audit.record(
        member.who, "campaign.approve", event=member.event.slug, steps=len(recipients), recipients=recipients
    )
    count = words.count(len(recipients), "step is", "steps are")
    campaign.refresh_from_db()
    more = " The campaign is not started yet." if campaign.state == CampaignState.APPROVED else ""
    messages.success(request, f"{count} approved.{more}")
    return redirect("approve", member.event.slug)


def _bound_words(campaign: Campaign, report: Report) -> dict[str, list[int]]:
    """What was approved of each step, as `Seen` has what an approval would bind."""
    named = campaign.steps.filter(name__in=[step.name for step in report.steps])
    bound = named.values_list("name", "version", "fallback_version")
    return {name: [each for each in both if each] for name, *both in bound}


def _signed(words_of: dict[str, list[int]]) -> dict[str, list[tuple[Version, str]]]:
    """The words of each step with who stands for them; empty where nobody has to."""
    ids = [each for found in words_of.values() for each in found]
    versions = Version.objects.select_related("template").in_bulk(ids)
    return {
        name: [(versions[each], _stands(versions[each])) for each in found if each in versions]
        for name, found in words_of.items()
    }


def _stands(version: Version) -> str:
    if not version.health:
        return ""
    standing = sign_off.standing(version.id)
    return f"{standing.reviewer}, until {words.day(standing.review_by)}" if standing else "nobody yet"


def _totals(report: Report) -> dict[str, Any]:
    return {
        "people": sum(step.people for step in report.steps),
        "emails": sum(step.emails for step in report.steps),
        "texts": sum(step.texts for step in report.steps),
        "segments": report.segments,
        "cost": None if report.cost is None else f"{report.cost:,.2f}",
        "first": min((step.first_minute for step in report.steps if step.first_minute), default=None),
        "last": max((step.last_minute for step in report.steps if step.last_minute), default=None),
    }
