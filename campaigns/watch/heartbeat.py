"""Heartbeats: proof that something which has to happen again and again still does. Knows nothing of what it was."""

from django.db import connection

TICK = "tick"
BACKUP = "backup"


def beat(name: str) -> None:
    """Notes that it happened now. By the database's clock, so that no two machines have to agree on theirs."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO heartbeats (name, at) VALUES (%s, clock_timestamp())
            ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()""",
            [name],
        )


def ages() -> dict[str, float]:
    """Seconds since each last happened; what never did is not in it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, extract(epoch FROM clock_timestamp() - at)::float8 FROM heartbeats")
        return dict(cursor.fetchall())
