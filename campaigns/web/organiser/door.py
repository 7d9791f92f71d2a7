"""The one way into an organiser's page: who is it, what are they to this event, may they do this.

Every view of these pages carries `@page` or `@signed_in`; a test walks the addresses and fails for one without.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from campaigns.accounts import members, powers, second_factor
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import User
from campaigns.web.organiser import refusals, session

P = ParamSpec("P")
EventView = Callable[Concatenate[HttpRequest, Member, P], HttpResponseBase]
PersonView = Callable[Concatenate[HttpRequest, User, P], HttpResponse]


def page(power: Power, *, fresh: bool = False) -> Callable[[EventView[P]], Callable[..., HttpResponseBase]]:
    """A page of one event, for members with this power; the view gets the `Member` after the request.

    A stranger sees what stands at an address where nothing is. `fresh`: whoever may approve is asked for a code
    here, at the page, if the last is older than 24 h, so that nobody is asked at the button.
    """

    def with_door(view: EventView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def opened(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if elsewhere := _not_signed_in(request):
                return elsewhere
            member = members.member(person(request), slug)
            if member is None:
                raise Http404
            if elsewhere := _second_factor_first(request, member, fresh=fresh):
                return elsewhere
            if not member.may(power):
                return refusals.not_yours(request, member, power)
            return view(request, member, *args, **kwargs)

        opened.power = power  # type: ignore[attr-defined]
        return opened

    return with_door


def signed_in(view: PersonView[P]) -> Callable[..., HttpResponse]:
    """A page of the person, without an event; the view gets the `User` after the request."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if elsewhere := _not_signed_in(request):
            return elsewhere
        return view(request, person(request), *args, **kwargs)

    opened.power = None  # type: ignore[attr-defined]
    return opened


def person(request: HttpRequest) -> User:
    """Who is signed in; only behind a door."""
    return cast(User, request.user)


def is_in(request: HttpRequest) -> bool:
    """Whether somebody is wholly signed in. Without our cookie the database is not asked."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and _not_signed_in(request) is None


def onward(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is a page of ours; else the list of their events."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/"):
        return wanted
    return reverse("events")


def by_way_of(name: str, onward: str) -> HttpResponseRedirect:
    """To the page of that name first, and from there onward."""
    return redirect(f"{reverse(name)}?{urlencode({'next': onward})}")


def _not_signed_in(request: HttpRequest) -> HttpResponse | None:
    """Where to go instead; None for somebody who is wholly signed in."""
    if not request.user.is_authenticated:
        return by_way_of("sign-in", _back_to(request))
    if session.has_ended(request):
        logout(request)
        return by_way_of("sign-in", _back_to(request))
    if session.waits_for_code(request):
        return by_way_of("code", _back_to(request))
    session.seen(request)
    return None


def _second_factor_first(request: HttpRequest, member: Member, *, fresh: bool) -> HttpResponse | None:
    if not settings.SECOND_FACTOR or not powers.needs_second_factor(member.roles):
        return None
    if not session.gave_code(request):
        name = "code" if second_factor.has_one(member.user) else "second-factor"
        return by_way_of(name, _back_to(request))
    if fresh and member.may(Power.APPROVE) and not session.is_fresh(request):
        return by_way_of("code", _back_to(request))
    return None


def _back_to(request: HttpRequest) -> str:
    """The page asked for; after a form that came too late, the page it stood on."""
    return request.get_full_path() if request.method in ("GET", "HEAD") else request.path
