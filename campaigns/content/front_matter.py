"""The head of a message's source: what it is, whom it serves, where its facts come from. Knows no templates.

---
topic: Back pain                  # for the organiser's pages
purpose: tips                     # service, tips or sponsor
subject: Back pain, {{ names }}   # emails only
preheader: …                      # emails only: the line mail programs show beside the subject
health: true                      # health advice: the disclaimer is printed, sources are needed
safety: back                      # general, or back: then `::: get-help` must close the message
sources:
  - title: …
    url: https://…
    read: 2026-11
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
_TEXT_KEYS = frozenset({"topic", "purpose", "health", "safety", "sources"})
_EMAIL_KEYS = _TEXT_KEYS | {"subject", "preheader"}
_SOURCE_KEYS = frozenset({"title", "url", "read"})
_FENCE = re.compile(r"---[ \t]*")


@dataclass(frozen=True)
class Reference:
    """Where a fact was read, and when ("2026-11" or "2026-11-20")."""

    title: str
    url: str
    read: str

    @property
    def read_on(self) -> str:
        """The month it was read, for people: "Nov 2026"."""
        return f"{_MONTHS[int(self.read[5:7]) - 1]} {self.read[:4]}"


@dataclass(frozen=True)
class FrontMatter:
    """What the head says; `subject` and `preheader` are empty for texts."""

    topic: str
    purpose: str
    health: bool
    safety: str
    sources: tuple[Reference, ...]
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


def _read(head: Source, known: Iterable[str], required: tuple[str, ...]) -> FrontMatter:
    fields = _mapping(head)
    _refuse_unknown(head, fields, known)
    for key in required:
        if not fields.get(key):
            raise head.error(f"the head needs a {key}", 0)
    front = FrontMatter(
        topic=_line(head, fields, "topic").text,
        purpose=_word(head, fields, "purpose", PURPOSES, default=""),
        health=_yes_or_no(head, fields, "health"),
        safety=_word(head, fields, "safety", SAFETY_WORDS, default="general"),
        sources=_sources(head, fields),
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
    entries = fields.get("sources") or []
    line = _line_of(head, "sources")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise head.error("sources must be a list, each with title, url and read", line)
    return tuple(_reference(head, entry, line) for entry in entries)


def _reference(head: Source, entry: dict[str, Any], line: int) -> Reference:
    # Only plain values: printing a nest of YAML aliases would never end.
    if set(entry) != _SOURCE_KEYS or not all(isinstance(value, str | date) for value in entry.values()):
        raise head.error("each source has a title, a url and read, and nothing else", line)
    reference = Reference(*(str(entry[key]).strip() for key in ("title", "url", "read")))
    if not re.fullmatch(r"https://[!-~]+", reference.url):
        raise head.error(f'the url of the source "{reference.title}" must start with https://', line)
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])(-\d{2})?", reference.read):
        raise head.error(f'read of the source "{reference.title}" must be a month such as 2026-11', line)
    if "{" in reference.title + reference.url:
        raise head.error(f'the source "{reference.title}" may hold no placeholder', line)
    return reference
