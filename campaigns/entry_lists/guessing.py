"""A first guess at an unknown list: what its headings probably are. A person confirms it before it is used.

A consent is never guessed: a column that looks like one is only named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from campaigns.entry_lists.clean import CellError
from campaigns.entry_lists.entries import LONGEST_WORD
from campaigns.entry_lists.mapping import REQUIRED, Field, Mapping, Status, heading_key, platform_of
from campaigns.entry_lists.mapping_files import GRANTS, NEVER_READ, to_document
from campaigns.entry_lists.races import RaceFacts, match_race
from campaigns.entry_lists.sheet import Row, Sheet, peek
from campaigns.entry_lists.sources import SOURCES

# Best first. The attendee's address stands before a plain one, which beside it is the buyer's.
HEADINGS: dict[Field, tuple[str, ...]] = {
    Field.REGISTRATION_ID: (
        "registration id", "registration code", "entry id", "competitor id", "siEntries id", "attendee #",
    ),
    Field.FIRST_NAME: (
        "first name", "firstname", "forename", "forenames", "given name", "attendee name given name",
        "attendee name", "full name", "name",
    ),
    Field.LAST_NAME: ("last name", "lastname", "surname", "surnames", "family name", "attendee name family name"),
    Field.EMAIL: (
        "attendee email", "participant email", "runner email", "email address", "email", "e-mail address",
    ),
    Field.PHONE: (
        "mobile no", "mobile number", "mobile phone", "mobile", "cell phone", "phone number", "phone",
        "telephone no", "telephone number", "telephone",
    ),
    Field.BIRTH_DATE: ("date of birth", "dob", "birth date", "birthdate", "birthday"),
    Field.RACE: (
        "race", "distance", "contest", "event", "race title", "raceTitle", "ticket type", "ticket", "product",
        "sub event", "course", "category",
    ),
    Field.WAVE: ("wave", "start wave", "pen", "start pen"),
    Field.BIB: ("bib", "bib number", "bib no", "race number", "participant no"),
    Field.CLUB: ("club", "team name", "club name"),
    Field.FIRST_TIMER: (
        "is this your first race at this distance", "is this your first attempt at this distance", "first timer",
    ),
    Field.STATUS: ("status", "attendee status", "entry status", "registration status", "removed"),
}  # fmt: skip
STATUSES: dict[str, Status] = {
    **dict.fromkeys(
        ("confirmed", "active", "attending", "checked in", "registered", "paid", "complete", "entered"), "confirmed"
    ),
    **dict.fromkeys(
        ("withdrawn", "refunded", "cancelled", "canceled", "deferred", "dropped", "not attending"), "withdrawn"
    ),
    **dict.fromkeys(("transferred out", "transferred", "removed", "expired"), "withdrawn"),
}  # fmt: skip
REMOVED: dict[str, Status] = {
    "false": "confirmed",
    "no": "confirmed",
    "true": "withdrawn",
    "yes": "withdrawn",
}

_CONSENT = re.compile(
    r"\b(consent|agree|opt[ -]?in|subscribe|newsletter|keep me|(?:contact|email|text|tell|send) me|tips|news|offers)\b"
    r"|would like to (?:receive|hear)|marketing",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a list's columns probably are."""

    mapping: Mapping
    missing: list[str]
    """What no column seems to be and no list can go in without."""
    consents: list[str]
    """Headings that look like a consent, and are not read until a person says what a yes allows."""
    dropped: list[str]


def guess(sheet: Sheet, races: Collection[RaceFacts]) -> Guess:
    """Guess at an unknown list's mapping from its headings, and the race's column from the first rows too."""
    platform = platform_of(sheet.headings, SOURCES)
    if platform:
        return _guess_from(platform, sheet)
    columns = {wanted: names for wanted in HEADINGS if (names := _headings(sheet, wanted))}
    if Field.RACE in columns:
        columns[Field.RACE] = (_race_heading(sheet, columns[Field.RACE], races),)
    # One column is one thing, and one address or name is enough: the next best may be somebody else's.
    columns = {wanted: names if wanted is Field.PHONE else names[:1] for wanted, names in columns.items()}
    removed = heading_key(columns.get(Field.STATUS, ("",))[0]) == "removed"
    read = {heading for names in columns.values() for heading in names}
    left = [heading for heading in sheet.headings if heading and heading not in read]
    mapping = Mapping(
        source=re.sub(r"[^a-z0-9]+", "-", sheet.path.stem.lower()).strip("-")[:LONGEST_WORD].strip("-")
        or "list",
        title=sheet.path.stem,
        marks=(),
        columns=columns,
        statuses=(REMOVED if removed else STATUSES) if Field.STATUS in columns else {},
    )
    consents = [heading for heading in left if _CONSENT.search(heading)]
    missing = [wanted.value for wanted in REQUIRED if wanted not in columns]
    return Guess(mapping, missing, consents, [heading for heading in left if heading not in consents])


