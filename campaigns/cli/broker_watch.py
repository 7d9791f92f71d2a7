"""Finds workers that stay away from Redis after it came back.

Celery's waits between tries to connect grow to half a minute; who has no connection a few seconds after Redis answers
again is started anew, which takes two.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE = 3.0
"""Seconds that Redis must have answered before a worker without a connection is taken for lost."""

FIRST_CONNECTION = 15.0
"""Seconds that a new process has for its first connection."""


@dataclass
class BrokerWatch:
    """Asks Redis who is connected. Each worker connects under its service's name ."""

    url: str
    answers_since: float | None = None
    client: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        self.client = redis.Redis.from_url(
            self.url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
        )

    def lost(self, services: Collection[str]) -> set[str]:
        """The services that Redis does not know although it has answered for long enough; none while it is away."""
        try:
            # A worker listens on one connection with BRPOP; those that its children publish on prove nothing.
            connected = {client["name"] for client in self.client.client_list() if client["cmd"] == "brpop"}
        except (redis.RedisError, OSError):
            self.answers_since = None
            return set()
        now = time.monotonic()
        if self.answers_since is None:
            self.answers_since = now
        return set(services) - connected if now - self.answers_since >= PATIENCE else set()
