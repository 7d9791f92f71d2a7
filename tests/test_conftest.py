"""The tests' own ground: what runs beside each other must not share a database of Redis."""

from __future__ import annotations

import os

import pytest
from django.conf import settings
from side_by_side import ByGroup, group_of


def test_each_parallel_process_has_a_redis_database_of_its_own() -> None:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    assert f"db={number + 1}" in settings.REDIS_URL or "TEST_REDIS_URL" in os.environ


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/e2e/test_kills.py::test_a[x/y::z]", "e2e"),
        ("tests/e2e/test_demo.py::Test::test_b", "e2e"),
        ("tests/web/test_pages.py::test_c[tests/e2e]", "tests/web/test_pages.py"),
    ],
)
def test_a_file_stays_together_and_so_do_tests_of_processes(test: str, group: str) -> None:
    assert group_of(test) == group


class TwoProcesses:
    """As much of a configuration as xdist asks for when it spreads a run."""

    def getvalue(self, name: str) -> list[str]:
        return ["popen", "popen"] if name == "tx" else []


def test_a_parallel_run_goes_by_these_groups(pytestconfig: pytest.Config) -> None:
    made = pytestconfig.hook.pytest_xdist_make_scheduler(config=TwoProcesses(), log=None)
    assert isinstance(made, ByGroup)
