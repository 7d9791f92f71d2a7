"""Rehearse: the whole campaign on a virtual clock, asked for in a page, with its report to read or to take away."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import clock, errands
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Errand
from campaigns.models.words import ErrandKind
from campaigns.web.organiser import refusals, words
from campaigns.web.organiser.approving import campaign_of
from campaigns.web.organiser.door import page
from campaigns.web.organiser.errand_pages import ask, errand_of, progress_of
from campaigns.web.organiser.showing import show

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; frame-ancestors 'none'"
)
"""The report has its styles inside it and no script; nothing else may load from it."""


class WhatIf(forms.Form):
    """What to try out; nothing, when the day is left empty."""

    move_to = forms.DateField(
        label="What if the race moves to",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    asks = forms.BooleanField(initial=True, widget=forms.HiddenInput)

    def __init__(self, *given: Any, today: date, **more: Any) -> None:
        super().__init__(*given, **more)
        self.today = today

    def clean_move_to(self) -> date | None:
        day: date | None = self.cleaned_data["move_to"]
        if day is not None and day < self.today:
            raise forms.ValidationError(f"{words.day(day)} is past: choose today or a later day.")
        return day


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.SEE)
def rehearse(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/rehearse`: asks for a rehearsal, and lists those of the last days."""
    campaign_of(member)
    today = clock.now().astimezone(member.event.zone).date()
    form = WhatIf(request.POST or None, today=today)
    if form.is_valid():
        if not (member.may(Power.EDIT) or member.may(Power.APPROVE)):
            return refusals.not_yours(request, member, Power.EDIT)
        day = form.cleaned_data["move_to"]
        errand = ask(member, ErrandKind.REHEARSAL, **({"move_to": day.isoformat()} if day else {}))
        return redirect("rehearsal", member.event.slug, errand.token)
    return show(request, member, "rehearse.html", form=form, earlier=_earlier(member))


@require_safe
@page(Power.SEE)
def rehearsal(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`/e/<slug>/rehearse/<token>`: how far one is, and what came of it."""
    errand = errand_of(member, token, ErrandKind.REHEARSAL)
    kept = Errand.objects.filter(id=errand.id).exclude(report=None).exists()
    lost = errands.is_lost(errand, clock.now())
    return show(request, member, "rehearsal_run.html", errand=errand, lost=lost, kept=kept)


@require_safe
@page(Power.SEE)
def rehearsal_progress(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`/e/<slug>/rehearse/<token>/progress`: how far it is, for htmx."""
    return progress_of(request, member, errand_of(member, token, ErrandKind.REHEARSAL))


@require_safe
@page(Power.SEE)
def rehearsal_report(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`/e/<slug>/rehearse/<token>/report`: the report, one page that needs nothing beside itself."""
    report = errands.report_of(errand_of(member, token, ErrandKind.REHEARSAL))
    if report is None:
        raise Http404
    answer = HttpResponse(report, content_type="text/html; charset=utf-8")
    answer["Content-Security-Policy"] = REPORT_POLICY
    answer["Cache-Control"] = "no-store"
    if "download" in request.GET:
        answer["Content-Disposition"] = f'attachment; filename="{member.event.slug}-rehearsal.html"'
    return answer


def _earlier(member: Member) -> list[Errand]:
    found = Errand.objects.filter(event=member.event, kind=ErrandKind.REHEARSAL).defer("report")
    return list(found.order_by("-asked_at")[:10])
