"""Processes that outlive the command that starts them: start one, find it again, end it. Knows of no server."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil

PATIENCE = 30.0
"""Seconds that a process may take to end after each signal."""


def environment() -> dict[str, str]:
    """What such a process is told: where programs are, and none of the secrets of the command that starts it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, beyond the reach of the caller's Ctrl-C; what it says goes to the
    end of `log`, which only its owner may read. Raises OSError."""
    with open(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(),
            umask=0o077,
            start_new_session=True,
        )


def find(program: str, pid_file: Path, folder: Path) -> psutil.Process | None:
    """The process whose number stands in `pid_file`, if it is `program` at work in `folder`: after a kill, a number
    in a file may be anybody's."""
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
    except (OSError, ValueError, psutil.Error):
        return None
    return process if _works_in(process, program, folder) else None


def end_all(program: str, folder: Path) -> None:
    """Ends every process of `program` whose working directory is `folder`: what a killed parent left behind."""
    for process in psutil.process_iter():
        if _works_in(process, program, folder):
            end(process, signal.SIGTERM)


def end(process: psutil.Process, *how: signal.Signals) -> None:
    """Asks a process to end by each signal of `how` in turn until it does, and at last kills it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for number in (*how, signal.SIGKILL):
            process.send_signal(number)
            if _ended_in_time(process):
                return


def ended(process: psutil.Process) -> bool:
    """Whether it has ended; one that nobody has reaped yet has (in a container often nobody does)."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _works_in(process: psutil.Process, program: str, folder: Path) -> bool:
    try:
        return process.name() == program and process.cwd() == str(folder)
    except psutil.Error:
        return False


def _ended_in_time(process: psutil.Process) -> bool:
    limit = time.monotonic() + PATIENCE
    while not ended(process) and time.monotonic() < limit:
        time.sleep(0.01)
    return ended(process)
