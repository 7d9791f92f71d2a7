"""Pages that say no: not your role, a form that is too old, too many wrong passwords."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power, roles_with
from campaigns.models import User
from campaigns.models.words import Role


def not_yours(request: HttpRequest, member: Member, power: Power) -> HttpResponse:
    """403: what is missing, and who can give it."""
    from campaigns.web.organiser.showing import show

    roles = " or ".join(role.value for role in roles_with(power))
    owners = User.objects.filter(memberships__event=member.event, memberships__role=Role.OWNER).distinct()
    return show(
        request, member, "refused.html", status=403, power=power.value, roles=roles,
        owners=[owner.name for owner in owners],
    )  # fmt: skip


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """403: the form's proof of origin does not fit, most often because the page stood open over a sign-out."""
    return render(request, "organiser/stale.html", status=403)


def locked_out(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """429: too many wrong passwords from one place."""
    return render(request, "organiser/locked_out.html", status=429)
