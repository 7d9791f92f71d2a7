"""The versions of one message, and what changed from one to another."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.differences import differences
from campaigns.models import AuditEntry, SignOff, Version
from campaigns.web.organiser.door import page
from campaigns.web.organiser.errand_pages import look_it_came_from
from campaigns.web.organiser.messages import template_of
from campaigns.web.organiser.showing import show

MOST = 100
"""Versions that are listed; older ones stay in the database."""


@require_safe
@page(Power.SEE)
def versions(request: HttpRequest, member: Member, channel: str, name: str) -> HttpResponse:
    """`…/versions?old=…&new=…`: every version, newest first, and the differences of two of them."""
    template = template_of(member, channel, name)
    found = list(template.versions.order_by("-number")[:MOST])
    new = _chosen(found, request.GET.get("new", ""), 0)
    old = _chosen(found, request.GET.get("old", ""), min(found.index(new) + 1, len(found) - 1))
    signed = SignOff.objects.filter(version__in=found).order_by("id")
    return show(
        request, member, "message_versions.html", about=template, versions=found, old=old, new=new,
        came_from=look_it_came_from(request, member),
        changes=differences(old.source, new.source), authors=_authors(member, found),
        sign_offs={version.id: [one for one in signed if one.version_id == version.id] for version in found},
    )  # fmt: skip


def _chosen(found: list[Version], content_hash: str, otherwise: int) -> Version:
    return next((version for version in found if version.content_hash == content_hash), found[otherwise])


def _authors(member: Member, found: list[Version]) -> dict[int, str]:
    """Who saved which version, as far as the audit log knows; a plan loaded from files names nobody here."""
    saved = AuditEntry.objects.filter(
        act="template.save", event=member.event.slug, detail__version__in=[version.id for version in found]
    )
    return {entry.detail["version"]: entry.who for entry in saved}
