"""Which entrants a step is for: the words of an organiser in, one SQL condition out.

The condition is the only truth about an audience. This module must not know consents, suppressions or the
state of an entry: those belong to the claim, which asks for them at the last moment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from types import UnionType
from typing import Literal

LONGEST, DEEPEST = 2_000, 50
"""Characters in an expression, and brackets or nots inside one another."""

OLDEST = 120

MINOR_SQL = "(r.for_children OR COALESCE(e.birth_date > (ev.date - INTERVAL '18 years'), FALSE))"
"""Under 18 on race day, or in a race for children. Someone whose birth date is unknown is not a minor."""

# Each condition is true or false and never NULL: NOT NULL is NULL, and "not club" would lose people.
_CONDITIONS = {
    "all": "TRUE",
    "adults": f"(NOT {MINOR_SQL})",
    "minors": MINOR_SQL,
    "guardians": f"({MINOR_SQL} AND g.entrant_id IS NOT NULL)",
    "first-timers": "COALESCE(e.first_timer, FALSE)",
    "club": "(COALESCE(e.club, '') <> '')",
    "has-bib": "(COALESCE(e.bib, '') <> '')",
    "has-mobile": "(COALESCE(e.mobile, '') <> '' AND COALESCE(e.mobile_ok, FALSE))",
    "staff": "FALSE",
}

RESERVED_WORDS = frozenset({*_CONDITIONS, "age", "wave", "and", "or", "not"})
"""Words that a race cannot be called."""


UNGUARDED_SQL = f"({MINOR_SQL} AND g.entrant_id IS NULL)"
"""A child for whom nobody has named a guardian: nothing planned goes to them."""


class AudienceError(ValueError):
    """One sentence for a person: line, column, the word in question and what would be understood instead."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the fixed words, such as 'adults' or 'has-bib'."""

    word: str


@dataclass(frozen=True, slots=True)
class Race:
    """Everyone in the race with this slug."""

    slug: str


@dataclass(frozen=True, slots=True)
class Wave:
    """Everyone in a wave of this name, in whichever race."""

    name: str


@dataclass(frozen=True, slots=True)
class Age:
    """From `low` to `high` whole years old on race day, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Not:
    """Everyone but `part`."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """Those in every one of two or more parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Those in at least one of two or more parts."""

    parts: tuple[Node, ...]


Node = Condition | Race | Wave | Age | Not | And | Or

STAFF = Condition("staff")


@dataclass(frozen=True, slots=True)
class Audience:
    """An expression that has been read and found to make sense for its event."""

    node: Node

    @property
    def text(self) -> str:
        """The canonical text, without needless brackets; `parse` reads it to an equal Audience."""
        return _text(self.node)

    @property
    def is_staff(self) -> bool:
        """Whether this is the event's staff contacts, who are not entrants: `where` then matches nobody."""
        return self.node == STAFF

    def may_hold(self, race: str, *, for_children: bool) -> bool:
        """Whether somebody in that race can be in it, by its words alone: no adult runs in a race for children."""
        return _holds(self.node, race, for_children) is not False

    @property
    def once_guarded(self) -> Audience:
        """The same as if every child had a guardian: whom it is for as soon as one is named."""
        return Audience(_guarded(self.node))

    def where(self, params: dict[str, object], prefix: str = "aud") -> str:
        """A boolean SQL expression, true or false and never NULL, for the entrants of this audience.

        It speaks of the aliases e (entrants), r (races) and ev (events), and of w (waves) and g (guardians),
        which are LEFT JOINed. Values stand in it as psycopg placeholders such as %(aud0)s and go into
        `params` under names not yet taken. It does not ask whether an entry is confirmed: opening and the
        claim do.
        """

        def bind(value: object) -> str:
            name = next(name for n in count() if (name := f"{prefix}{n}") not in params)
            params[name] = value
            return f"%({name})s"

        return _sql(self.node, bind)


def parse(text: str, races: Collection[str], waves: Collection[str] = ()) -> Audience:
    """Read an audience expression for an event with these race slugs and wave names.

    `not` binds closer than `and`, and `and` closer than `or`. Upper and lower case are the same. Raises
    AudienceError naming line and column.
    """
    _refuse_long(text)
    audience = Audience(_Parser(text, races, waves).expression())
    # "not(a)" gains a space: what is stored is the canonical text, and that must be readable again.
    _refuse_long(audience.text)
    return audience


Joint = Literal["and", "or", "and not"]


