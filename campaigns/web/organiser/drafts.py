"""Words that are being written, kept for some minutes so that a frame of its own can show them. Nobody's data."""

from __future__ import annotations

import secrets

from redis import RedisError

from campaigns.models import Template, User
from campaigns.web import redis_client

KEPT = 900
"""Seconds: as long as somebody may look at a preview before it is made anew."""


def keep(user: User, template: Template, source: str) -> str:
    """The key under which this person can see the draft for a while; "" when Redis is away."""
    key = secrets.token_urlsafe(12)
    try:
        redis_client.client().set(_name(user, template, key), source.encode(), ex=KEPT)
    except RedisError:
        return ""
    return key


def find(user: User, template: Template, key: str) -> str | None:
    """The draft kept under that key for this person and message; None when there is none any more."""
    try:
        found = redis_client.client().get(_name(user, template, key))
    except RedisError:
        return None
    return found.decode() if isinstance(found, bytes) else None


def _name(user: User, template: Template, key: str) -> str:
    return f"web:draft:{user.pk}:{template.pk}:{key}"
