"""How far one sender has come in the queue of each step.

While an old snapshot is open anywhere in the database, what was claimed stays in the queue's index as dead entries, and
each claim would begin by walking past all of them. Behind a mark it does not. What is given back with its old moment
lies in front of the mark: from time to time, and whenever nothing more lies behind, a sender begins at the front again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

BEGIN_AGAIN = 5.0
"""Seconds after which a step's queue is looked at from its front again: so long may wait what was given back."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last row of a queue that a full claim took: its place in outbox_waiting."""

    due_at: datetime
    delivery: int


@dataclass
class Marks:
    """The marks of one sender; a step without one is looked at from its front."""

    _kept: dict[int, tuple[Mark, float]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._kept)

    def of(self, step: int) -> Mark | None:
        """Where this step's next claim begins."""
        mark, until = self._kept.get(step, (None, 0.0))
        if mark is not None and time.monotonic() > until:
            del self._kept[step]
            return None
        return mark

    def note(self, step: int, mark: Mark | None) -> None:
        """Takes note of where a claim ended; None: there is nothing more behind it."""
        if mark is None:
            self._kept.pop(step, None)
            return
        _, until = self._kept.get(step, (None, time.monotonic() + BEGIN_AGAIN))
        self._kept[step] = mark, until

    def clear(self) -> None:
        """Every step is looked at from its front."""
        self._kept.clear()

    def all(self) -> Mapping[int, Mark]:
        """Those that still count."""
        kept = {step: self.of(step) for step in list(self._kept)}
        return {step: mark for step, mark in kept.items() if mark is not None}