def joined(one: Audience, joint: Joint, other: Audience) -> Audience:
    """Two audiences as one: who is in both, in either, or in the first and not in the second."""
    if joint == "or":
        return Audience(_joined(Or, [one.node, other.node]))
    return Audience(_joined(And, [one.node, Not(other.node) if joint == "and not" else other.node]))


def words_for(races: Collection[str], waves: Collection[str]) -> list[str]:
    """Every single audience that entrants of an event can be in, ages left out, as one would write it."""
    fixed = [word for word in _CONDITIONS if word != STAFF.word]
    return [*fixed, *races, *(f"wave {_name(name)}" for name in dict.fromkeys(waves))]


def _refuse_long(text: str) -> None:
    if len(text) > LONGEST:
        raise AudienceError(f"The audience has {len(text):,} characters: write at most {LONGEST:,}.")


def _sql(node: Node, bind: Callable[[object], str]) -> str:
    match node:
        case Condition(word):
            return _CONDITIONS[word]
        case Race(slug):
            return f"(r.slug = {bind(slug)})"
        case Wave(name):
            return f"COALESCE(w.name = {bind(name)}, FALSE)"
        case Age(low, high):
            return (
                f"COALESCE(e.birth_date <= ev.date - make_interval(years => {bind(low)})"
                f" AND e.birth_date > ev.date - make_interval(years => {bind(high + 1)}), FALSE)"
            )
        case Not(part):
            return f"(NOT {_sql(part, bind)})"
        case And(parts):
            return f"({' AND '.join(_sql(part, bind) for part in parts)})"
        case Or(parts):
            return f"({' OR '.join(_sql(part, bind) for part in parts)})"


def _holds(node: Node, race: str, for_children: bool) -> bool | None:
    """Everyone in that race, nobody in it, or some (None)."""
    match node:
        case Race(slug):
            return slug == race
        case Condition("all"):
            return True
        case Condition("minors") if for_children:
            return True
        case Condition("adults") if for_children:
            return False
        case Not(part):
            found = _holds(part, race, for_children)
            return None if found is None else not found
        case And(parts) | Or(parts):
            each = [_holds(part, race, for_children) for part in parts]
            settles = isinstance(node, Or)
            if settles in each:
                return settles
            return None if None in each else not settles
        case _:
            return None


def _guarded(node: Node) -> Node:
    match node:
        case Condition("guardians"):
            return Condition("minors")
        case Not(part):
            return Not(_guarded(part))
        case And(parts):
            return And(tuple(_guarded(part) for part in parts))
        case Or(parts):
            return Or(tuple(_guarded(part) for part in parts))
        case _:
            return node


def _text(node: Node) -> str:
    match node:
        case Condition(word):
            return word
        case Race(slug):
            return slug
        case Wave(name):
            return f"wave {_name(name)}"
        case Age(low, high):
            return f"age {low}-{high}"
        case Not(part):
            return f"not {_bracketed(part, And | Or)}"
        case And(parts):
            return " and ".join(_bracketed(part, Or) for part in parts)
        case Or(parts):
            return " or ".join(_text(part) for part in parts)


def _bracketed(node: Node, looser: type | UnionType) -> str:
    return f"({_text(node)})" if isinstance(node, looser) else _text(node)


def _name(name: str) -> str:
    if _BARE.fullmatch(name) and name.lower() not in RESERVED_WORDS:
        return name
    return f"'{name}'" if "'" not in name else f'"{name}"'


