"""A station of its own for each end-to-end test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from station import Station

from postbox import Postbox


@pytest.fixture
def box() -> Iterator[Postbox]:
    with Postbox(smtp_port=0, http_port=0) as postbox:
        yield postbox


@pytest.fixture
def station(box: Postbox) -> Iterator[Station]:
    home = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    running = Station(home, box)
    yield running
    running.stop()
    shutil.rmtree(home, ignore_errors=True)
