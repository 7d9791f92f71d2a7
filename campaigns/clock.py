"""The one place that asks what time it is, so that tests can freeze it and a rehearsal can replace it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
