"""Taking a backup: a dump and the counts that prove it, of one and the same moment."""

import tempfile
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from campaigns import addresses
from campaigns.recovery import archive, programs
from campaigns.recovery.archive import Manifest
from campaigns.watch import heartbeat


def back_up(file: Path) -> Manifest:
    """Writes the whole database to `file` while the station goes on. Raises BackupError."""
    with tempfile.TemporaryDirectory(dir=file.resolve().parent) as folder, transaction.atomic():
        dump = Path(folder) / archive.DUMP
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot(), now() AT TIME ZONE 'UTC'")
            snapshot, at = cursor.fetchone()
        rows, migrations = _rows(), _migrations()
        programs.run(
            "pg_dump",
            ["--format", "custom", "--no-owner", "--no-privileges", "--snapshot", snapshot, "--schema", "public",
             "--file", str(dump)],
            settings.DATABASE_URL,
        )  # fmt: skip
        manifest = Manifest(
            at=f"{at.isoformat()}+00:00",
            migrations=migrations,
            rows=rows,
            canary=addresses.canary().hex(),
            sha256=archive.digest(dump),
            bytes=dump.stat().st_size,
            version=version("aidstation"),
        )
        archive.write(file, manifest, dump)
    heartbeat.beat(heartbeat.BACKUP)
    return manifest


def _rows() -> dict[str, int]:
    """How many rows each table has in this transaction's snapshot."""
    counts = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts


def _migrations() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY id")
        return [row[0] for row in cursor.fetchall()]
