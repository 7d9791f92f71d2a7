"""A mapping as a person writes it: a TOML file, or the same document as the database remembers it.

source = "our-form"                  # a short name; entrants are known by it
title = "Our entry form"
dates = "day-first"                  # or month-first; only where lists do not prove it themselves

[columns]                            # heading = what it is; all other columns are dropped unread
"Forename" = "first name"
"E-mail" = "email"

[[consent]]                          # what a yes in this column allows, and nothing more
heading = "Send me training tips"
allows = ["email tips"]

[statuses]                           # any other word in the status column holds the entrant
"paid" = "confirmed"
"cancelled" = "withdrawn"
"""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from campaigns.entry_lists.dates import DateOrder
from campaigns.entry_lists.mapping import REQUIRED, ConsentColumn, Field, Grant, Mapping, Status
from campaigns.entry_lists.sheet import ListError

KEYS = ("source", "title", "dates", "columns", "consent", "statuses")
GRANTS: dict[str, Grant] = {
    f"{channel} {purpose}": (channel, purpose)
    for channel in ("email", "sms")
    for purpose in ("service", "tips", "sponsor")
}
_SOURCE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
NEVER_READ = re.compile(
    r"emergenc|medic|allerg|\bhealth condition|next of kin|\bice\b|car reg|payment|card n", re.IGNORECASE
)
"""Headings of what is never read, whoever maps it."""


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises ListError: where it is wrong and what would be right."""
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ListError(f"{path.name} cannot be read ({error.strerror}): check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ListError(f"{path.name} is not a TOML file in UTF-8: {error}.") from error
    return from_document(document, path.name)


def from_document(document: dict[str, Any], file: str) -> Mapping:
    """A mapping from what its file holds; `file` names it in errors. Raises ListError."""
    for key in document:
        _one_of(key, KEYS, f"{file}: '{key}' is not understood")
    columns = _columns(_table(document, "columns", file), file)
    source = document.get("source")
    if not isinstance(source, str) or not _SOURCE.fullmatch(source):
        raise ListError(f'{file}: give the list a short name, such as source = "our-form".')
    return Mapping(
        source=source,
        title=str(document.get("title") or source),
        marks=(),
        columns=columns,
        consents=tuple(_consent(given, file) for given in document.get("consent", [])),
        dates=_dates(document.get("dates"), file),
        statuses=_statuses(_table(document, "statuses", file), file),
    )


def to_document(mapping: Mapping) -> dict[str, Any]:
    """What a file with this mapping holds."""
    document: dict[str, Any] = {"source": mapping.source, "title": mapping.title}
    if mapping.dates:
        document["dates"] = mapping.dates.value
    document["columns"] = {
        heading: wanted.value for wanted, names in mapping.columns.items() for heading in names
    }
    document["consent"] = [
        {"heading": consent.headings[0], "allows": [" ".join(grant) for grant in consent.grants]}
        for consent in mapping.consents
    ]
    document["statuses"] = dict(mapping.statuses)
    return document


def _table(document: dict[str, Any], key: str, file: str) -> dict[str, str]:
    table = document.get(key, {})
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise ListError(f'{file}: [{key}] must be a table of lines such as "…" = "…".')
    return table


def _columns(given: dict[str, str], file: str) -> dict[Field, tuple[str, ...]]:
    columns: dict[Field, tuple[str, ...]] = {}
    for heading, word in given.items():
        wanted = Field(_one_of(word, tuple(Field), f"{file}: '{word}' is nothing that a column can be"))
        if NEVER_READ.search(heading):
            raise ListError(
                f"{file}: '{heading}' looks like an emergency, medical or payment column; those are never "
                "read: take it out."
            )
        columns[wanted] = (*columns.get(wanted, ()), heading)
    missing = [wanted.value for wanted in REQUIRED if wanted not in columns]
    if missing:
        raise ListError(f"{file}: [columns] names no column for {', '.join(missing)}: add it.")
    return columns


def _consent(given: Any, file: str) -> ConsentColumn:
    heading = given.get("heading") if isinstance(given, dict) else None
    allows = given.get("allows") if isinstance(given, dict) else None
    if not isinstance(heading, str) or not isinstance(allows, list) or not allows:
        raise ListError(
            f'{file}: a [[consent]] needs heading = "…" and allows = ["email tips"] (of {", ".join(GRANTS)}).'
        )
    words = [_one_of(str(word), tuple(GRANTS), f"{file}: '{word}' is nothing to allow") for word in allows]
    return ConsentColumn((heading,), tuple(GRANTS[word] for word in words))


def _dates(given: Any, file: str) -> DateOrder | None:
    if given is None:
        return None
    return DateOrder(_one_of(str(given), tuple(DateOrder), f"{file}: '{given}' is no order of dates"))


def _statuses(given: dict[str, str], file: str) -> dict[str, Status]:
    known: tuple[Status, ...] = get_args(Status)
    for word in given.values():
        _one_of(word, known, f"{file}: '{word}' is no status")
    return {
        word.strip().lower(): next(status for status in known if status == meaning)
        for word, meaning in given.items()
    }


def _one_of(word: str, known: tuple[str, ...], problem: str) -> str:
    if word in known:
        return word
    near = get_close_matches(word.lower(), [str(name) for name in known], n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(map(str, known))}."
    raise ListError(f"{problem}: {hint}")
