"""The web process's connection to Redis, which answers at once or counts as away."""

from functools import cache

from django.conf import settings
from redis import Redis

PATIENCE = 0.5
"""Seconds: a page must not hang because Redis does."""


@cache
def client() -> Redis:
    """A shared client; its calls raise redis.RedisError within PATIENCE when Redis is away."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
