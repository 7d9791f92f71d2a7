"""The supervisor: what ends is started again, what is told to end finishes first, and nobody outlives it."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from campaigns.cli.processes import Supervisor

ROOT = Path(__file__).resolve().parents[2]

SUPERVISE = """
import time
from campaigns.cli.processes import Supervisor
supervisor = Supervisor(print)
supervisor.start("clock", ["timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)"])
print(supervisor.children[0].process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def supervisor(tmp_path):
    said: list[str] = []
    running = Supervisor(said.append, tmp_path / "log")
    yield running
    running.stop()


def sleeping(seconds: float) -> list[str]:
    """A module that sleeps, as a command for `python -m`."""
    return ["timeit", "-n", "1", "-r", "1", f"import time; time.sleep({seconds})"]


def wait_until(condition, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_process_that_was_killed_is_started_again(supervisor):
    supervisor.start("email", sleeping(60))
    (child,) = supervisor.children
    first = child.process
    time.sleep(1.1)
    supervisor.watch()
    assert child.process is first
    first.kill()
    first.wait()
    supervisor.watch()
    assert child.process is not first
    assert child.process.poll() is None


def test_a_process_that_ends_at_once_is_not_started_in_a_hot_loop(supervisor):
    supervisor.start("email", sleeping(0))
    (child,) = supervisor.children
    starts = set()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        supervisor.watch()
        starts.add(child.process.pid)
        time.sleep(0.02)
    assert 2 <= len(starts) <= 3


def test_stop_ends_everything_and_starts_nothing_again(supervisor):
    for name in ("clock", "email"):
        supervisor.start(name, sleeping(60))
    supervisor.stop()
    assert all(child.process.poll() is not None for child in supervisor.children)


def test_the_processes_of_a_killed_supervisor_end_with_it():
    killed = subprocess.Popen([sys.executable, "-c", SUPERVISE], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert killed.stdout
    number = int(killed.stdout.readline())
    assert psutil.pid_exists(number)
    killed.kill()
    killed.wait()
    wait_until(lambda: not psutil.pid_exists(number))


def test_what_processes_say_goes_to_the_log(supervisor):
    supervisor.start("email", sleeping(0))
    wait_until(lambda: b"loop" in supervisor.log.read_bytes())
