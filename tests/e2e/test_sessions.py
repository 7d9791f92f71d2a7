"""Sessions of the database while real workers send: one an email process, kept over all of its tasks."""

import time

import psycopg
import pytest
from station import a_step, wait_until

pytestmark = pytest.mark.timeout(240)

PROCESSES, THREADS = 2, 8
"""Of the email worker and of the clock's, as their commands have it."""

DRAINING = "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 101 AND granted"
"""Who holds one of email's slots at this moment."""

SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


def test_an_email_process_keeps_one_session_over_all_its_tasks(station):
    """A session opened for every task costs more than sending does."""
    station.event()
    station.entrants(2_000)
    station.env["EMAIL_RATE"] = "250"
    station.start("scheduler", "clock", "email")
    station.campaign(a_step("tip"))
    wait_until(lambda: len(station.box.emails) > 100, 60)
    draining: set[int] = set()
    everyone: set[int] = set()
    until, begun = time.monotonic() + 5, len(station.box.emails)
    with psycopg.connect(station.database_url, autocommit=True) as looking:
        time.sleep(0.5)  # the sessions of the looks before are gone
        while time.monotonic() < until:
            draining |= {pid for (pid,) in looking.execute(DRAINING)}
            everyone |= {pid for (pid,) in looking.execute(SESSIONS)}
            time.sleep(0.02)
    assert begun < len(station.box.emails) < 2_000, "slices went by, and the send was not over"
    assert 1 <= len(draining) <= PROCESSES
    assert len(everyone) <= PROCESSES + THREADS
    station.wait_until_settled(2_000)
