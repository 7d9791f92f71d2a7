"""What the web tests share: a browser that insists on CSRF tokens, and an empty Redis database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from time_machine import travel

from campaigns.web import redis_client


@pytest.fixture
def browser() -> Client:
    """Without cookies, and with the CSRF check that Django's own test client skips."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    redis_client.client.cache_clear()
    redis_client.client().flushdb()


@pytest.fixture
def no_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing listens where Redis should be; the client is the real one, and may not wait to try again."""
    monkeypatch.setattr("redis.retry.sleep", lambda _: pytest.fail("a page waits for Redis"))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.client.cache_clear()
    yield
    redis_client.client.cache_clear()


@pytest.fixture
def clock() -> Iterator[None]:
    """Time stands still: a minute must not end in the middle of a test that counts within one."""
    with travel("2027-08-01T10:00:30Z", tick=False):
        yield
