"""The text part of a mail as a page shows it: its lines were broken for a mail program, and a phone is narrower."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

BROKEN_AT = 62
"""A line to which the next word would add up to more than this was broken for want of room: lines are at most 72
long (`content.plain_text`), but were measured with an example in place of each value."""

_UNDERLINE = re.compile(r"=+|-{3,}")
_ITEM = re.compile(r"- |\d+\. ")


class Block(NamedTuple):
    """A heading, or a paragraph or list with the lines that it has to have."""

    is_heading: bool
    words: str


def blocks(text: str) -> Iterator[Block]:
    """The text without underlines and rules, and with paragraphs that wrap where there is no more room."""
    for block in re.split(r"\n\n+", text.replace("\r\n", "\n").strip("\n")):
        lines = block.split("\n")
        if len(lines) > 1 and _UNDERLINE.fullmatch(lines[-1]):
            yield Block(True, " ".join(lines[:-1]))
        elif not _UNDERLINE.fullmatch(block):
            yield Block(False, "\n".join(_joined(lines)))


def _joined(lines: list[str]) -> Iterator[str]:
    line = lines[0]
    last = line
    for following in lines[1:]:
        words = following.strip()
        if _ITEM.match(words) or len(last) + 1 + len(words.partition(" ")[0]) <= BROKEN_AT:
            yield line
            line = words
        else:
            line = f"{line} {words}"
        last = following
    yield line