def _guess_from(platform: Mapping, sheet: Sheet) -> Guess:
    """A platform's list in which a column has another name: all of the platform that is there, the rest guessed."""
    there = {heading_key(heading): heading for heading in reversed(sheet.headings) if heading}
    columns = {
        wanted: found
        for wanted, names in platform.columns.items()
        if (found := tuple(there[key] for name in names if (key := heading_key(name)) in there))
    }
    consents = tuple(
        one for one in platform.consents if any(heading_key(heading) in there for heading in one.headings)
    )
    read = {heading for names in columns.values() for heading in names}
    read |= {there.get(heading_key(heading), "") for one in consents for heading in one.headings}
    for wanted in REQUIRED:
        if wanted not in columns and (
            left := [name for name in _headings(sheet, wanted) if name not in read]
        ):
            columns[wanted] = (left[0],)
            read.add(left[0])
    missing = [wanted.value for wanted in REQUIRED if wanted not in columns]
    dropped = [heading for heading in sheet.headings if heading and heading not in read]
    return Guess(replace(platform, columns=columns, consents=consents), missing, [], dropped)


def as_toml(guessed: Guess) -> str:
    """The guess as a mapping file, with what a person has to look at as comments."""
    document = to_document(guessed.mapping)
    lines = [
        "# A guess from the headings: correct it, then import with --mapping and this file.",
        f"source = {_quoted(document['source'])}",
        f"title = {_quoted(document['title'])}",
        '# dates = "day-first"  # or "month-first": only where the list does not prove it',
        "",
        "[columns]",
        *(f"{_quoted(heading)} = {_quoted(wanted)}" for heading, wanted in document["columns"].items()),
        *(f'# "…" = "{wanted}"  # needed: which column is it?' for wanted in guessed.missing),
        *(f"# dropped: {_quoted(heading)}" for heading in guessed.dropped),
    ]
    for heading in guessed.consents:
        lines += ["", "# A consent? Then say what a yes allows and take the # away.", "# [[consent]]"]
        lines += [f"# heading = {_quoted(heading)}", f'# allows = ["email tips"]  # of {", ".join(GRANTS)}']
    if document["statuses"]:
        words = (f"{_quoted(word)} = {_quoted(meaning)}" for word, meaning in document["statuses"].items())
        lines += ["", "[statuses]  # any other word holds the entrant", *words]
    return "\n".join(lines) + "\n"


def _headings(sheet: Sheet, wanted: Field) -> tuple[str, ...]:
    """The list's headings that a field is known by, best first, with or without the section before them."""
    allowed = [heading for heading in sheet.headings if heading and not NEVER_READ.search(heading)]
    found = [
        heading
        for name in HEADINGS[wanted]
        for heading in allowed
        if heading_key(name) in (heading_key(heading), heading_key(heading.rpartition(" - ")[2]))
    ]
    return tuple(dict.fromkeys(found))


def _race_heading(sheet: Sheet, headings: tuple[str, ...], races: Collection[RaceFacts]) -> str:
    """Of several columns the one whose first cells are the event's races: "Race" may be the meeting's name."""
    rows = peek(sheet.rows())

    def named(heading: str) -> int:
        place = sheet.headings.index(heading)
        return sum(_is_race(row, place, races) for row in rows)

    return max(headings, key=named)


def _is_race(row: Row, place: int, races: Collection[RaceFacts]) -> bool:
    try:
        match_race((row.cells or [])[place], races)
    except (CellError, IndexError):
        return False
    return True


def _quoted(text: str) -> str:
    """A TOML string: JSON's form is one, but for DEL, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
