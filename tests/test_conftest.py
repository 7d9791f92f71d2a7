"""The tests' own ground: what runs beside each other must not share a database of Redis."""

from __future__ import annotations

import os

from django.conf import settings


def test_each_parallel_process_has_a_redis_database_of_its_own() -> None:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    assert f"db={number + 1}" in settings.REDIS_URL or "TEST_REDIS_URL" in os.environ
