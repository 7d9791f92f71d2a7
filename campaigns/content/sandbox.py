"""Jinja as organisers may write it: open words and conditions, nothing that is code. Knows no Markdown.

The parsed template is checked against a list of what is allowed; Jinja's own sandbox, strict undefined and
autoescape stand behind it. Allowed: `{{ placeholder }}`, `{{ days_to_go|days }}` (see `filters`), `{% if %}`
with `elif`, `else`, `and`, `or`, `not` and comparisons with constants, and `{# comments #}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from jinja2 import StrictUndefined, Template, nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaigns.content.errors import ContentError, MissingValue, Source
from campaigns.content.filters import FILTERS
from campaigns.content.placeholders import PLACEHOLDERS, Filled, Placeholder, fill, nearest

MAX_SOURCE = 20_000  # octets; the longest of ours has 6,000
MAX_LINES = 1_000
MAX_OUTPUT = 200_000  # octets

_DEEPEST = 20  # ifs inside ifs, and brackets; Python's own limits come soon after
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Filter,
    nodes.If,
    nodes.Compare,
    nodes.Operand,
    nodes.Const,
    nodes.And,
    nodes.Or,
    nodes.Not,
)
_HOW_TO = "use only {{ placeholder }} and {% if placeholder %} … {% endif %}"


class _Missing(StrictUndefined):
    """A required placeholder without a value: `{% if bib %}` may ask, anything else fails by its name."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


def _environment(autoescape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=autoescape, undefined=_Missing, keep_trailing_newline=True
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters.clear()
    environment.filters.update({name: known.apply for name, known in FILTERS.items()})
    return environment


_HTML = _environment(autoescape=True)
_TEXT = _environment(autoescape=False)


@dataclass(frozen=True)
class Piece:
    """A stretch of a template: plain data, or one whole tag; joined again they give the source."""

    kind: Literal["data", "output", "statement", "comment"]
    text: str


@dataclass(frozen=True)
class _Token:
    line: int
    column: int
    kind: str
    value: str


_TAGS: dict[str, Literal["output", "statement", "comment"]] = {
    "variable_begin": "output",
    "block_begin": "statement",
    "comment_begin": "comment",
}
_ENDS = ("variable_end", "block_end", "comment_end")
_PLAIN_MARKS = ("{{", "}}", "{%", "%}", "{#", "#}")


def pieces(source: Source) -> list[Piece]:
    """Cut a template into data and tags. Raises ContentError where a tag is broken or not available."""
    found: list[Piece] = []
    kind: Literal["output", "statement", "comment"] | None = None
    text = ""
    for token in _tokens(source):
        if token.kind == "data":
            found.append(Piece("data", token.value))
            continue
        kind = _TAGS.get(token.kind, kind)
        text += token.value
        if token.kind in _ENDS and kind:
            found.append(Piece(kind, text))
            text = ""
    return found


def _tokens(source: Source) -> Iterator[_Token]:
    line, column = 1, 1
    try:
        for _, kind, value in _TEXT.lex(source.text):
            yield _available(_Token(line, column, kind, value), source)
            line, column = _after(value, line, column)
    except TemplateSyntaxError as error:
        raise source.error(_sentence(error), error.lineno) from None


def _available(token: _Token, source: Source) -> _Token:
    if token.kind.startswith("raw_"):
        raise source.error(f"raw is not available in messages; {_HOW_TO}", token.line, token.column)
    if token.kind.endswith(("_begin", "_end")) and token.value not in _PLAIN_MARKS:
        mark = token.value.strip()
        raise source.error(f'write this mark without - or +: "{mark}"', token.line, token.column)
    return token


def _after(value: str, line: int, column: int) -> tuple[int, int]:
    newlines = value.count("\n")
    return line + newlines, len(value) - value.rfind("\n") if newlines else column + len(value)


def _sentence(error: TemplateSyntaxError) -> str:
    return f"this tag cannot be read ({(error.message or 'syntax error').rstrip('.')}); {_HOW_TO}"


def check(source: Source) -> frozenset[str]:
    """The placeholders a template uses. Raises ContentError, with line and column, for what is refused."""
    tokens = list(_tokens(source))
    try:
        tree = _TEXT.parse(source.text)
    except TemplateSyntaxError as error:
        raise source.error(_sentence(error), error.lineno) from None
    except (RecursionError, ValueError):
        raise source.error(f"this template is nested too deeply; {_HOW_TO}") from None
    return frozenset(_names(tree, source, tokens, depth=0))


def _names(node: nodes.Node, source: Source, tokens: list[_Token], depth: int) -> Iterator[str]:
    _refuse_code(node, source, tokens, depth)
    if isinstance(node, nodes.Name):
        yield node.name
    for child in node.iter_child_nodes():
        yield from _names(child, source, tokens, depth + isinstance(node, nodes.If | nodes.Expr))


def _refuse_code(node: nodes.Node, source: Source, tokens: list[_Token], depth: int) -> None:
    def error(problem: str, word: str = "") -> ContentError:
        line = node.lineno or 1  # Jinja gives none to the nodes it adds itself
        return source.error(problem, line, _column(tokens, line, word))

    if not isinstance(node, _ALLOWED):
        raise error(f"{_described(node)} is not available in messages; {_HOW_TO}")
    if depth > _DEEPEST:
        raise error(f"conditions are nested more than {_DEEPEST} deep; {_HOW_TO}")
    if isinstance(node, nodes.Name) and node.name not in PLACEHOLDERS:
        hint = nearest(node.name, PLACEHOLDERS)
        raise error(f'there is no placeholder "{node.name}"{hint}', node.name)
    if isinstance(node, nodes.Filter):
        _refuse_misused_filter(node, error)
    _refuse_misused_facts(node, error)


def _refuse_misused_filter(node: nodes.Filter, error: Callable[[str, str], ContentError]) -> None:
    known = FILTERS.get(node.name)
    if known is None:
        raise error(f'there is no filter "{node.name}"; the filters are: {", ".join(FILTERS)}', node.name)
    words = [arg for arg in node.args if isinstance(arg, nodes.Const) and isinstance(arg.value, str)]
    others = node.kwargs or node.dyn_args or node.dyn_kwargs or len(words) < len(node.args)
    if not isinstance(node.node, nodes.Name) or others or len(words) != known.words:
        takes = {0: "nothing else", 1: 'one "word" in quotes', 2: 'two words, ("one", "many")'}[known.words]
        raise error(f'the filter "{node.name}" stands after a placeholder and takes {takes}', node.name)


def _refuse_misused_facts(node: nodes.Node, error: Callable[[str, str], ContentError]) -> None:
    """A fact is asked for and not printed; one that is several words is only asked whether it holds one of them."""
    if isinstance(node, nodes.Output | nodes.Filter):
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Name) and _fact(child):
                raise error(f"{child.name} is not for printing; ask for it in {{% if %}}", child.name)
    if isinstance(node, nodes.Compare):
        _refuse_misused_words(node, error)


