"""Writing at once what several threads bring at the same time. It must not know what is written, or where.

A commit waits for the disk, and costs a database about as much for one row as for ten. So whoever comes while a group
is being written joins the next one, and nobody goes on before the group that holds theirs is written: nothing is
promised early.
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class _Lead:
    """Told to one who waits: the next group is yours to write."""


class _Brought(Generic[T]):
    """What one thread brings, and where it hears what came of it: None when all is written, an error, or the lead."""

    __slots__ = ("heard", "things")

    def __init__(self, things: Sequence[T]) -> None:
        self.things = things
        self.heard: SimpleQueue[Exception | _Lead | None] = SimpleQueue()


class Together(Generic[T]):
    """Gathers what threads bring and has one of them write it for all.

    `write` takes a group in the thread of one of its bringers. After a group of several the next is begun no sooner
    than `pause` seconds after it: who comes alone never waits, and in a flood they wait for each other. An error of
    the kinds in `of_all` is everybody's; after any other each thing of the group is written by itself, so that what
    spoils one spoils no other.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], None], pause: float, of_all: tuple[type[Exception], ...]
    ) -> None:
        self._write, self._pause, self._of_all = write, pause, of_all
        self._lock = threading.Lock()
        self._waiting: list[_Brought[T]] = []
        self._is_led = False
        self._not_before = float("-inf")

    def bring(self, things: Sequence[T]) -> None:
        """Returns once all of them are written; raises the first of what `write` raised for them."""
        brought = _Brought(things)
        with self._lock:
            self._waiting.append(brought)
            leads, self._is_led = not self._is_led, True
        told = _Lead() if leads else brought.heard.get()
        if isinstance(told, _Lead):
            self._lead()
            told = brought.heard.get()
        if isinstance(told, Exception):
            raise told

    def _lead(self) -> None:
        """Writes the group that waits, the leader's own among it, and hands the lead on."""
        time.sleep(max(0.0, self._not_before - time.monotonic()))
        with self._lock:
            group, self._waiting = self._waiting, []
        self._not_before = time.monotonic() + (self._pause if len(group) > 1 else 0.0)
        try:
            self._settle(group)
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].heard.put(_Lead())

    def _settle(self, group: Sequence[_Brought[T]]) -> None:
        things = [thing for brought in group for thing in brought.things]
        error = self._error(things)
        alone = error is not None and len(things) > 1 and not isinstance(error, self._of_all)
        for brought in group:
            brought.heard.put(self._each(brought.things) if alone else error)

    def _each(self, things: Sequence[T]) -> Exception | None:
        """Writes each by itself; the first of what stood against one of them."""
        errors = [self._error([thing]) for thing in things]
        return next((error for error in errors if error is not None), None)

    def _error(self, things: Sequence[T]) -> Exception | None:
        try:
            self._write(things)
        except Exception as error:
            return error
        return None
