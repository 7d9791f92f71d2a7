"""Postgres's own programs that write and read a dump: those on the PATH where they fit the server, else the wheel's."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from campaigns.cli.embedded import ServersError, postgres_programs
from campaigns.recovery.archive import BackupError


def program(name: str) -> str:
    """The path of `pg_dump`, `pg_restore` or `psql`. Raises BackupError."""
    try:
        return str(postgres_programs() / name)
    except ServersError:
        found = shutil.which(name)
    if found is None:
        raise BackupError(
            f"There is no {name} here: install Postgres's client programs, version 18 or newer."
        )
    return found


def run(name: str, words: Sequence[str], database_url: str = "") -> None:
    """Runs one to its end. Raises BackupError with what it says first; never with what rows hold.

    The password goes by the environment: other users of the machine can read a command line.
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(database_url).items()}
    password = parts.pop("password", "")
    database = ["--dbname", make_conninfo(**parts)] if database_url else []
    done = subprocess.run(
        [program(name), *database, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ
        | {"PGCONNECT_TIMEOUT": "10", "LC_MESSAGES": "C"}
        | ({"PGPASSWORD": password} if password else {}),
        check=False,
    )
    if done.returncode:
        raise BackupError(f"{name} failed: {_said(done.stderr)}")


def _said(stderr: bytes) -> str:
    """The first error without its details, which may quote a row."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if "error" in line.lower()]
    return lines[0].partition("DETAIL")[0][:300] if lines else "it does not say why"


def script_of(dump: Path, target: Path) -> None:
    """Writes a dump as SQL. Raises BackupError."""
    run("pg_restore", ["--no-owner", "--no-privileges", "--file", str(target), str(dump)])
