"""Real servers for the whole run: an embedded Postgres and Valkey under `var/test`, stopped at the end.

Two runs at once need a folder each: AIDSTATION_TEST_HOME.
"""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from campaigns.cli import embedded

HOME = Path(os.environ.get("AIDSTATION_TEST_HOME") or Path(__file__).resolve().parent.parent / "var" / "test")


def pytest_configure(config: pytest.Config) -> None:
    """Servers first, then Django: its settings read the environment once."""
    given = {
        name: value for name, value in os.environ.items() if name in {"TEST_DATABASE_URL", "TEST_REDIS_URL"}
    }
    servers = embedded.ensure(
        HOME, {name.removeprefix("TEST_"): url for name, url in given.items()}, say=print
    )
    os.environ.update(
        AIDSTATION_HOME=str(HOME),
        DATABASE_URL=servers.database_url,
        REDIS_URL=_own_database(servers.redis_url),
        DJANGO_SETTINGS_MODULE="config.settings",
        EMAIL_URL="smtp://127.0.0.1:1",
        EMAIL_FROM="Aid Station <tips@example.org>",
        TWILIO_BASE_URL="http://127.0.0.1:1",
        PUBLIC_URL="https://tips.example.org",
    )
    import django
    from django.conf import settings

    django.setup()
    # In a parallel run the plugin has read the settings before this, with the controller's environment.
    settings.REDIS_URL = os.environ["REDIS_URL"]

    from django.contrib.auth.management import create_permissions
    from django.contrib.contenttypes.management import create_contenttypes
    from django.db.models.signals import post_migrate

    # A test that commits ends with empty tables, and Django says so by this signal: what migrations brought comes back
    # for whichever test is next. Permissions would be made as well, which nothing here asks for.
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(
        create_permissions, dispatch_uid="django.contrib.auth.management.create_permissions"
    )
    post_migrate.connect(_bring_back)


def _bring_back(app_config: Any, **_: Any) -> None:
    """The rows that migrations insert (0002_guards)."""
    if app_config.label != "campaigns":
        return
    from campaigns.models import Circuit, StopSignal
    from campaigns.models.words import Channel

    StopSignal.objects.get_or_create(id=1)
    for channel in Channel:
        Circuit.objects.get_or_create(channel=channel)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Two files of one name in folders without `__init__.py` are one module to Python: the second is not run."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    if twice := sorted(name for name, number in names.items() if number > 1):
        raise pytest.UsageError(f"Each test file needs a name of its own; there twice: {', '.join(twice)}.")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The run that has no controller above it stops what it started."""
    if not hasattr(config, "workerinput"):
        embedded.stop(HOME)


def _own_database(redis_url: str) -> str:
    """Each parallel test process has its own Redis database, as it has its own Postgres one."""
    number = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or "0"
    return re.sub(r"db=\d+", f"db={int(number) + 1}", redis_url)
