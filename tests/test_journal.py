"""The journal: it tells a dead process's story, ignores what was cut short, and never speaks for the living."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns import journal
from campaigns.journal import Answer, Journal, JournalFull

ROOT = Path(__file__).resolve().parents[1]
OWNER = """
import sys, time
from pathlib import Path
from campaigns.journal import Answer, Journal
own = Journal.open(Path(sys.argv[1]))
own.handing([(1, 1)], 7)
own.answered(1, Answer("accepted", "250", "", "queue-1"))
own.handing([(2, 4), (3, 2)], 7)
print("ready", flush=True)
time.sleep(60)
"""


def test_it_reads_back_what_was_handed_over_and_answered(tmp_path):
    own = Journal.open(tmp_path)
    own.handing([(1, 1), (5, 2)], 7)
    own.answered(1, Answer("accepted", "250", "ok", "queue-1"))
    own.handing([(2, 4)], 7)
    found = own.read()
    assert set(found) == {(1, 1), (5, 2), (2, 4)}
    assert found[5, 2].answer == found[1, 1].answer == Answer("accepted", "250", "ok", "queue-1")
    assert found[2, 4].answer is None
    own.clear()
    assert own.read() == {}
    own.handing([(9, 9)], 7)
    assert set(own.read()) == {(9, 9)}


def test_a_torn_last_line_is_not_read(tmp_path):
    own = Journal.open(tmp_path)
    own.handing([(1, 1)], 7)
    whole = own.path.read_bytes()
    for length in range(1, len(whole)):
        own.path.write_bytes(whole + whole[:length])
        assert set(own.read()) == {(1, 1)}


def test_a_line_that_a_full_disk_cut_short_does_not_swallow_the_next(tmp_path):
    own = Journal.open(tmp_path)
    own.handing([(1, 1)], 7)
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (own.path.stat().st_size + 5, hard))
    try:
        with pytest.raises(JournalFull):
            own.answered(1, Answer("accepted"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
    own.handing([(2, 1)], 7)
    assert set(own.read()) == {(1, 1), (2, 1)}


def test_a_killed_owner_is_taken_over_and_a_living_one_is_not(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    assert owner.stdout.readline() == "ready\n"
    (path,) = journal.files(tmp_path)
    with journal.taken_over(path) as dead:
        assert not dead
    owner.send_signal(signal.SIGSTOP)
    with journal.taken_over(path) as dead:
        assert not dead, "a paused owner will wake up"
    owner.kill()
    owner.wait()
    with journal.taken_over(path) as dead:
        assert dead
        with journal.taken_over(path) as again:
            assert not again, "two may not replay one file"
        found = journal.read(path)
    assert found[1, 1].answer == Answer("accepted", "250", "", "queue-1")
    assert found[3, 2].answer is None


def test_a_file_that_another_has_replayed_is_left_alone(tmp_path):
    own = Journal.open(tmp_path)
    os.close(own.descriptor)
    path = own.path
    path.unlink()
    with journal.taken_over(path) as dead:
        assert not dead


def test_nothing_is_handed_over_when_the_disk_is_full(tmp_path):
    own = Journal.open(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalFull, match=str(tmp_path)):
        Journal(own.path, full).handing([(1, 1)], 7)
    os.close(full)
    os.close(own.descriptor)


def test_only_its_owner_may_read_it(tmp_path):
    folder = tmp_path / "journal"
    own = Journal.open(folder)
    assert own.path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
