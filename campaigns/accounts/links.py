"""Links that let one person in once. Whoever reads the database cannot use them: only a hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet

from campaigns import clock
from campaigns.models import OneTimeLink, User
from campaigns.models.words import LinkKind

LASTS = {LinkKind.JOIN: timedelta(days=7), LinkKind.SIGN_IN: timedelta(minutes=15)}


def make(user: User, kind: LinkKind) -> str:
    """A new link for this person as a whole address; older ones of its kind end."""
    token = secrets.token_urlsafe(16)
    OneTimeLink.objects.filter(user=user, kind=kind, used_at=None).delete()
    OneTimeLink.objects.create(
        digest=_digest(token), kind=kind, user=user, expires_at=clock.now() + LASTS[kind]
    )
    return f"{settings.PUBLIC_URL}/{'join' if kind == LinkKind.JOIN else 'enter'}/{token}"


def whose(token: str, kind: LinkKind) -> User | None:
    """The person whom an unused link of that kind is for."""
    found = _open(token, kind).select_related("user").first()
    return found.user if found and found.user.is_active else None


def use(token: str, kind: LinkKind) -> bool:
    """Spends the link; False when somebody was quicker. One statement, so that two presses cannot both win."""
    return _open(token, kind).update(used_at=clock.now()) == 1


def _open(token: str, kind: LinkKind) -> QuerySet[OneTimeLink]:
    return OneTimeLink.objects.filter(
        digest=_digest(token), kind=kind, used_at=None, expires_at__gt=clock.now()
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
