"""Marks: where a sender takes up in a queue, and when it looks at the front again."""

import time

import pytest
from people import DUE

from campaigns.ledger import marks
from campaigns.ledger.marks import Mark, Marks

HERE, THERE = Mark(DUE, 1), Mark(DUE, 2)


def test_the_last_one_counts_until_there_is_nothing_behind_it():
    kept = Marks()
    kept.note(7, HERE)
    kept.note(7, THERE)
    kept.note(8, HERE)
    assert (kept.of(7), kept.of(8), kept.of(9)) == (THERE, HERE, None)
    kept.note(7, None)
    assert kept.all() == {8: HERE}
    kept.clear()
    assert not kept


def test_the_front_is_looked_at_again_however_often_a_claim_was_made_since(monkeypatch: pytest.MonkeyPatch):
    kept = Marks()
    kept.note(7, HERE)
    later = time.monotonic() + marks.BEGIN_AGAIN + 1
    kept.note(7, THERE)
    monkeypatch.setattr(marks.time, "monotonic", lambda: later)
    assert kept.of(7) is None
    assert kept.all() == {}
