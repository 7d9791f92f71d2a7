"""The head of a message's source: what it is, whom it serves, where its facts come from. Knows no templates.

---
topic: Back pain                  # for the organiser's pages
purpose: tips                     # service, tips or sponsor
subject: Back pain, {{ names }}   # emails only
preheader: …                      # emails only: the line mail programs show beside the subject
health: true                      # health advice: the disclaimer is printed, sources are needed
safety: back                      # general, or back: then `::: get-help` must close the message
sources:
  - id: nice                      # short, for claims
    title: …
    url: https://…
    read: 2026-11
claims:                           # each fact in the message's own words, and where it was read
  - says: Most back pain eases within a few weeks.
    source: nice                  # or several: [nice, nhs]
---
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from campaigns.content.errors import ContentError, Source
from campaigns.content.placeholders import clean, nearest
from campaigns.content.safety import SAFETY_WORDS

PURPOSES = ("service", "tips", "sponsor")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TEXT_KEYS = frozenset({"topic", "purpose", "health", "safety", "sources", "claims"})
_EMAIL_KEYS = _TEXT_KEYS | {"subject", "preheader"}
_SOURCE_KEYS = ("title", "url", "read")
_ID = re.compile(r"[a-z0-9-]{1,30}")
_FENCE = re.compile(r"---[ \t]*")


@dataclass(frozen=True)
class Reference:
    """Where a fact was read, and when ("2026-11" or "2026-11-20")."""

    title: str
    url: str
    read: str
    id: str = ""

    @property
    def read_on(self) -> str:
        """The month it was read, for people: "Nov 2026"."""
        return f"{_MONTHS[int(self.read[5:7]) - 1]} {self.read[:4]}"


@dataclass(frozen=True)
class Claim:
    """A fact that the message states, in its own words, and the ids of the sources it was read in."""

    says: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class FrontMatter:
    """What the head says; `subject` and `preheader` are empty for texts."""

    topic: str
    purpose: str
    health: bool
    safety: str
    sources: tuple[Reference, ...]
    claims: tuple[Claim, ...]
    subject: Source
    preheader: Source


def person_date(day: date) -> str:
    """A date for people: "3 Aug 2027"."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def split(name: str, text: str) -> tuple[Source, Source]:
    """Cut a source into head and body. Raises ContentError when the head is missing or not closed."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not _FENCE.fullmatch(lines[0]):
        raise ContentError(
            "the message must begin with a head between two lines of ---", template=name, line=1
        )
    for number, line in enumerate(lines[1:], start=1):
        if _FENCE.fullmatch(line):
            head, body = "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
            return Source(name, head, 2), Source(name, body, number + 2)
    raise ContentError("the head that begins with --- is never closed by a second ---", template=name, line=1)


def read_email_head(head: Source) -> FrontMatter:
    """Read the head of an email. Raises ContentError for what is missing, unknown or wrong."""
    return _read(head, _EMAIL_KEYS, required=("topic", "purpose", "subject", "preheader"))


def read_text_head(head: Source) -> FrontMatter:
    """Read the head of a text message. Raises ContentError for what is missing, unknown or wrong."""
    return _read(head, _TEXT_KEYS, required=("topic", "purpose"))


def read_sources(name: str, text: str) -> tuple[Reference, ...]:
    """The sources that the head of any message names. Raises ContentError."""
    head, _ = split(name, text)
    return _sources(head, _mapping(head))


def _read(head: Source, known: Iterable[str], required: tuple[str, ...]) -> FrontMatter:
    fields = _mapping(head)
    _refuse_unknown(head, fields, known)
    for key in required:
        if not fields.get(key):
            raise head.error(f"the head needs a {key}", 0)
    sources = _sources(head, fields)
    front = FrontMatter(
        topic=_line(head, fields, "topic").text,
        purpose=_word(head, fields, "purpose", PURPOSES, default=""),
        health=_yes_or_no(head, fields, "health"),
        safety=_word(head, fields, "safety", SAFETY_WORDS, default="general"),
        sources=sources,
        claims=_claims(head, fields, {source.id for source in sources if source.id}),
        subject=_line(head, fields, "subject"),
        preheader=_line(head, fields, "preheader"),
    )
    if front.health and not front.sources:
        raise head.error("health advice needs at least one source; add sources with title, url and read", 0)
    return front


def _mapping(head: Source) -> dict[str, Any]:
    try:
        fields = yaml.safe_load(head.text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, None)
        raise head.error(f"the head cannot be read ({error.problem})", line, column) from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise head.error("the head cannot be read; write it as lines of key: value") from None
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise head.error("the head must be lines of key: value")
    return fields


def _refuse_unknown(head: Source, fields: Iterable[str], known: Iterable[str]) -> None:
    for key in fields:
        if key not in known:
            raise head.error(f'the head knows no "{key}"{nearest(key, known)}', _line_of(head, key))


def _line_of(head: Source, key: str) -> int:
    lines = enumerate(head.text.split("\n"), start=1)
    return next((number for number, line in lines if re.match(rf"{re.escape(key)}\s*:", line)), 1)


def _line(head: Source, fields: dict[str, Any], key: str) -> Source:
    value = fields.get(key, "")
    line = _line_of(head, key)
    if not isinstance(value, str) or value != clean(value):
        raise head.error(f"{key} must be one line of text; put quotes round it if it holds : or {{{{", line)
    column = head.text.split("\n")[line - 1].find(value) if value else -1
    return Source(head.template, value, head.first_line + line - 1, column + 1 if column >= 0 else None)


def _word(head: Source, fields: dict[str, Any], key: str, words: tuple[str, ...], *, default: str) -> str:
    value = fields.get(key, default)
    if value not in words:
        raise head.error(f"{key} must be one of: {', '.join(words)}", _line_of(head, key))
    return str(value)


def _yes_or_no(head: Source, fields: dict[str, Any], key: str) -> bool:
    value = fields.get(key, False)
    if not isinstance(value, bool):
        raise head.error(f"{key} must be true or false", _line_of(head, key))
    return value


def _sources(head: Source, fields: dict[str, Any]) -> tuple[Reference, ...]:
    entries, line = _entries(head, fields, "sources", "title, url and read")
    references = tuple(_reference(head, entry, line) for entry in entries)
    ids = [reference.id for reference in references if reference.id]
    if len(set(ids)) < len(ids):
        raise head.error("two sources have the same id", line)
    return references


def _entries(head: Source, fields: dict[str, Any], key: str, parts: str) -> tuple[list[dict[str, Any]], int]:
    """The entries of a list in the head, and its line."""
    entries = fields.get(key) or []
    line = _line_of(head, key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise head.error(f"{key} must be a list, each with {parts}", line)
    return entries, line


def _reference(head: Source, entry: dict[str, Any], line: int) -> Reference:
    # Only plain values: printing a nest of YAML aliases would never end.
    if not {*_SOURCE_KEYS} <= {*entry} <= {*_SOURCE_KEYS, "id"} or not _are_plain(entry.values()):
        raise head.error("each source has a title, a url and read, perhaps an id, and nothing else", line)
    reference = Reference(*(str(entry.get(key, "")).strip() for key in (*_SOURCE_KEYS, "id")))
    if not re.fullmatch(r"https://[!-~]+", reference.url):
        raise head.error(f'the url of the source "{reference.title}" must start with https://', line)
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])(-\d{2})?", reference.read):
        raise head.error(f'read of the source "{reference.title}" must be a month such as 2026-11', line)
    if "{" in reference.title + reference.url:
        raise head.error(f'the source "{reference.title}" may hold no placeholder', line)
    if "id" in entry and not _ID.fullmatch(reference.id):
        raise head.error(
            f'the id of the source "{reference.title}" is 1 to 30 of a-z, 0-9 and the hyphen', line
        )
    return reference


def _are_plain(values: Iterable[object]) -> bool:
    return all(isinstance(value, str | date) for value in values)


def _claims(head: Source, fields: dict[str, Any], known: set[str]) -> tuple[Claim, ...]:
    entries, line = _entries(head, fields, "claims", "says and source")
    return tuple(_claim(head, entry, line, known) for entry in entries)


def _claim(head: Source, entry: dict[str, Any], line: int, known: set[str]) -> Claim:
    says, named = entry.get("says"), entry.get("source")
    if {*entry} != {"says", "source"} or not isinstance(says, str) or not says.strip():
        raise head.error("each claim says something and names its source, and has nothing else", line)
    ids = named if isinstance(named, list) else [named]
    if not ids or not all(isinstance(each, str) and each in known for each in ids):
        raise head.error(
            f'the claim "{clean(says)}" names no source, or one that is not among the sources', line
        )
    return Claim(clean(says), tuple(map(str, ids)))
