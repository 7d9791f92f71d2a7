"""People who sign in to the organisers' pages, for tests: each a role, and browsers that are theirs already."""

from __future__ import annotations

from itertools import count

from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from campaigns import clock
from campaigns.accounts import members
from campaigns.models import Event, User
from campaigns.models.words import Role

_numbers = count(1)
_BACKEND = "django.contrib.auth.backends.ModelBackend"


def make_user(event: Event | None = None, *roles: Role, name: str = "", **fields: object) -> User:
    """A colleague with these roles at the event; without any, a stranger to it."""
    named = name or f"Colleague {next(_numbers)}"
    user = User(email=f"{named.lower().replace(' ', '.')}@example.org", name=named, **fields)
    user.set_unusable_password()
    user.save()
    for role in roles:
        assert event is not None
        members.give(user, event, role)
    return user


def browser_of(user: User, *, code: bool = True) -> Client:
    """A browser in which this person is signed in, with a second factor given just now unless `code` is off."""
    client = Client(raise_request_exception=True)
    client.force_login(user, backend=_BACKEND)
    session = client.session
    session.update(session_words(code=code))
    session.save()
    return client


def session_key(user: User) -> str:
    """The cookie of a new session of this person, for a real browser."""
    key = browser_of(user).session.session_key
    assert key is not None
    assert SessionStore(key).exists(key)
    return key


def session_words(*, code: bool = True) -> dict[str, object]:
    """What a session says after signing in."""
    now = clock.now().isoformat()
    return {
        "signed_in_at": now,
        "seen_at": now,
        "waits_for_code": False,
        **({"code_at": now} if code else {}),
    }
