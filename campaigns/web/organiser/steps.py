"""One step of the plan: add it, change it, switch it off or on, take it out, and see whom it is for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import audience, audit, clock, editing, ledger, rendering
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.campaign import CampaignError
from campaigns.ledger.moments import Field
from campaigns.models import Campaign, Delivery, Event, Step
from campaigns.models.words import StepKind, StepState
from campaigns.plan import PlannedStep
from campaigns.web.course import STATE_MEANINGS, STATE_WORDS
from campaigns.web.organiser import plan_look, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.plan_page import sources
from campaigns.web.organiser.showing import fragment, show
from campaigns.web.organiser.step_form import StepForm

JOINTS = {"and": "who are also", "or": "and besides", "and not": "but not"}
"""How a clicked word is joined to what stands there, in words."""


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def new(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/steps/new`: adds a step."""
    campaign = _campaign(member)
    form = _form(request, member)
    if _saves(request) and form.is_valid() and _save(member, campaign, form):
        assert form.step is not None
        messages.success(request, f"{words.topic(form.step.name)} is in the plan and waits for approval.")
        return redirect("course", member.event.slug)
    return show(request, member, "step_new.html", **_pieces(request, member, form))


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.SEE)
def step(request: HttpRequest, member: Member, name: str) -> HttpResponse:
    """`/e/<slug>/steps/<name>`: how a step stands, and its form for those who may change it."""
    campaign = _campaign(member)
    found = _named(campaign, name)
    now = clock.now()
    seen = plan_look.one(member.event, campaign, found, now)
    shown: dict[str, Any] = {
        "one": seen,
        "state_words": STATE_WORDS | STATE_MEANINGS,
        "begun": _has_begun(found),
    }
    if found.kind == StepKind.CATCH_UP or not member.may(Power.EDIT):
        return show(request, member, "step.html", form=None, **shown)
    form = _form(request, member, editing.planned(found))
    if _saves(request) and form.is_valid() and _save(member, campaign, form):
        messages.success(request, _said(campaign, found))
        return redirect("step", member.event.slug, name)
    return show(request, member, "step.html", **shown, **_pieces(request, member, form))


@require_POST
@page(Power.EDIT)
def switch(request: HttpRequest, member: Member, name: str) -> HttpResponse:
    """`/e/<slug>/steps/<name>/switch`: off, or on again."""
    campaign = _campaign(member)
    on = request.POST.get("press") == "on"
    found = _planned(campaign, name)
    try:
        editing.switch_step(campaign, name, sources(member.event), rendering.check_source, on=on)
    except CampaignError as error:
        messages.error(request, str(error))
        return redirect("step", member.event.slug, name)
    audit.record(member.who, "step.on" if on else "step.off", event=member.event.slug, step=found.id)
    said = "is on again and waits for approval" if on else "is off: nothing of it leaves any more"
    messages.success(request, f"{words.topic(name)} {said}.")
    return redirect("step", member.event.slug, name)


@require_POST
@page(Power.EDIT)
def delete(request: HttpRequest, member: Member, name: str) -> HttpResponse:
    """`/e/<slug>/steps/<name>/delete`: takes out a step that has never been opened."""
    campaign = _campaign(member)
    found = _planned(campaign, name)
    try:
        editing.delete_step(campaign, name)
    except CampaignError as error:
        messages.error(request, str(error))
        return redirect("step", member.event.slug, name)
    audit.record(member.who, "step.delete", event=member.event.slug, step=found.id)
    messages.success(request, f"{words.topic(name)} is out of the plan.")
    return redirect("course", member.event.slug)


