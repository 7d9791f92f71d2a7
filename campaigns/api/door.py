"""The one way in: whose token is it, for which event, may it do this, how often, how large. Before anything is read."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer
from redis import RedisError

from campaigns import clock
from campaigns.api import tokens
from campaigns.api.problems import Refused
from campaigns.api.tokens import Scope
from campaigns.models import ApiToken, Event
from campaigns.web import redis_client

PER_MINUTE = 600
"""Requests that a token may make in a minute of the clock: ten a second, twice what the busiest entry day needs."""

LARGEST_BODY = 16_384
"""Octets; a whole entry takes less than 1,000."""


class Token(HttpBearer):
    """`Authorization: Bearer aid_…`."""

    openapi_name = "token"

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """The token, within its rate and with a body that is not too large. Raises Refused."""
        found = tokens.find(token)
        if found is None:
            return None
        _within_rate(found, clock.now())
        _small_enough(request)
        return found


def event_of(request: HttpRequest, slug: str, scope: Scope) -> Event:
    """The event of that slug, if this request's token is its and has the scope. Raises Refused."""
    token = token_of(request)
    if token.event.slug != slug:
        raise Refused(HTTPStatus.NOT_FOUND, "This token knows no such event: check the name in the address.")
    if scope not in token.scopes:
        raise Refused(
            HTTPStatus.FORBIDDEN, f"This token may not do that: an owner of the event gives it {scope.value}."
        )
    return token.event


def token_of(request: HttpRequest) -> ApiToken:
    """Whose request this is; only behind the door."""
    return cast(ApiToken, request.auth)  # type: ignore[attr-defined]


def _within_rate(token: ApiToken, now: datetime) -> None:
    """Refuses what is above the rate. While Redis is away nobody is refused: an entry must not be lost for it."""
    key = f"api:{token.handle}:{now:%H%M}"
    try:
        with redis_client.client().pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 60)
            made = int(pipeline.execute()[0])
    except RedisError:
        return
    if made > PER_MINUTE:
        wait = str(60 - now.second)
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"This token has made its {PER_MINUTE} requests of this minute: go on in {wait} seconds.",
            headers={"Retry-After": wait},
        )


def _small_enough(request: HttpRequest) -> None:
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body is larger than {LARGEST_BODY:,} octets: send one entry at a time.",
        )
