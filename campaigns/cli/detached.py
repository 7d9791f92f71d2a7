"""Processes that outlive the command that starts them: start one, find it again, end it. Knows of no server."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil

PATIENCE = 60.0
"""Seconds that a process may take to end when asked."""


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


def end(process: psutil.Process, how: signal.Signals) -> None:
    """Asks a process to end by the signal `how`, waits, and kills it if it does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(how)
        if not _ended(process):
            process.kill()
            _ended(process)


def _works_in(process: psutil.Process, program: str, folder: Path) -> bool:
    try:
        return process.name() == program and process.cwd() == str(folder)
    except psutil.Error:
        return False


def _ended(process: psutil.Process) -> bool:
    """Whether it ends in time; one that nobody has reaped yet has ended (in a container often nobody does)."""
    limit = time.monotonic() + PATIENCE
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > limit:
                return False
            time.sleep(0.01)
    return True