def _refuse_misused_words(node: nodes.Compare, error: Callable[[str, str], ContentError]) -> None:
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    for fact in filter(None, map(_fact, sides)):
        asked = node.expr.value if isinstance(node.expr, nodes.Const) else None
        if fact.kind != "words" or node.ops[0].op not in ("in", "notin") or not isinstance(asked, str):
            how = f'"word" in {fact.name}' if fact.kind == "words" else fact.name
            raise error(f"{fact.name} is asked for as {{% if {how} %}}", fact.name)
        if fact.words and asked not in fact.words:
            raise error(
                f'there is no "{asked}" in {fact.name}; the words are: {", ".join(fact.words)}', fact.name
            )


def _fact(node: nodes.Node) -> Placeholder | None:
    placeholder = PLACEHOLDERS.get(node.name) if isinstance(node, nodes.Name) else None
    return placeholder if placeholder and placeholder.only_asked else None


def _described(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return "looking inside a value"
    if isinstance(node, nodes.Call):
        return "calling something"
    return f"the Jinja feature {type(node).__name__}"


def _column(tokens: list[_Token], line: int, word: str) -> int | None:
    """Where the word stands on that line, else where the line's first tag begins."""
    for token in tokens:
        if token.line == line and (token.value == word if word else token.kind in _TAGS):
            return token.column
    return None


@dataclass(frozen=True)
class CheckedTemplate:
    """A template compiled once per version, and the placeholders it uses.

    `fixed` are the pieces between its tags: whoever gets them gets them as they are. `looked_into` are the names of
    those placeholders whose value decides or changes something; of the others only whether there is one.
    """

    name: str
    placeholders: tuple[Placeholder, ...]
    template: Template
    fixed: frozenset[str]
    looked_into: frozenset[str] = frozenset()

    def render(self, values: Mapping[str, str]) -> str:
        """Put the values in. Raises MissingValue; ContentError for a bad value or a result too long."""
        return "".join(self.render_pieces(values))

    def render_pieces(self, values: Mapping[str, str], filled: Filled | None = None) -> list[str]:
        """What `render` gives, still in pieces: fixed ones and values. Raises the same.

        `filled` are these placeholders with their values, where the caller has filled them in already.
        """
        try:
            words = fill(self.placeholders, values) if filled is None else filled
            # What Template.generate does, without a generator round each of some hundred pieces.
            rendered = list(self.template.root_render_func(self.template.new_context(words)))
        except UndefinedError as error:
            raise MissingValue(error.message or "", template=self.name) from None
        except ContentError as error:
            raise ContentError(error.problem, template=self.name) from None
        if sum(map(len, rendered)) > MAX_OUTPUT // 4 and len("".join(rendered).encode()) > MAX_OUTPUT:
            raise ContentError(f"the message is longer than {MAX_OUTPUT // 1000} KB", template=self.name)
        return rendered


def compile_template(name: str, text: str, *, html: bool) -> CheckedTemplate:
    """Compile finished template text; with `html`, values are escaped. Raises what `check` raises."""
    environment = _HTML if html else _TEXT
    used = check(Source(name, text, first_column=None))
    try:
        template = environment.from_string(text)
    except (TemplateSyntaxError, SyntaxError, RecursionError):
        raise ContentError(f"this template is nested too deeply; {_HOW_TO}", template=name) from None
    tree = environment.parse(text)
    own_words = {
        found.node.name
        for found in tree.find_all(nodes.Filter)
        if found.name == "otherwise" and isinstance(found.node, nodes.Name)
    }
    placeholders = tuple(_placeholder(word, own_words) for word in sorted(used))
    fixed = frozenset(node.data for node in tree.find_all(nodes.TemplateData))
    return CheckedTemplate(name, placeholders, template, fixed, _looked_into(tree))


def _looked_into(tree: nodes.Template) -> frozenset[str]:
    lookers = [node for node in tree.find_all((nodes.Compare, nodes.Filter)) if not _passes_through(node)]
    return frozenset(name.name for node in lookers for name in node.find_all(nodes.Name))


def _passes_through(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Filter) and node.name == "otherwise"


def _placeholder(word: str, own_words: set[str]) -> Placeholder:
    """The placeholder; without its fallback where the template brings other words with `otherwise`."""
    declared = PLACEHOLDERS[word]
    return replace(declared, fallback=None) if word in own_words else declared
