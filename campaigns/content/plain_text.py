"""The text part of an email, written from the same tree as its HTML. Tags are hidden words here.

Lines are wrapped once per version, each placeholder as long as its example: an unusual value makes a
line longer or shorter, which no mail program minds (RFC 5322 asks for 78 characters, insists on 998).
"""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it.tree import SyntaxTreeNode

from campaigns.content.tags import HiddenTags

_WIDTH = 72
_UNDERLINES = {"h1": "=", "h2": "-"}


def write(tree: SyntaxTreeNode, tags: HiddenTags) -> str:
    """The tree as plain text, blocks parted by one empty line."""
    return _blocks(tree, tags, _WIDTH).strip("\n") + "\n"


def _blocks(node: SyntaxTreeNode, tags: HiddenTags, width: int) -> str:
    # Each block brings the empty line before it, and a condition's tags stand round both: left out, they leave no gap.
    return "".join(
        child.content if child.type == "statement" else "\n\n" + _block(child, tags, width)
        for child in node.children
    )


def _block(node: SyntaxTreeNode, tags: HiddenTags, width: int) -> str:
    if node.type == "heading":
        return _heading(node, tags, width)
    if node.type in ("bullet_list", "ordered_list"):
        return _list(node, tags, width)
    if node.type == "box":
        return _blocks(node, tags, width).strip("\n")
    return _wrap(_inline(node), tags, width)


def _heading(node: SyntaxTreeNode, tags: HiddenTags, width: int) -> str:
    lines = _wrap(_inline(node), tags, width)
    longest = max(tags.width(line) for line in lines.split("\n"))
    return f"{lines}\n{_UNDERLINES[node.tag] * min(longest, width)}"


def _list(node: SyntaxTreeNode, tags: HiddenTags, width: int) -> str:
    return "\n".join(_items(node, tags, width))


def _items(node: SyntaxTreeNode, tags: HiddenTags, width: int) -> Iterator[str]:
    first = int(node.attrs.get("start", 1))
    for number, item in enumerate(node.children, start=first):
        mark = "- " if node.type == "bullet_list" else f"{number}. "
        indent = " " * len(mark)
        lines = _blocks(item, tags, width - len(mark)).strip("\n").replace("\n\n", "\n").split("\n")
        yield mark + f"\n{indent}".join(lines)


def _inline(node: SyntaxTreeNode) -> str:
    if node.type in ("text", "code_inline"):
        return node.content
    if node.type == "softbreak":
        return " "
    if node.type == "hardbreak":
        return "\n"
    words = "".join(_inline(child) for child in node.children)
    return _link(words, str(node.attrs["href"])) if node.type == "link" else words


def _link(words: str, target: str) -> str:
    if target.startswith("tel:") or target.removeprefix("mailto:") == words:
        return words
    return f"{words} ({target})"


def _wrap(text: str, tags: HiddenTags, width: int) -> str:
    return "\n".join(line for part in text.split("\n") for line in _wrapped_lines(part, tags, width))


def _wrapped_lines(text: str, tags: HiddenTags, width: int) -> Iterator[str]:
    line, used = "", 0
    for word in text.split(" "):
        length = tags.width(word)
        if line and used + 1 + length > width:
            yield line
            line, used = word, length
        else:
            line, used = (f"{line} {word}", used + 1 + length) if line else (word, length)
    yield line
