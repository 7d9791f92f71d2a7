"""Markdown as organisers write it, turned into HTML and a tree. Tags are hidden words; no entrant's data.

A message is one heading and what follows:

    # The title                     exactly one, first
    ## A section
    A paragraph with *emphasis*, **weight**, a [link](https://…) or a [link]({{ info_url }}).
    - a list, or 1. a numbered one

    {% if wave %}                   alone on its line: whole paragraphs or lists are shown or left out
    You start in wave {{ wave }}.
    {% endif %}

    ::: do                          a box headed "One thing to do"
    Try your shoes on this week.
    :::

    ::: button                      one link as a button, once in a message
    [Your choices]({{ preferences_url }})
    :::

    ::: tips                        in news about the race: only for those who have agreed to tips
    Walk a little today.
    :::

    ::: sponsor                     only for those who have agreed to messages from sponsors; not in news
    Shoes from …
    :::

    ::: get-help                    the fixed red-flag words of the message's `safety`; nobody edits them.
                                    They come last, so that people find them in the same place every time.

Links go to https, http, mailto or tel, or to one placeholder holding a web address. HTML, pictures, tables,
quotes and code are not for messages: HTML stays visible as typed, the others are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from markdown_it.utils import EnvType, OptionsDict

from campaigns.content.errors import ContentError, Source
from campaigns.content.placeholders import nearest
from campaigns.content.safety import RED_FLAGS
from campaigns.content.tags import HIDDEN, HIDDEN_STATEMENT_LINE, HiddenTags

_BOXES = ("do", "button", "tips", "sponsor", "get-help")
_HEADED = {"do": "## One thing to do", "sponsor": "## From our sponsor"}
_AGREED = {"tips": "tips_agreed", "sponsor": "sponsor_agreed"}
_BOX_LINE = re.compile(r":::[ \t]*(\S*)[ \t]*")
_BLANK_LINE = re.compile(r"\n[ \t]*(?=\n)")
MAX_PARAGRAPH = 4_000  # characters, up to the next empty line
_LINK_SCHEMES = ("https://", "http://", "mailto:", "tel:")
_INLINE = frozenset({"inline", "text", "softbreak", "hardbreak", "em", "strong", "link"})
_BLOCKS = frozenset(
    {"root", "heading", "paragraph", "bullet_list", "ordered_list", "list_item", "box", "statement"}
)
_WHAT_IS_ALLOWED = "use headings, paragraphs, lists, emphasis and links"


@dataclass(frozen=True)
class Body:
    """A message's body, tags still hidden: as HTML, and as the tree from which the text part is written."""

    html: str
    tree: SyntaxTreeNode


def parse(source: Source, hidden: str, tags: HiddenTags, *, safety: str, purpose: str) -> Body:
    """Turn a body whose tags are hidden into HTML and a tree. Raises ContentError for what is refused."""
    _refuse_long_paragraphs(source)
    env: dict[str, Any] = {"source": source, "safety": safety, "purpose": purpose, "tags": tags}
    tokens = _MARKDOWN.parse(hidden, env)
    tree = SyntaxTreeNode(tokens)
    _check(tree, source, tags, line=1)
    _check_shape(tree, source, safety)
    return Body(_html(tokens, env), tree)


def _refuse_long_paragraphs(source: Source) -> None:
    """Some signs cost a parser the square of a paragraph's length."""
    line = 1
    for paragraph in _BLANK_LINE.split(source.text):
        if len(paragraph) > MAX_PARAGRAPH:
            raise source.error(f"this paragraph has more than {MAX_PARAGRAPH:,} characters; cut it up", line)
        line += paragraph.count("\n") + 1


def fragment(markdown: str) -> Body:
    """Fixed words of our own as HTML and tree, such as the disclaimer."""
    tokens = _MARKDOWN.parse(markdown)
    return Body(_html(tokens, {}), SyntaxTreeNode(tokens))


def _html(tokens: Sequence[Token], env: dict[str, Any]) -> str:
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, env))


