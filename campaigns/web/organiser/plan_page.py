"""The plan as a whole: begin one, bring a file, take the file away, and what holds for all of its steps."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import audience, audit, editing, plan_file, rendering, schedule
from campaigns import campaign as plans
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Campaign, Event
from campaigns.models.words import Channel
from campaigns.plan import DEFAULT_QUIET_HOURS, MOST_BYTES, CatchUp, Plan, PlanError, load_plan
from campaigns.web.organiser import words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show

LIBRARY = settings.BASE_DIR / "campaigns" / "library" / "run-reigate.toml"

NO_CATCH_UP = ("", "Nothing: they join the plan where it is")


class PlanFile(forms.Form):
    """A plan file from somebody's machine."""

    file = forms.FileField(
        label="Plan file",
        help_text="Steps that the file changes ask for approval again; those it lacks are switched off.",
    )

    def clean_file(self) -> str:
        given: UploadedFile = self.cleaned_data["file"]
        if (given.size or 0) > MOST_BYTES:
            raise forms.ValidationError(
                f"This file is larger than {MOST_BYTES // 1000} KB: a plan is a short text."
            )
        try:
            return str(given.read(), "utf-8")
        except UnicodeDecodeError as error:
            raise forms.ValidationError(
                "This file is not UTF-8 text: save it as UTF-8 and try again."
            ) from error


