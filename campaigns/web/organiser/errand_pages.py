"""What pages with an errand share: asking for it, finding it by its token, and saying how far it is."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from campaigns import audit, clock, errands
from campaigns.accounts.members import Member
from campaigns.models import Errand
from campaigns.models.words import ErrandKind
from campaigns.web.organiser.showing import fragment


def ask(member: Member, kind: ErrandKind, **asked: Any) -> Errand:
    """Writes the errand down and wakes the worker."""
    import worker  # it brings Celery, which no other page needs

    errand = errands.ask(member.event, kind, member.who, asked)
    audit.record(member.who, f"errand.{kind}", event=member.event.slug, errand=errand.id)
    worker.wake_errands(errand.id)
    return errand


def errand_of(member: Member, token: str, kind: ErrandKind) -> Errand:
    """The event's errand of that token, or 404."""
    found = Errand.objects.filter(event=member.event, token=token, kind=kind).defer("report").first()
    if found is None:
        raise Http404
    return found


def look_called(member: Member, token: str) -> Errand | None:
    """The event's look before approving of that token; None for anything else, which a page passes over."""
    if not token:
        return None
    return (
        Errand.objects.filter(event=member.event, token=token, kind=ErrandKind.PREFLIGHT)
        .defer("report", "result")
        .first()
    )


def look_it_came_from(request: HttpRequest, member: Member) -> str:
    """The token of the look from which this page was opened, by its address; "" where it was opened otherwise."""
    found = look_called(member, request.GET.get("came_from", ""))
    return found.token if found else ""


def progress_of(request: HttpRequest, member: Member, errand: Errand) -> HttpResponse:
    """How far it is, for htmx every second; at its end the whole page is loaded anew."""
    lost = errands.is_lost(errand, clock.now())
    answer = fragment(
        request,
        member,
        "errand_progress.html",
        errand=errand,
        lost=lost,
        address=request.path.removesuffix("/progress"),
    )
    if errand.ended_at or lost:
        answer["HX-Refresh"] = "true"
    return answer
