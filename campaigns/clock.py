"""The one place that asks what time it is, so that tests can freeze it and a rehearsal can replace it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_shown: ContextVar[datetime | None] = ContextVar("shown", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC; inside `standing_at` the moment that was given there."""
    return _shown.get() or datetime.now(UTC)


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """Inside, the clock of this thread stands still at `moment`, and nobody else's does."""
    before = _shown.set(moment)
    try:
        yield
    finally:
        _shown.reset(before)
