"""The room of the entrants: the whole list by name, one box that finds somebody in it, and who waits for a person."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from campaigns import start_list
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.web.organiser.door import page
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


@require_safe
@page(Power.SEE)
def waiting(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/entrants/waiting`: who gets nothing until a person acts, and what they wait for."""
    found = start_list.waiting(member.event)
    return show(request, member, "entrants_waiting.html", found=found, who_waits=found.count)
