"""The measurements themselves: that they run on a machine as it is, and measure what they say."""

import json
import os
import smtplib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from bench import sinks, stages
from bench.station import sleep_until

ROOT = Path(__file__).resolve().parents[2]


def test_opening_is_measured_and_nothing_of_it_stays(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "campaigns.cli", "bench", "open", "--entrants", "300", "--json"],
        cwd=tmp_path, env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["entrants"] == 300
    assert 0 < figures["seconds"] < 60
    assert list(tmp_path.iterdir()) == []


def test_a_send_that_began_after_its_moment_is_not_measured():
    with pytest.raises(click.ClickException, match=r"ready 3\.0 s after its moment"):
        sleep_until(datetime.now(UTC) - timedelta(seconds=3))


@pytest.mark.parametrize("pipelining", [True, False])
def test_the_lean_mail_server_takes_mails(pipelining):
    with (
        sinks.lean(pipelining=pipelining, delay=0.001) as server,
        smtplib.SMTP("127.0.0.1", server.port) as smtp,
    ):
        for body in ("Subject: tip\r\n\r\n.\r\nHello.\r\n", "", "x" * 300_000):
            assert smtp.sendmail("a@example.org", ["b@example.org"], body) == {}
        assert smtp.has_extn("pipelining") is pipelining


@pytest.mark.parametrize("path", stages.STAGES)
def test_every_stage_is_a_place_in_the_code(path):
    assert (ROOT / path).exists()
    inside = f"{ROOT / path}/a.py" if path.endswith("/") else str(ROOT / path)
    assert stages.stage_of(inside) == stages.STAGES[path]


def test_code_of_others_is_no_stage():
    assert stages.stage_of(json.__file__) is None


def test_every_page_is_measured_with_a_ledger_behind_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "campaigns.cli", "bench", "pages", "--entrants", "50", "--deliveries", "100",
         "--rounds", "2", "--json"],
        cwd=tmp_path, env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["deliveries"] == 100
    pages = {
        "course",
        "live",
        "race-day",
        "alert",
        "report",
        "find-mobile",
        "message-being-written",
        "api-deliveries",
    }
    assert {f"{page}_p95_ms" for page in pages} <= set(figures)
    assert list(tmp_path.iterdir()) == []
