"""How long somebody is signed in, and whether the second factor was given. It must not know roles or pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth import login
from django.http import HttpRequest

from campaigns import clock
from campaigns.accounts import second_factor
from campaigns.models import User

LONGEST = timedelta(days=14)
"""After this one signs in again, however often one came."""

SEEN_EVERY = timedelta(hours=1)
"""How often a visit moves the end of the session on: a page that asks every two seconds writes nothing."""

FRESH = timedelta(hours=24)
"""For so long a second factor holds at the alert button (design, race day)."""

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def begin(request: HttpRequest, user: User) -> None:
    """Signs in whoever proved the first factor; the second is still to come if the person has one."""
    login(request, user, backend=_BACKEND)
    request.session["signed_in_at"] = request.session["seen_at"] = clock.now().isoformat()
    request.session["waits_for_code"] = second_factor.has_one(user)


def code_given(request: HttpRequest) -> None:
    """Notes that the second factor was proved now, under a new session key."""
    request.session.cycle_key()
    request.session["waits_for_code"] = False
    request.session["code_at"] = clock.now().isoformat()


def has_ended(request: HttpRequest) -> bool:
    """Whether this session is older than any may be."""
    return clock.now() - _moment(request, "signed_in_at") > LONGEST


def waits_for_code(request: HttpRequest) -> bool:
    return bool(request.session.get("waits_for_code", True))


def gave_code(request: HttpRequest) -> bool:
    """Whether a second factor was given in this session."""
    return "code_at" in request.session


def is_fresh(request: HttpRequest) -> bool:
    """Whether a second factor was given in the last 24 hours."""
    return gave_code(request) and clock.now() - _moment(request, "code_at") < FRESH


def seen(request: HttpRequest) -> None:
    """Moves the end of the session on, at most once an hour."""
    if clock.now() - _moment(request, "seen_at") > SEEN_EVERY:
        request.session["seen_at"] = clock.now().isoformat()


def _moment(request: HttpRequest, name: str) -> datetime:
    """A session without the moment is as old as can be."""
    return datetime.fromisoformat(request.session.get(name, "1970-01-01T00:00:00+00:00"))
