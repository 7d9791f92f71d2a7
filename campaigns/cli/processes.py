"""The processes of Aid Station, kept running together on one machine."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from campaigns.cli.broker_watch import FIRST_CONNECTION, BrokerWatch
from config.environment import SERVICE_VARIABLE

PR_SET_PDEATHSIG = 1

GRACE = 90.0
"""Seconds a process may take to end: a slice and the answer of any usual mail server fit in. One that takes minutes for
the answer to a dot leaves a doubt for each open connection, which is recorded and settled; no deploy waits for it."""

SETTLED = 10.0
"""Seconds a process must have run for its next start to come at once and not after a rest."""

CELERY = ["celery", "--quiet", "-A", "worker"]
WORKER = [*CELERY, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]

COMMANDS: dict[str, list[str]] = {
    "web": ["gunicorn", "config.wsgi", "--workers", "2", "--threads", "8", "--log-level", "warning"],
    "scheduler": [
        *CELERY,
        "beat",
        "--loglevel",
        "WARNING",
        "--scheduler",
        "celery.beat:Scheduler",
        "--pidfile",
        "",
    ],
    # Threads, for an alert at a server that hangs must stop neither the ticks nor the other channel's alerts.
    "clock": [
        *WORKER,
        "--queues",
        "clock,alerts",
        "--pool",
        "threads",
        "--concurrency",
        "8",
        "--hostname",
        "clock@%h",
    ],
    "email": [
        *WORKER,
        "--queues",
        "email",
        "--pool",
        "prefork",
        "--concurrency",
        "2",
        "--hostname",
        "email@%h",
    ],
    # Threads: two drains, one that asks Twilio what became of a text, one that has it remove texts.
    "sms": [*WORKER, "--queues", "sms", "--pool", "threads", "--concurrency", "4", "--hostname", "sms@%h"],
    # One at a time, in the process itself: a preflight forks helpers, which a child of a pool may not.
    "errands": [*WORKER, "--queues", "errands", "--pool", "solo", "--hostname", "errands@%h"],
    # Apart from the clock and without Redis: it tells people when either stands still.
    "watch": ["campaigns.cli", "watch"],
}
"""Each service and its command, the same here and in docker-compose.yml. No worker takes another's queue: a mail
server that hangs stops neither texts nor the clock."""


WORKERS = frozenset(("clock", "email", "sms", "errands"))
"""Those of `COMMANDS` that listen to Redis."""


@dataclass
class Child:
    """One process and how it is started again."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    told_to_end: bool = False


@dataclass
class Supervisor:
    """Starts processes, starts again those that end, and stops them all.

    `say` takes a line for a person. What the processes print goes to `log`, or where this process prints.
    """

    say: Callable[[str], None]
    log: Path | None = None
    broker: BrokerWatch | None = None
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, command: list[str]) -> None:
        """Starts a Python module as a process and keeps it running."""
        child = Child(name, [sys.executable, "-m", *command])
        self.children.append(child)
        self._spawn(child)

    def watch(self) -> None:
        """Starts again whatever has ended or has lost its way to Redis; call it about twice a second."""
        for child in self.children:
            ended = child.process is not None and child.process.poll() is not None
            if ended and self._rested(child):
                self.say(f"{child.name} ended and is started again.")
                self._spawn(child)
        self._end_lost_workers()

    def stop(self) -> None:
        """Asks every process to finish what it has in hand, waits, and ends those that do not."""
        # To the parent alone: a signal to its whole group would kill the task it is asked to finish.
        for child in reversed(self.children):
            if child.process and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + GRACE
        for child in self.children:
            if child.process:
                _wait(child.process, end)

    def _end_lost_workers(self) -> None:
        """A worker asked to end finishes what it has in hand first; the next look starts it again."""
        grown = time.monotonic() - FIRST_CONNECTION
        workers = {
            child.name: child for child in self.children if child.name in WORKERS and child.started < grown
        }
        for name in self.broker.lost(workers) if self.broker and workers else ():
            child = workers[name]
            if child.process and not child.told_to_end:
                self.say(f"{name} has no connection to Redis and is started again.")
                child.told_to_end = True
                child.process.send_signal(signal.SIGTERM)

    def _rested(self, child: Child) -> bool:
        """Whether a process that ended may be started again: one that ends at once rests for a second first."""
        ran = time.monotonic() - child.started
        return ran > (0.0 if ran > SETTLED else 1.0)

    def _spawn(self, child: Child) -> None:
        child.started, child.told_to_end = time.monotonic(), False
        with self.log.open("ab") if self.log else contextlib.nullcontext() as output:
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, SERVICE_VARIABLE: child.name},
                # A session of its own: Ctrl-C at the terminal reaches the supervisor alone.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )


def until_signalled(each: Callable[[], None], pause: float = 0.5) -> None:
    """Calls `each` again and again until the process is told to end (SIGINT, SIGTERM)."""
    told = False

    def note(_signal: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not told:
            each()
            time.sleep(pause)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_parent() -> None:
    """In the child: a supervisor that is killed takes its processes along, each as by SIGTERM."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(process: subprocess.Popen[bytes], end: float) -> None:
    try:
        process.wait(max(0.1, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
