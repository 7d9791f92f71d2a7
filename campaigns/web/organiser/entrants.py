"""The room of the entrants: the whole list by name, one box that finds somebody in it, and who waits for a person."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from campaigns import audit, clock, held, people, start_list
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Errand, Step
from campaigns.models.words import StepState
from campaigns.web.organiser import onward, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.errand_pages import look_called
from campaigns.web.organiser.showing import show


class Search(forms.Form):
    """One box for everything that people know of somebody."""

    q = forms.CharField(
        max_length=254,
        label="What does one of them get? Type a name, bib, email or mobile",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )


@require_safe
@page(Power.SEE)
def entrants(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/entrants`: everyone by name, or who is found by `q`; the only one found is shown at once."""
    text = request.GET.get("q", "").strip()[:254]
    found = start_list.search(member.event, text) if text else None
    if found and found.count == 1:
        return redirect("entrant", member.event.slug, found.lines[0].token)
    listed = None if found else _listed(request, member)
    races = start_list.counts(member.event)
    return show(
        request, member, "entrants.html", form=Search(initial={"q": text}, auto_id="%s"), text=text, found=found,
        listed=listed, races=races, most=start_list.MOST_FOUND,
        confirmed=sum(race.confirmed for race in races), who_waits=start_list.waiting_count(member.event),
        held=sum(race.held for race in races),
        withdrawn=sum(race.withdrawn for race in races),
    )  # fmt: skip


def _listed(request: HttpRequest, member: Member) -> start_list.Page:
    return start_list.page(
        member.event, after=request.GET.get("after", ""), before=request.GET.get("before", "")
    )


class AllGuardians(forms.Form):
    """One yes for all children in whose entry an address stands; it counts for as many as were shown."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    sure = forms.BooleanField(
        label="Our entry form asks for the address of a parent or guardian when the runner is under 18",
        error_messages={
            "required": "Tick this only if it is so; else open each child and name the guardian."
        },
    )


class Held(forms.Form):
    """A yes to all whom one reason holds: to just those who were shown."""

    reason = forms.CharField(max_length=10_000, required=False, strip=False, widget=forms.HiddenInput)
    seen = forms.CharField(widget=forms.HiddenInput)


@require_safe
@page(Power.SEE)
def waiting(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/entrants/waiting`: who gets nothing until a person acts, and what they wait for."""
    return _waiting(request, member)


@require_POST
@page(Power.EDIT)
def name_guardians(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/entrants/waiting/guardians`: the addresses in the entries of all children are their guardians'."""
    form = AllGuardians(request.POST)
    if not form.is_valid():
        return _waiting(request, member, form)
    if form.cleaned_data["seen"] != len(people.with_an_address(member.event)):
        messages.warning(request, "Others wait than when you looked: nothing was changed yet.")
        return _back_to_waiting(request, member)
    with transaction.atomic():
        named = people.name_all_guardians(member.event, source=f"said of all by {member.who}")
        audit.record(member.who, "entrants.guardians", event=member.event.slug, entrants=named)
    children = words.count(named, "child", "children")
    messages.success(
        request, f"Messages for {children} go to the email addresses in their entries from now on."
    )
    return _back_to_waiting(request, member)


@require_POST
@page(Power.EDIT)
def change_held(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/entrants/waiting/held`: all whom one reason holds are released, or kept held, at one press."""
    form, act = Held(request.POST), request.POST.get("act", "")
    if form.is_valid() and act in HELD_ACTS:
        change, name, said = HELD_ACTS[act]
        try:
            with transaction.atomic():
                ids = change(member.event, form.cleaned_data["reason"], form.cleaned_data["seen"])
                audit.record(
                    member.who, name, event=member.event.slug, entrants=len(ids), ids=ids[: held.MOST_NAMED]
                )
            messages.success(request, f"{words.count(len(ids), 'entrant is', 'entrants are')} {said}")
        except held.OthersNow:
            messages.warning(request, "Not the same people are held as when you looked: nothing was changed.")
    return _back_to_waiting(request, member)


HELD_ACTS = {
    "release": (
        held.release,
        "entrants.release",
        "released: what waited goes out if it is still in time.",
    ),
    "keep": (held.keep, "entrants.hold", "kept held: no later list releases them."),
}
"""What may be done to all whom one reason holds: by whom, as what it is noted, and what is said of it."""


def _back_to_waiting(request: HttpRequest, member: Member) -> HttpResponse:
    """Who still waits, and the way back to the look before approving that led here."""
    page, look = reverse("entrants-waiting", args=[member.event.slug]), _look_before(request, member)
    return redirect(f"{page}?came_from={look.token}" if look else page)


def _look_before(request: HttpRequest, member: Member) -> Errand | None:
    return look_called(member, request.POST.get("came_from", "") or request.GET.get("came_from", ""))


def _to_look_at_again(look: Errand | None) -> list[str]:
    """What that look was at and still waits for approval."""
    if look is None:
        return []
    steps = Step.objects.filter(
        campaign__event=look.event_id,
        name__in=look.asked.get("steps", []),
        state__in=[StepState.DRAFT, StepState.WAITING],
    )
    return list(steps.order_by("position").values_list("name", flat=True))


def _waiting(request: HttpRequest, member: Member, form: AllGuardians | None = None) -> HttpResponse:
    why = people.waiting(member.event)
    found = start_list.those(why)
    asked = found.count and member.may(Power.EDIT)
    children = start_list.children_with_an_address(member.event) if asked else 0
    look = _look_before(request, member)
    form = form or AllGuardians(initial={"seen": children})
    return show(
        request, member, "entrants_waiting.html", status=422 if form.errors else 200, found=found,
        came_from=look.token if look else "", look_again=_to_look_at_again(look),
        onward=onward.after_a_list(member.event, clock.now()), who_waits=found.count, children=children, form=form,
        together=_together(member, why) if asked else [],
    )  # fmt: skip


def _together(member: Member, why: dict[int, str]) -> list[tuple[held.Together, Held]]:
    """Whom one reason holds and who are more than one, with the form for them."""
    found = [one for one in held.together(member.event, why) if len(one.ids) > 1]
    return [(one, Held(initial={"reason": one.reason, "seen": one.seen}, auto_id="")) for one in found]