@require_POST
@page(Power.EDIT)
def audience_look(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/audience`: whom the words typed so far are about, and when that step would go; changes nothing."""
    given = _clicked(member.event, request.POST)
    form = StepForm(given, event=member.event, sources=sources(member.event))
    form.is_valid()
    return fragment(
        request, member, "audience_look.html", clicked="add" in request.POST, **_pieces(request, member, form)
    )


def _campaign(member: Member) -> Campaign:
    found = Campaign.objects.filter(event=member.event).first()
    if found is None:
        raise Http404
    found.event = member.event
    return found


def _named(campaign: Campaign, name: str) -> Step:
    found = campaign.steps.select_related("template").exclude(kind=StepKind.ALERT).filter(name=name).first()
    if found is None:
        raise Http404
    return found


def _planned(campaign: Campaign, name: str) -> Step:
    found = _named(campaign, name)
    if found.kind != StepKind.PLANNED:
        raise Http404
    return found


def _has_begun(found: Step) -> bool:
    return found.first_opened_revision is not None or Delivery.objects.filter(step=found).exists()


def _saves(request: HttpRequest) -> bool:
    """Whether the form is to be saved, and not only looked at or added to by a clicked word."""
    return request.method == "POST" and "add" not in request.POST and request.POST.get("press") != "look"


def _form(request: HttpRequest, member: Member, existing: PlannedStep | None = None) -> StepForm:
    data = _clicked(member.event, request.POST) if request.method == "POST" else None
    form = StepForm(data, event=member.event, sources=sources(member.event), existing=existing)
    if request.method == "POST" and not _saves(request):
        # Only looked at: what is missing elsewhere is not a mistake yet.
        form.is_valid()
        for name in list(form.errors):
            if name != "audience":
                del form.errors[name]
    return form


def _clicked(event: Event, given: QueryDict) -> QueryDict:
    """What was sent, with a clicked word joined to the audience; "clear" empties it."""
    data = given.copy()
    word = data.get("add")
    if word == "clear":
        data["audience"] = ""
    elif word:
        joint = data.get("joint", "")
        data["audience"] = _joined(
            event, data.get("audience", "").strip(), joint if joint in JOINTS else "and", word
        )
    return data


def _joined(event: Event, text: str, joint: str, word: str) -> str:
    """As `audience` joins them; what cannot be read keeps its words, and its mistake is shown."""
    field = Field.of(event)
    races, waves = [race.slug for race in field.races], [wave.name for wave in field.waves]
    if not text or (text == "all" and joint != "or"):
        return f"not {word}" if joint == "and not" else word
    try:
        before, more = (audience.parse(each, races, waves) for each in (text, word))
    except audience.AudienceError:
        return f"{text} {joint} {word}"
    return audience.joined(before, cast(audience.Joint, joint), more).text


def _pieces(request: HttpRequest, member: Member, form: StepForm) -> dict[str, Any]:
    return {
        "form": form,
        "look": _look(member.event, form),
        "joints": JOINTS,
        "joint": request.POST.get("joint", "and"),
    }


@dataclass(frozen=True)
class Crowd:
    """Confirmed entrants of an audience; `samples` are first name and race of some, in no telling order."""

    count: int
    samples: list[tuple[str, str]]
    is_staff: bool = False
    """They are the event's staff contacts, who are not entrants."""


@dataclass(frozen=True)
class Look:
    """What can be said of a step while it is written: whom it is for, and when it would go."""

    crowd: Crowd | None
    """None while the audience cannot be read."""
    first: datetime | None
    last: datetime | None
    """None while the moment cannot be read, or the event has no race."""


def _look(event: Event, form: StepForm) -> Look:
    given = form.data if form.is_bound else form.initial
    crowd = None
    with suppress(audience.AudienceError):
        crowd = _crowd(event, str(given.get("audience") or ""))
    due = sorted(form.moments())
    return Look(crowd, due[0] if due else None, due[-1] if due else None)


def _crowd(event: Event, text: str) -> Crowd:
    """The people that an audience is about as things stand. Raises AudienceError."""
    field = Field.of(event)
    asked = field.audience_of(text)
    if asked.is_staff:
        return Crowd(event.staff.count(), [], is_staff=True)
    return Crowd(plan_look.people_in(field, [asked.text])[asked.text].size, ledger.samples(event, asked))


def _save(member: Member, campaign: Campaign, form: StepForm) -> bool:
    """Saves by the code that loads a plan file; what that refuses stands above the form."""
    assert form.step is not None
    act = editing.change_step if form.existing else editing.add_step
    try:
        act(campaign, form.step, sources(member.event), rendering.check_source)
    except CampaignError as error:
        form.add_error(None, str(error))
        return False
    saved = campaign.steps.get(name=form.step.name)
    audit.record(
        member.who, "step.edit" if form.existing else "step.add", event=member.event.slug, step=saved.id
    )
    return True


def _said(campaign: Campaign, before: Step) -> str:
    after = campaign.steps.get(id=before.id)
    if before.state != StepState.WAITING and after.state == StepState.WAITING:
        return "Saved. This step asks for approval again; the others keep theirs."
    return "Saved."
