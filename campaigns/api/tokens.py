"""Makes, finds and ends the tokens of an event. A token is shown once; after that only its hash is known."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from enum import StrEnum

from django.db import IntegrityError, transaction

from campaigns import clock
from campaigns.models import ApiToken, Event

PREFIX = "aid_"
"""So that a token that leaked into a file is known for one."""

USED_EVERY = timedelta(hours=1)
"""How often a use is noted: a program that pushes all day writes 24 rows."""

LONGEST_NAME = 60
_SOURCE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Scope(StrEnum):
    """What a token may do; the value is how requests and people name it."""

    ENTRANTS_WRITE = "entrants:write"
    STATUS_READ = "status:read"
    DELIVERIES_READ = "deliveries:read"


MEANINGS = {
    Scope.ENTRANTS_WRITE: "Push entries and withdrawals, and read how a pushed entry stands.",
    Scope.STATUS_READ: "Read how the campaign stands: steps, moments and counts.",
    Scope.DELIVERIES_READ: "Read the ledger: which step reached which entry, without names or addresses.",
}


class TokenError(Exception):
    """One sentence for a person: why there is no such token, and what to do."""


def make(event: Event, name: str, *, source: str, scopes: list[Scope], who: str) -> tuple[ApiToken, str]:
    """A new token and its secret, which nobody can see again. Raises TokenError."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise TokenError(f"A token needs a name of 1 to {LONGEST_NAME} characters: say which program has it.")
    if not _SOURCE.fullmatch(source) or len(source) > LONGEST_NAME:
        raise TokenError("The source is a short name of a-z, 0-9 and hyphens, such as lets-do-this.")
    if not scopes:
        raise TokenError(f"A token needs something that it may do: {', '.join(Scope)}.")
    secret = PREFIX + secrets.token_urlsafe(24)
    try:
        with transaction.atomic():
            made = ApiToken.objects.create(
                event=event, name=name, handle=secrets.token_urlsafe(8), digest=_digest(secret), source=source,
                scopes=sorted(set(scopes)), created_at=clock.now(), created_by=who,
            )  # fmt: skip
    except IntegrityError as error:
        raise TokenError(
            f"There is or was a token '{name}' in {event.slug}: give this one another name."
        ) from error
    return made, secret


def find(secret: str) -> ApiToken | None:
    """The token with that secret, if it has not ended; its use is noted. Served by the unique digest."""
    found = (
        ApiToken.objects.select_related("event__organiser")
        .filter(digest=_digest(secret), ended_at=None)
        .first()
    )
    if found is not None:
        _note_use(found)
    return found


def end(event: Event, name: str, who: str) -> ApiToken:
    """Ends a token at once. Raises TokenError where there is none that is open."""
    found = ApiToken.objects.filter(event=event, name=name, ended_at=None).first()
    if found is None:
        raise TokenError(f"There is no open token '{name}' in {event.slug}.")
    ApiToken.objects.filter(id=found.id, ended_at=None).update(ended_at=clock.now(), ended_by=who)
    return found


def _note_use(token: ApiToken) -> None:
    now = clock.now()
    if token.last_used_at is None or now - token.last_used_at > USED_EVERY:
        ApiToken.objects.filter(id=token.id).update(last_used_at=now)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
