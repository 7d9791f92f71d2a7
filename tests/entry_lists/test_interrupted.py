"""Ctrl-C in a real import, in the middle of reading and in the middle of writing: nothing is half done."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection
from people import WAITING

from campaigns import addresses

if TYPE_CHECKING:
    from campaigns.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = Path(__file__).parents[2]
COPYING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'COPY staged_entrants%' AND state = 'active'"""

Everything = Callable[[], dict[str, list[str]]]
WriteList = Callable[..., Path]


@pytest.fixture
def watcher() -> Iterator[psycopg.Connection[Any]]:
    """A second connection to the same database."""
    options = connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    with psycopg.connect(**options, autocommit=True) as second:
        yield second


@pytest.fixture
def large_list(write_list: WriteList) -> Path:
    return write_list(
        *({"First Name": f"Ada {n}", "Email Address": f"a{n}@example.com"} for n in range(20_000))
    )


def start_import(path: Path, event: Event) -> subprocess.Popen[str]:
    url = re.sub(r"/[^/?]+(\?|$)", rf"/{connection.settings_dict['NAME']}\1", os.environ["DATABASE_URL"])
    return subprocess.Popen(
        [sys.executable, "-m", "campaigns.cli", "entrants", "import", path, "--event", event.slug],
        env=os.environ | {"DATABASE_URL": url, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background of a shell ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def interrupt_when(process: subprocess.Popen[str], watcher: psycopg.Connection[Any], query: str) -> str:
    """Press Ctrl-C once `query` counts something; what the command then said."""
    end = time.monotonic() + 60
    while not (watcher.execute(query).fetchone() or [0])[0]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    return said


def test_ctrl_c_while_reading(
    event: Event, large_list: Path, watcher: psycopg.Connection[Any], everything: Everything
) -> None:
    addresses.check_key()  # the command stores its canary on first use
    before = everything()
    said = interrupt_when(start_import(large_list, event), watcher, COPYING)
    assert said == "aidstation: Interrupted: nothing is half done, import the list again when you like.\n"
    assert everything() == before


def test_ctrl_c_while_writing(
    event: Event, large_list: Path, watcher: psycopg.Connection[Any], everything: Everything
) -> None:
    addresses.check_key()  # the command stores its canary on first use
    before = everything()
    with watcher.transaction():
        # The import stops before this row when it has begun to write, and waits there for the signal.
        watcher.execute("SELECT FROM events FOR UPDATE")
        said = interrupt_when(start_import(large_list, event), watcher, WAITING)
    assert said.startswith("aidstation: Interrupted")
    assert everything() == before