def _box_rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A block rule of markdown-it: `::: do` up to `:::`, or the single line `::: get-help`."""
    match = _BOX_LINE.fullmatch(_line(state, start_line))
    if not match:
        return False
    if silent:
        return True
    name = match[1]
    _refuse_bad_box(state, start_line, name)
    last = start_line if name == "get-help" else _closing_line(state, start_line, end_line)
    if name in _AGREED:
        _statement_token(state, f"{{% if {_AGREED[name]} %}}", start_line)
    if name == "tips":
        _parse_inside(state, start_line + 1, last)
    else:
        _box(state, name, start_line, last)
    if name in _AGREED:
        _statement_token(state, "{% endif %}", last)
    state.line = last + 1
    return True


def _box(state: StateBlock, name: str, start_line: int, last: int) -> None:
    opening = state.push("box_open", "table", 1)
    opening.info, opening.map, opening.block = name, [start_line, last + 1], True
    if name == "get-help":
        state.md.block.parse(RED_FLAGS[state.env["safety"]], state.md, state.env, state.tokens)
    else:
        state.md.block.parse(_HEADED.get(name, ""), state.md, state.env, state.tokens)
        _parse_inside(state, start_line + 1, last)
    closing = state.push("box_close", "table", -1)
    closing.info, closing.block = name, True


def _parse_inside(state: StateBlock, start_line: int, end_line: int) -> None:
    outer = state.lineMax
    state.lineMax = end_line
    state.md.block.tokenize(state, start_line, end_line)
    state.lineMax = outer


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _refuse_bad_box(state: StateBlock, line: int, name: str) -> None:
    source: Source = state.env["source"]
    if not name:
        raise source.error("this ::: closes a box that was never opened", line + 1, 1)
    if name not in _BOXES:
        known = ", ".join(_BOXES)
        raise source.error(
            f'there is no box "{name}"{nearest(name, _BOXES)}; the boxes are: {known}', line + 1, 1
        )
    if state.level:
        raise source.error("a box cannot stand inside a list or another box", line + 1, 1)
    if name == "sponsor" and state.env["purpose"] == "service":
        raise source.error(
            "news about the race may not carry a sponsor's words; take the box out", line + 1, 1
        )
    if name == "get-help" and state.env["safety"] not in RED_FLAGS:
        raise source.error("::: get-help needs a line such as safety: back in the head", line + 1, 1)


def _closing_line(state: StateBlock, start_line: int, end_line: int) -> int:
    inner = 0
    for number in range(start_line + 1, end_line):
        match = _BOX_LINE.fullmatch(_line(state, number))
        if match and not match[1] and not inner:
            return number
        if match and match[1] != "get-help":
            inner += 1 if match[1] else -1
    source: Source = state.env["source"]
    raise source.error("this box is never closed; end it with a line :::", start_line + 1, 1)


def _statement_rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A block rule of markdown-it: a hidden `{% … %}` alone on its line is a block, not a paragraph."""
    if start_line >= end_line or not HIDDEN_STATEMENT_LINE.fullmatch(_line(state, start_line)):
        return False
    if silent:
        return True
    _statement_block(state, _line(state, start_line).strip(), start_line)
    state.line = start_line + 1
    return True


def _statement_token(state: StateBlock, tag: str, line: int) -> None:
    """A condition of our own round a box, as if its author had written it."""
    _statement_block(state, state.env["tags"].hide_statement(tag), line)


def _statement_block(state: StateBlock, hidden: str, line: int) -> None:
    token = state.push("statement", "", 0)
    token.content, token.map, token.block = hidden, [line, line + 1], True


