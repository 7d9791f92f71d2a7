"""Hide a template's tags while Markdown and HTML tools work on it, and show them again afterwards.

An entrant's data is put in after Markdown has become HTML, so that data is never markup. Until then each tag
is one short word that those tools leave alone, also in link targets.
"""

from __future__ import annotations

import re

from campaigns.content.errors import ContentError, Source
from campaigns.content.placeholders import PLACEHOLDERS, Placeholder
from campaigns.content.sandbox import Piece, pieces

HIDDEN = re.compile(r"xj([vs])(\d{5})jx")
HIDDEN_STATEMENT_LINE = re.compile(r"[ ]{0,3}xjs\d{5}jx[ \t]*")

_PLAIN_OUTPUT = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NAMED_OUTPUT = re.compile(r"\{\{\s*(\w+)")
_LETTERS = {"output": "v", "statement": "s"}


class HiddenTags:
    """The tags taken out of one message, by number."""

    def __init__(self) -> None:
        self._tags: list[str] = []

    def hide(self, source: Source) -> str:
        """The source with every tag replaced by a word; comments leave only their line breaks."""
        if HIDDEN.search(source.text):
            raise ContentError(
                "the source holds a word reserved for tags (xjv00000jx)", template=source.template
            )
        return "".join(self._hidden(piece) for piece in pieces(source))

    def hide_again(self, template: str, text: str) -> str:
        """Hide the tags of a text in which others are hidden already, such as the layout around a body."""
        return "".join(self._hidden(piece) for piece in pieces(Source(template, text)))

    def _hidden(self, piece: Piece) -> str:
        if piece.kind == "data":
            return piece.text
        if piece.kind == "comment":
            return "\n" * piece.text.count("\n")
        return self._word(piece.kind, piece.text)

    def hide_statement(self, tag: str) -> str:
        """The word for a statement that the source does not hold, such as the condition of a box."""
        return self._word("statement", tag)

    def _word(self, kind: str, tag: str) -> str:
        self._tags.append(tag)
        return f"xj{_LETTERS[kind]}{len(self._tags) - 1:05}jx"

    def show(self, text: str) -> str:
        """The text with every hidden tag back in its place."""
        return HIDDEN.sub(lambda match: self._tag(match) or match[0], text)

    def _tag(self, match: re.Match[str]) -> str:
        number = int(match[2])
        return self._tags[number] if number < len(self._tags) else ""

    def statements(self, text: str) -> list[str]:
        """The statement words hidden in a text, in order: "if", "elif", "else", "endif"."""
        shown = [self._tag(match) for match in HIDDEN.finditer(text) if match[1] == "s"]
        return [tag.strip("{}% \t\n").partition(" ")[0] for tag in shown]

    def sole_placeholder(self, text: str) -> Placeholder | None:
        """The placeholder when the text is exactly one `{{ placeholder }}`, without a filter."""
        match = _PLAIN_OUTPUT.fullmatch(self.show(text))
        return PLACEHOLDERS.get(match[1]) if match else None

    def width(self, text: str) -> int:
        """How many characters a hidden text will roughly take once an entrant's values stand in it."""
        return len(HIDDEN.sub(self._example, text))

    def _example(self, match: re.Match[str]) -> str:
        named = _NAMED_OUTPUT.match(self._tag(match))
        return PLACEHOLDERS[named[1]].example if named else ""
