"""What differs between two sources, line by line and word by word, for people to read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

AROUND = 2
"""Lines that stay the same and are shown before and after each change."""

_WORDS = re.compile(r"\s+|[^\s]+")

Part = tuple[bool, str]
"""A stretch of a line, and whether it is what changed."""


@dataclass(frozen=True)
class Line:
    """One line of the comparison; `skipped` stands for `count` equal lines that are left out."""

    kind: Literal["same", "removed", "added", "skipped"]
    parts: list[Part]
    count: int = 0


def differences(old: str, new: str) -> list[Line]:
    """The lines that were removed and added, with a few around them; nothing when both are equal."""
    if old == new:
        return []
    before, after = old.splitlines(), new.splitlines()
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    found: list[Line] = []
    opcodes = matcher.get_opcodes()
    for place, (kind, i1, i2, j1, j2) in enumerate(opcodes):
        if kind == "equal":
            found += _same(before[i1:i2], first=place == 0, last=place == len(opcodes) - 1)
        else:
            found += _changed(before[i1:i2], after[j1:j2])
    return found


def _same(lines: list[str], *, first: bool, last: bool) -> Iterator[Line]:
    head, tail = (0 if first else AROUND), (0 if last else AROUND)
    left_out = len(lines) - head - tail
    if left_out <= 1:
        head, left_out, tail = len(lines), 0, 0
    yield from (Line("same", [(False, line)]) for line in lines[:head])
    if left_out:
        yield Line("skipped", [], left_out)
    yield from (Line("same", [(False, line)]) for line in lines[len(lines) - tail :] if tail)


def _changed(before: list[str], after: list[str]) -> Iterator[Line]:
    """As many lines as both have are compared word by word; what is left over is wholly new or gone."""
    pairs = [_by_word(one, other) for one, other in zip(before, after, strict=False)]
    gone, new = before[len(pairs) :], after[len(pairs) :]
    yield from (Line("removed", parts) for parts, _ in pairs)
    yield from (Line("removed", [(True, line)]) for line in gone)
    yield from (Line("added", parts) for _, parts in pairs)
    yield from (Line("added", [(True, line)]) for line in new)


def _by_word(one: str, other: str) -> tuple[list[Part], list[Part]]:
    before, after = _WORDS.findall(one), _WORDS.findall(other)
    old: list[Part] = []
    new: list[Part] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        _append(old, kind != "equal", "".join(before[i1:i2]))
        _append(new, kind != "equal", "".join(after[j1:j2]))
    return old, new


def _append(parts: list[Part], changed: bool, text: str) -> None:
    if text:
        parts.append((changed, text))
