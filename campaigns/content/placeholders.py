"""The words a message may leave open for an entrant, and how they are filled. Knows no templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal, TypeAlias

from campaigns.content.errors import ContentError


@dataclass(frozen=True)
class Placeholder:
    """One open word. Without a fallback it is required: no value, no message for that entrant.

    `yes` and `words` can only be asked for: `{% if minor %}`, `{% if "10k" in races %}`. They are never missing.
    """

    name: str
    meaning: str
    example: str
    kind: Literal["text", "url", "yes", "words"] = "text"
    fallback: str | None = None
    instead: str | None = None  # another placeholder to take the value from before the fallback
    words: tuple[str, ...] = ()  # of the kind `words`: the only ones there are; none means any
    own: bool = False  # hardly any two readers have the same
    typed: bool = False  # who arms or sends an alert types it in (`typed_values`); no planned message has it

    @property
    def only_asked(self) -> bool:
        """Whether it stands in conditions alone and is never printed."""
        return self.kind in ("yes", "words")


AGE_BANDS = ("under-18", "18-29", "30-49", "50-plus")
"""Whole years on race day."""


_DECLARED = (
    Placeholder("first_name", "the entrant's first name", "Zoë", fallback="there", own=True),
    Placeholder(
        "names",
        "the first names of all who share this address, ready to read",
        "Ana, Ben and Zoë",
        fallback="there",
        instead="first_name",
        own=True,
    ),
    Placeholder("event_name", "the event", "Run Reigate"),
    Placeholder("race_name", "the entrant's race, fit to follow 'the'", "Half Marathon"),
    Placeholder(
        "race_names",
        "the races of all who share this address, ready to read",
        "10K and Half Marathon",
        instead="race_name",
    ),
    Placeholder("race_date", "the date of the race", "Sun 19 Sep 2027"),
    Placeholder("start_time", "the entrant's own start, 24-hour", "09:15"),
    Placeholder("wave", "the entrant's wave", "B"),
    Placeholder("pen_close", "when the start pen closes, 24-hour", "09:05"),
    Placeholder("bib", "the entrant's number", "12345", own=True),
    Placeholder("venue", "where the race starts", "Priory Park"),
    Placeholder("arrive_by", "when to be there, 24-hour", "08:15"),
    Placeholder("warmup_time", "when to start warming up, 24-hour", "08:50"),
    Placeholder("days_to_go", "days until the race, a whole number", "47"),
    Placeholder("organiser_name", "who sends this", "Run Reigate Ltd"),
    Placeholder("organiser_address", "the sender's postal address", "1 Example Street, Reigate RH2 0AA"),
    Placeholder("organiser_contact", "where questions go", "hello@runreigate.example"),
    Placeholder(
        "unsubscribe_url",
        "the entrant's link that stops these messages",
        "https://tips.example.org/u/0123456789abcdefghijkl",
        "url",
        own=True,
    ),
    Placeholder(
        "preferences_url",
        "the entrant's link to all choices",
        "https://tips.example.org/u/0123456789abcdefghijkl",
        "url",
        own=True,
    ),
    Placeholder(
        "view_url",
        "the link that shows this very email in a browser",
        "https://tips.example.org/m/0123456789abcdefghijkl",
        "url",
        own=True,
    ),
    # Own, because it is the short link of a text where the event has no page.
    Placeholder("info_url", "the event's information page", "https://example.org/info", "url", own=True),
    Placeholder(
        "deferral_url", "where a place is moved or given back", "https://example.org/deferral", "url"
    ),
    Placeholder(
        "stop_url",
        "the short link of a text: tip and stop",
        "https://tips.example.org/s/abcd2345",
        "url",
        own=True,
    ),
    Placeholder("temp", "alerts: the forecast in degrees Celsius", "29", typed=True),
    Placeholder("new_start", "alerts: when the race starts now, 24-hour", "10:00", typed=True),
    Placeholder("new_date", "alerts: the day the race has moved to", "Sun 17 Oct 2027", typed=True),
    Placeholder("reason", "alerts: why, in a few words", "lightning near the course", typed=True),
    Placeholder("races", "the races, by short name, of all who share this address", "half", "words"),
    Placeholder("ages", "their ages on race day, as bands", "30-49", "words", words=AGE_BANDS),
    Placeholder("first_timer", "someone here runs this distance for the first time", "yes", "yes"),
    Placeholder("minor", "all here are children, and their guardian reads this", "", "yes"),
    Placeholder("tips_agreed", "all here have agreed to tips on this channel", "yes", "yes"),
    Placeholder("sponsor_agreed", "all here have agreed to messages from sponsors", "yes", "yes"),
)

PLACEHOLDERS: Mapping[str, Placeholder] = {placeholder.name: placeholder for placeholder in _DECLARED}

TYPED = frozenset(placeholder.name for placeholder in _DECLARED if placeholder.typed)
"""Those that the sender of an alert gives a value."""

# Control characters, lone surrogates and the bidirectional embeddings, overrides and isolates: left open in a
# name, the last kind turns round the text after it. Plain direction marks (U+200E, U+200F) are harmless.
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@lru_cache(maxsize=512)
def clean(value: str) -> str:
    """The value as one plain line: any white space is one space, unprintable characters are dropped.

    The last few are remembered: a mail's subject, page and text ask for the same values, and so does the next mail.
    """
    if not value.isprintable():  # nearly all values are, and of the rest some characters stay
        value = _UNPRINTABLE.sub("", value)
    return " ".join(value.split())


MAX_VALUE = 2_000
"""Characters; no name, address or link is longer, and a thousand long values would fill the memory."""


Filled: TypeAlias = dict[str, str | frozenset[str]]
"""Placeholders by name with what stands in a message for them; one without a value is not there."""


def fill(placeholders: Iterable[Placeholder], values: Mapping[str, str]) -> Filled:
    """The values to print, cleaned, with fallbacks; a required placeholder without a value is left out.

    Raises ContentError when a link is not a web address, or a value is over 2,000 characters.
    """
    filled: Filled = {}
    for placeholder in placeholders:
        if placeholder.kind == "words":
            filled[placeholder.name] = frozenset(values.get(placeholder.name, "").split())
        elif (value := _value(placeholder, values)) or placeholder.kind == "yes":
            filled[placeholder.name] = value
    return filled


def _value(placeholder: Placeholder, values: Mapping[str, str]) -> str:
    value = _clean_value(placeholder.name, values)
    if not value and placeholder.instead:
        value = _clean_value(placeholder.instead, values)
    if value and placeholder.kind == "url":
        _refuse_other_than_web_address(placeholder.name, value)
    return value or placeholder.fallback or ""


def _clean_value(name: str, values: Mapping[str, str]) -> str:
    value = values.get(name) or ""
    if len(value) > MAX_VALUE:
        raise ContentError(f"the value of {name} is longer than {MAX_VALUE:,} characters")
    return clean(value)


def _refuse_other_than_web_address(name: str, value: str) -> None:
    if " " in value or not value.startswith(("https://", "http://")):
        raise ContentError(f"the value of {name} is not a web address; it must start with https://")


def nearest(word: str, known: Iterable[str]) -> str:
    """A closing "; did you mean …?" for an error about an unknown word, or nothing when none is near."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{found[0]}"?' if found else ""