def _open_box(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    # A table and not a div: Outlook for Windows gives only cells a padding and a background.
    if tokens[index].info == "button":
        return (
            '<table role="presentation" class="button" cellpadding="0" cellspacing="0" border="0">'
            '<tr><td class="button-cell">\n'
        )
    return (
        f'<table role="presentation" class="box box-{tokens[index].info}" width="100%" cellpadding="0" '
        'cellspacing="0" border="0"><tr><td class="box-cell">\n'
    )


def _close_box(
    _renderer: RendererProtocol, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return "</td></tr></table>\n"


def _statement(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f"{tokens[index].content}\n"


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False})
    markdown.disable(["code", "fence", "lheading", "reference", "backticks", "entity"])
    interrupts: RuleOptionsType = {"alt": ["paragraph", "list"]}
    markdown.block.ruler.before("blockquote", "box", _box_rule, interrupts)
    markdown.block.ruler.before("box", "statement", _statement_rule, interrupts)
    markdown.add_render_rule("box_open", _open_box)
    markdown.add_render_rule("box_close", _close_box)
    markdown.add_render_rule("statement", _statement)
    return markdown


_MARKDOWN = _markdown()


def _check(node: SyntaxTreeNode, source: Source, tags: HiddenTags, line: int) -> None:
    """Refuse what messages may not hold, and tags that would cut through the HTML's own nesting."""
    line = node.map[0] + 1 if not node.is_root and node.map else line
    if node.type not in _INLINE | _BLOCKS:
        what = node.type.replace("_", " ").replace("hr", "horizontal rule")
        raise source.error(f"a message may not hold this ({what}); {_WHAT_IS_ALLOWED}", line)
    if node.type == "link":
        _check_link(node, source, tags, line)
    _check_statements(node, source, tags, line)
    for child in node.children:
        _check(child, source, tags, line)


def _check_link(node: SyntaxTreeNode, source: Source, tags: HiddenTags, line: int) -> None:
    target = str(node.attrs.get("href", ""))
    if "title" in node.attrs:
        raise source.error("a link has no title in messages; say where it goes in its words", line)
    if HIDDEN.search(target):
        placeholder = tags.sole_placeholder(target)
        if placeholder is None or placeholder.kind != "url":
            raise source.error(
                "a link goes to one placeholder that holds a web address, or to a fixed one", line
            )
    elif not target.startswith(_LINK_SCHEMES):
        raise source.error("a link must start with https://, mailto: or tel:", line)


def _check_statements(node: SyntaxTreeNode, source: Source, tags: HiddenTags, line: int) -> None:
    depth = 0
    for word in _statements(node, tags):
        depth += {"if": 1, "endif": -1}.get(word, 0)
        if depth < 0 or (depth == 0 and word in ("elif", "else")):
            break
    else:
        if depth == 0:
            return
    raise source.error("{% if %} and its {% endif %} must stand in the same paragraph, list or box", line)


def _statements(node: SyntaxTreeNode, tags: HiddenTags) -> Iterator[str]:
    for child in node.children:
        if child.type in ("text", "statement"):
            yield from tags.statements(child.content)


def _check_shape(tree: SyntaxTreeNode, source: Source, safety: str) -> None:
    blocks = tree.children
    titles = [heading for heading in _headings(tree) if heading.tag == "h1"]
    if len(titles) != 1 or blocks[0] is not titles[0]:
        raise source.error("a message begins with its one title, a line such as # Shoes that fit", 1)
    for heading in _headings(tree):
        if heading.tag not in ("h1", "h2"):
            raise source.error("use # once for the title and ## for sections", _first_line(heading))
    _check_buttons(tree, source)
    if safety in RED_FLAGS and not _is_get_help(blocks[-1]):
        raise ContentError(
            f"a message with safety: {safety} must end with the line ::: get-help", template=source.template
        )
    if any(_is_get_help(block) for block in blocks[:-1]):
        raise ContentError(
            "::: get-help comes once, as the last thing in the message", template=source.template
        )


def _check_buttons(tree: SyntaxTreeNode, source: Source) -> None:
    buttons = [block for block in tree.children if block.type == "box" and block.info == "button"]
    if len(buttons) > 1:
        raise source.error("a message has one button at most", _first_line(buttons[1]))
    for button in buttons:
        inside = [part for paragraph in button.children for part in _parts(paragraph)]
        if [part.type for part in inside] != ["link"]:
            raise source.error("a button holds one link and nothing else", _first_line(button))


def _parts(paragraph: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    for child in paragraph.children:
        yield from child.children if child.type == "inline" else [child]


def _first_line(node: SyntaxTreeNode) -> int:
    return (node.map or (0, 0))[0] + 1


def _headings(node: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    for child in node.children:
        if child.type == "heading":
            yield child
        yield from _headings(child)


def _is_get_help(node: SyntaxTreeNode) -> bool:
    return node.type == "box" and node.info == "get-help"
