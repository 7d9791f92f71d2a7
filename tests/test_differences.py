"""What differs between two sources, for people to read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns.differences import differences


def shown(old: str, new: str) -> list[tuple[str, str]]:
    return [(line.kind, "".join(text for _, text in line.parts)) for line in differences(old, new)]


def test_a_changed_word_is_marked_in_its_line():
    removed, added = differences("one two three", "one 2 three")
    assert removed.parts == [(False, "one "), (True, "two"), (False, " three")]
    assert added.parts == [(False, "one "), (True, "2"), (False, " three")]


def test_equal_lines_far_from_a_change_are_left_out():
    old = "\n".join(str(number) for number in range(20))
    assert shown(old, old.replace("10", "ten")) == [
        ("skipped", ""), ("same", "8"), ("same", "9"), ("removed", "10"), ("added", "ten"), ("same", "11"),
        ("same", "12"), ("skipped", ""),
    ]  # fmt: skip


def test_nothing_differs_from_itself():
    assert differences("a\nb", "a\nb") == []


LINES = st.lists(st.sampled_from(["a", "b", "a b", "b a", ""]), max_size=8).map("\n".join)


@given(LINES, LINES)
def test_every_removed_line_is_of_the_old_and_every_added_of_the_new(old, new):
    before, after = old.splitlines(), new.splitlines()
    found = shown(old, new)
    assert all(text in before for kind, text in found if kind == "removed")
    assert all(text in after for kind, text in found if kind == "added")
    gone = sum(kind == "removed" for kind, _ in found)
    come = sum(kind == "added" for kind, _ in found)
    assert len(before) - gone == len(after) - come or old == new
