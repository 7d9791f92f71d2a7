"""Writing for several at once: nobody goes on early, nobody is forgotten, and one that fails spoils no other."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from campaigns.receipts import together
from campaigns.receipts.together import Together

PATIENCE = 30


class Away(Exception):
    """Of everybody."""


class Paper:
    """Where groups are written; `held` keeps the first writer until `go`."""

    def __init__(self, *, held: bool = False) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()
        self.writes = threading.Event()
        if not held:
            self.go.set()

    def write(self, things: Sequence[int]) -> None:
        self.writes.set()
        assert self.go.wait(PATIENCE)
        if -1 in things:
            raise Away
        if 13 in things:
            raise ValueError(13)
        self.groups.append(list(things))


def gather(paper: Paper, calls: Sequence[Sequence[int]]) -> list[Future[None]]:
    """The first call is being written while all others come."""
    brings = Together(paper.write, 0.0, (Away,))
    with ThreadPoolExecutor(len(calls)) as threads:
        futures = [threads.submit(brings.bring, calls[0])]
        assert paper.writes.wait(PATIENCE)
        futures += [threads.submit(brings.bring, call) for call in calls[1:]]
        end = time.monotonic() + PATIENCE
        while len(brings._waiting) < len(calls) - 1 and time.monotonic() < end:
            time.sleep(0.001)
        assert not any(future.done() for future in futures)
        paper.go.set()
    return futures


def test_what_comes_alone_is_written_by_who_brings_it():
    seen = []
    Together(lambda things: seen.append((list(things), threading.get_ident())), 60.0, ()).bring([1])
    assert seen == [([1], threading.get_ident())]


def test_what_comes_while_a_group_is_written_is_one_group():
    paper = Paper(held=True)
    for future in gather(paper, [[1], [2], [3, 4], [5]]):
        future.result()
    assert paper.groups[0] == [1]
    assert [sorted(group) for group in paper.groups[1:]] == [[2, 3, 4, 5]]


def test_what_fails_fails_for_its_own_bringer_alone():
    paper = Paper(held=True)
    first, second, third, fourth = gather(paper, [[1], [2], [12, 13, 14], [5]])
    assert [future.exception() for future in (first, second, fourth)] == [None] * 3
    assert isinstance(third.exception(), ValueError)
    assert sorted(thing for group in paper.groups for thing in group) == [1, 2, 5, 12, 14]


def test_what_fails_for_all_is_not_tried_again_for_each():
    paper = Paper(held=True)
    first, *others = gather(paper, [[1], [2], [-1], [3]])
    assert first.exception() is None
    assert all(isinstance(future.exception(), Away) for future in others)
    assert paper.groups == [[1]]


def test_after_a_failure_the_next_is_written():
    brings = Together((paper := Paper()).write, 0.0, (Away,))
    for things in ([-1], [13]):
        with pytest.raises((Away, ValueError)):
            brings.bring(things)
    brings.bring([1])
    assert paper.groups == [[1]]


def test_only_after_a_group_of_several_the_next_waits(monkeypatch):
    rests: list[float] = []
    monkeypatch.setattr(together.time, "sleep", rests.append)
    brings = Together(Paper().write, 60.0, ())
    brings.bring([1])
    brings.bring([2])
    assert rests == [0.0, 0.0]
    brings._waiting.append(together._Brought([3]))
    brings.bring([4])
    brings.bring([5])
    assert rests[2] == 0.0
    assert 0.0 < rests[3] <= 60.0


def test_of_many_threads_each_thing_is_written_once():
    brings = Together((paper := Paper()).write, 0.0001, ())
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: brings.bring([number]), range(100, 2100)))
    assert sorted(thing for group in paper.groups for thing in group) == list(range(100, 2100))
