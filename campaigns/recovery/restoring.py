"""Restoring: a backup becomes the database, all of it or nothing, and nothing of it is sent before it is looked at.

Knows no commands. While it works nobody else may be connected.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from campaigns import addresses, clock, ledger
from campaigns.recovery import archive, programs, stops_on_disk
from campaigns.recovery.archive import BackupError, Manifest

GAP = 1_000_000
"""By how much new rows are numbered above those of the backup: what was numbered since must not be another's now."""


@dataclass(frozen=True)
class Restored:
    """What a restore came to. `stops`: opt-outs since the backup that were found on this machine's disk."""

    backup_at: datetime
    held: int
    stops: int
    rows: int


def restore(file: Path, *, replace: bool = False) -> Restored:
    """Puts a backup in the place of an empty database, or of any with `replace`. Raises BackupError."""
    manifest = archive.read_manifest(file)
    _check_key(manifest)
    _check_migrations(manifest)
    _check_target(replace=replace)
    with (
        tempfile.TemporaryDirectory(dir=file.resolve().parent) as folder,
        archive.dump_of(file, manifest, Path(folder)) as dump,
    ):
        connection.close()
        _load(dump, Path(folder), manifest)
    call_command("migrate", interactive=False, verbosity=0)
    addresses.check_key()
    return _settle(manifest)


def _check_key(manifest: Manifest) -> None:
    if manifest.canary != addresses.canary().hex():
        raise BackupError(
            "SUPPRESSION_KEY is not the key that this backup's opt-outs were stored with: set the key of that time "
            "(with another one nobody's opt-out would be found)."
        )


def _check_migrations(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := [name for name in manifest.migrations if name not in known]:
        raise BackupError(
            f"This backup is of a newer Aid Station ({unknown[0]} is not known here): update it first."
        )


def _check_target(*, replace: bool) -> None:
    """Refuses a database in use, and one that holds an event unless it is to be replaced."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
        )
        if others := cursor.fetchone()[0]:
            raise BackupError(
                f"{others} other connections are open to this database: stop web, scheduler, workers and watch first."
            )
        cursor.execute("SELECT to_regclass('public.events') IS NOT NULL")
        if cursor.fetchone()[0] and not replace:
            cursor.execute("SELECT count(*) FROM public.events")
            if events := cursor.fetchone()[0]:
                raise BackupError(
                    f"This database holds {events} events: give an empty one, or --replace to remove all that is in it."
                )


def _load(dump: Path, folder: Path, manifest: Manifest) -> None:
    """In one transaction: the old away, the backup in, its counts checked, and nothing left that could be sent."""
    script = folder / "script.sql"
    programs.script_of(dump, script)
    before, after = folder / "before.sql", folder / "after.sql"
    before.write_text("DROP SCHEMA public CASCADE;\n")
    after.write_text(_counted(manifest.rows) + _QUIET)
    programs.run(
        "psql",
        ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--file", str(before),
         "--file", str(script), "--file", str(after)],
        settings.DATABASE_URL,
    )  # fmt: skip


def _counted(rows: dict[str, int]) -> str:
    """SQL that fails unless every table has the rows that the manifest tells of."""
    checks = "\n".join(
        f"""IF (SELECT count(*) FROM public."{table}") <> {count} THEN
            RAISE EXCEPTION 'the rows of {table} are not those of the manifest'; END IF;"""
        for table, count in rows.items()
    )
    return f"DO $$ BEGIN\n{checks}\nEND $$;\n"


_QUIET = """
CREATE TABLE public.restoring AS SELECT id FROM public.campaigns WHERE state = 'live';
UPDATE public.campaigns SET state = 'paused' WHERE state = 'live';
UPDATE public.outbox SET lease_until = NULL, holder = '', due_at = '9999-01-01';
"""
"""In words that every version's tables understand: until all of it is held, nothing is due and nothing opens."""


def _settle(manifest: Manifest) -> Restored:
    with transaction.atomic(), connection.cursor() as cursor:
        held = ledger.hold_back(manifest.moment, clock.now())
        cursor.execute(
            "UPDATE campaigns SET state = 'live' WHERE id IN (SELECT id FROM restoring) AND state = 'paused'"
        )
        cursor.execute("DROP TABLE restoring")
        _number_anew()
    stops = stops_on_disk.replay(manifest.moment)
    return Restored(manifest.moment, held, stops, sum(manifest.rows.values()))


def _number_anew() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = 'public'")
        for (name,) in cursor.fetchall():
            cursor.execute(
                f"SELECT setval('public.{name}', COALESCE((SELECT last_value FROM public.{name}), 0) + %s)",
                [GAP],
            )