_BARE = re.compile(r"""[^\s()'"]+""")
_TOKEN = re.compile(rf"""[()]|'[^'\n]+'|"[^"\n]+"|{_BARE.pattern}|['"]""")
_AGES = re.compile(r"(\d{1,3})[-\N{EN DASH}](\d{1,3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Token:
    """A bracket, a bare word or a name in quotes; the one without text is the end."""

    text: str
    offset: int

    @property
    def is_quoted(self) -> bool:
        return len(self.text) > 1 and self.text[0] in "'\""

    @property
    def is_bare(self) -> bool:
        return _BARE.fullmatch(self.text) is not None

    @property
    def keyword(self) -> str:
        return self.text.lower()

    @property
    def name(self) -> str:
        return self.text[1:-1] if self.is_quoted else self.text

    def __str__(self) -> str:
        return self.text if self.is_quoted else f"'{self.text}'"


class _Parser:
    """Recursive descent over the tokens of one expression, a method for each level of precedence."""

    def __init__(self, text: str, races: Collection[str], waves: Collection[str]) -> None:
        self._text = text
        self._races = races
        self._waves = waves
        self._tokens = [_Token(found[0], found.start()) for found in _TOKEN.finditer(text)]
        self._tokens.append(_Token("", len(text.rstrip())))
        self._next = 0

    def expression(self) -> Node:
        node = self._any_of(depth=0)
        if self._token.text:
            raise self._expected("'and', 'or' or the end", near=("and", "or"))
        staff = next((token for token in self._tokens if token.keyword == STAFF.word), None)
        if staff and node != STAFF:
            raise self._error(staff, "'staff' are not entrants and can only stand alone")
        return node

    def _any_of(self, depth: int) -> Node:
        parts = [self._all_of(depth)]
        while self._take("or"):
            parts.append(self._all_of(depth))
        return _joined(Or, parts)

    def _all_of(self, depth: int) -> Node:
        parts = [self._single(depth)]
        while self._take("and"):
            parts.append(self._single(depth))
        return _joined(And, parts)

    def _single(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._error(self._token, f"this is inside more than {DEEPEST} brackets and nots")
        if self._take("not"):
            return Not(self._single(depth + 1))
        if bracket := self._take("("):
            return self._bracket(bracket, depth + 1)
        return self._word()

    def _bracket(self, opening: _Token, depth: int) -> Node:
        node = self._any_of(depth)
        if not self._token.text:
            raise self._error(opening, "this bracket is never closed")
        if not self._take(")"):
            raise self._expected("'and', 'or' or ')'", near=("and", "or"))
        return node

    def _word(self) -> Node:
        word = self._token
        if not word.is_bare or word.keyword in ("and", "or"):
            raise self._expected("a word such as 'adults' or a race")
        race = _known(word.text, self._races)
        if race and word.keyword in RESERVED_WORDS:
            raise self._error(word, f"{word} is an audience word and a race as well: rename the race")
        self._next += 1
        if word.keyword == "wave":
            return self._wave()
        if word.keyword == "age":
            return self._age()
        if word.keyword in _CONDITIONS:
            return Condition(word.keyword)
        if race is None:
            raise self._unknown(word, "an audience word or a race", {*RESERVED_WORDS, *self._races})
        return Race(race)

    def _wave(self) -> Node:
        token = self._token
        if not (token.is_quoted or (token.is_bare and token.keyword not in RESERVED_WORDS)):
            raise self._expected("the name of a wave, such as wave A or wave 'Pen 2',")
        wave = _known(token.name, self._waves)
        if wave is None:
            raise self._unknown(token, "a wave", self._waves)
        self._next += 1
        return Wave(wave)

    def _age(self) -> Node:
        ages = _AGES.fullmatch(self._token.text)
        if ages is None or not int(ages[1]) <= int(ages[2]) <= OLDEST:
            raise self._expected(f"two ages up to {OLDEST}, such as age 30-50,")
        self._next += 1
        return Age(int(ages[1]), int(ages[2]))

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, keyword: str) -> _Token | None:
        token = self._token
        if token.keyword != keyword:
            return None
        self._next += 1
        return token

    def _expected(self, what: str, near: Collection[str] = ()) -> AudienceError:
        token = self._token
        if token.text in ("'", '"'):
            return self._error(token, "this quote does not close around a name")
        found = f"{token} stands" if token.text else "the audience ends"
        return self._error(token, f"{found} where {what} was expected{_nearest(token, near)}")

    def _unknown(self, token: _Token, kind: str, known: Collection[str]) -> AudienceError:
        words = ", ".join(sorted(known)) or "there are none"
        hint = _nearest(token, known) or f"; known: {words}"
        return self._error(token, f"{token} is not {kind} of this event{hint}")

    def _error(self, token: _Token, what: str) -> AudienceError:
        line = self._text.count("\n", 0, token.offset) + 1
        column = token.offset - self._text.rfind("\n", 0, token.offset)
        stop = "" if what.endswith("?") else "."
        return AudienceError(f"Line {line}, column {column}: {what}{stop}")


def _joined(kind: type[And | Or], parts: list[Node]) -> Node:
    """One part as it is, several as one node, in which a bracket round parts of the same kind dissolves."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return kind(tuple(flat))


def _known(wanted: str, names: Collection[str]) -> str | None:
    """The event's own spelling of a name; two names that differ only in case are told apart."""
    if wanted in names:
        return wanted
    return next((name for name in sorted(names) if name.lower() == wanted.lower()), None)


def _nearest(token: _Token, words: Collection[str]) -> str:
    spelling = {word.lower(): word for word in words}
    near = get_close_matches(token.name.lower(), spelling, n=1)
    return f"; did you mean '{spelling[near[0]]}'?" if near else ""