class PlanForm(forms.Form):
    """What holds for the whole plan."""

    name = forms.CharField(label="Name of the plan", max_length=120)
    quiet_hours = forms.CharField(
        label="Quiet hours",
        help_text=f"By the clock of the race no text leaves then: {DEFAULT_QUIET_HOURS}, or 'off'. Emails do.",
    )
    catch_up = forms.ChoiceField(
        label="What late entrants get",
        required=False,
        help_text="One email with all they missed, as soon as they enter; then they join the plan.",
    )

    def __init__(self, *given: Any, event: Event, **words_: Any) -> None:
        super().__init__(*given, **words_)
        names = sources(event).names(Channel.EMAIL)
        chosen = cast(forms.ChoiceField, self.fields["catch_up"])
        chosen.choices = [NO_CATCH_UP, *((name, words.topic(name)) for name in names)]

    def clean_quiet_hours(self) -> schedule.QuietHours | None:
        try:
            return schedule.parse_quiet_hours(self.cleaned_data["quiet_hours"])
        except schedule.ScheduleError as error:
            raise forms.ValidationError(str(error)) from error

    def applied(self, plan: Plan) -> Plan:
        """The plan with what the form says."""
        caught = self.cleaned_data["catch_up"]
        return replace(
            plan,
            name=self.cleaned_data["name"],
            quiet_hours=self.cleaned_data["quiet_hours"],
            catch_up=CatchUp(caught) if caught else None,
        )


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def plan(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/plan`: the plan's file to take away or to bring, and what holds for all steps."""
    campaign = Campaign.objects.filter(event=member.event).first()
    brings = request.method == "POST" and "name" not in request.POST
    file = PlanFile(request.POST, request.FILES) if brings else PlanFile()
    if brings and file.is_valid() and _bring(member, file):
        messages.success(request, "The plan is loaded. Nothing of it is sent before somebody approves it.")
        return redirect("course", member.event.slug)
    if campaign is None:
        return show(request, member, "plan_file.html", file=file, form=None)
    form = PlanForm(
        request.POST if request.method == "POST" and not brings else None,
        event=member.event,
        initial=_initial(campaign),
    )
    if form.is_valid() and _apply(member, campaign, form):
        messages.success(request, "Saved.")
        return redirect("plan", member.event.slug)
    return show(request, member, "plan_file.html", file=file, form=form)


@require_POST
@page(Power.EDIT)
def library(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/plan/library`: begins with the library's plan."""
    if _has_plan(member.event):
        return redirect("course", member.event.slug)
    try:
        _load(member, library_plan())
    except plans.CampaignError as error:
        return show_empty(request, member, problem=str(error), missing=_missing(member.event), status=422)
    messages.success(
        request, "The library's plan is loaded. Nothing of it is sent before somebody approves it."
    )
    return redirect("course", member.event.slug)


@require_POST
@page(Power.EDIT)
def own(request: HttpRequest, member: Member) -> HttpResponse:  # noqa: ARG001 - the door's signature
    """`/e/<slug>/plan/own`: begins with a plan that has no steps."""
    if not _has_plan(member.event):
        empty = Plan("Health tips", schedule.parse_quiet_hours(DEFAULT_QUIET_HOURS), (), None, ())
        _load(member, empty)
    return redirect("course", member.event.slug)


@require_safe
@page(Power.SEE)
def as_file(request: HttpRequest, member: Member) -> HttpResponse:  # noqa: ARG001 - the door's signature
    """`/e/<slug>/plan.toml`: the plan as the file that loads without changing anything."""
    campaign = Campaign.objects.filter(event=member.event).first()
    if campaign is None:
        raise Http404
    answer = HttpResponse(
        plan_file.written(editing.plan_of(campaign)), content_type="application/toml; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{member.event.slug}.toml"'
    return answer


def show_empty(
    request: HttpRequest,
    member: Member,
    *,
    problem: str = "",
    missing: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The course of an event without a plan: the ways to begin one. `missing`: races that a plan was refused for."""
    plan = library_plan()
    described = {
        "emails": sum(step.channel == "email" for step in plan.steps),
        "texts": sum(step.channel == "sms" for step in plan.steps),
        "alerts": len(plan.alerts),
        "races": _races_in(plan),
    }
    return show(
        request,
        member,
        "course_empty.html",
        status=status,
        problem=problem,
        missing=missing or [],
        library=described,
        form=PlanFile(),
    )


@cache
def library_plan() -> Plan:
    """The plan that comes with the program."""
    return load_plan(LIBRARY.read_text(encoding="utf-8"), file=LIBRARY.name)


def _races_in(plan: Plan) -> list[str]:
    """The races that the plan speaks of, by the words that are no audience's own."""
    spoken = {
        word for step in plan.steps for word in step.audience.replace("(", " ").replace(")", " ").split()
    }
    return sorted(spoken - audience.RESERVED_WORDS)


def _missing(event: Event) -> list[str]:
    """The races that the library's plan speaks of and the event lacks."""
    known = set(event.races.values_list("slug", flat=True))
    return [race for race in _races_in(library_plan()) if race not in known]


def _has_plan(event: Event) -> bool:
    return Campaign.objects.filter(event=event).exists()


def _bring(member: Member, form: PlanFile) -> bool:
    try:
        _load(member, load_plan(form.cleaned_data["file"], file="The file"))
    except (PlanError, plans.CampaignError) as error:
        form.add_error("file", str(error))
        return False
    return True


def _apply(member: Member, campaign: Campaign, form: PlanForm) -> bool:
    try:
        _load(member, form.applied(editing.plan_of(campaign)))
    except plans.CampaignError as error:
        form.add_error(None, str(error))
        return False
    return True


def _load(member: Member, plan: Plan) -> None:
    loaded = plans.load(member.event, plan, sources(member.event), rendering.check_source)
    audit.record(member.who, "campaign.load", event=member.event.slug, steps=loaded.steps.count())


def sources(event: Event) -> editing.StoredSources:
    """Where pages read an event's messages."""
    return editing.StoredSources(settings.BASE_DIR / "templates", event)


def _initial(campaign: Campaign) -> dict[str, str]:
    plan = editing.plan_of(campaign)
    return {
        "name": plan.name,
        "quiet_hours": str(plan.quiet_hours or "off"),
        "catch_up": plan.catch_up.template if plan.catch_up else "",
    }
