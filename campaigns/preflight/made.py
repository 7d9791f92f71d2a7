"""Makes messages on the drain's own path and notes what they weigh and lack, on all cores. Sends nothing."""

import multiprocessing
import os
import re
import signal
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from django.conf import settings
from django.urls import Resolver404, resolve

from campaigns import content, view_link
from campaigns.ledger import Claimed, Foreseen
from campaigns.preflight.findings import SHOWN_ENTRANTS
from campaigns.rendering import Message

ALONE, PIECE, BATCH = 400, 200, 20_000
"""Messages that are not worth another process; in one piece of work; read from the database at a time."""

Group = list[Foreseen]


@dataclass
class Made:
    """What a number of messages came to; problems by their words, with how many and whose."""

    messages: int = 0
    segments: int = 0
    most_segments: int = 0
    largest_bytes: int = 0
    unicode: int = 0
    """Texts that cost more because of a character that is not in a phone's plain alphabet."""
    long: list[int] = field(default_factory=list)
    """Whose texts take more than one segment."""
    missing: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By placeholder."""
    refused: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By what is wrong."""
    broken: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By the link, without what is an entrant's own in it."""

    def add(self, other: "Made") -> None:
        """Takes in what another process made."""
        self.messages += other.messages
        self.segments += other.segments
        self.unicode += other.unicode
        self.most_segments = max(self.most_segments, other.most_segments)
        self.largest_bytes = max(self.largest_bytes, other.largest_bytes)
        self.long += other.long
        _merge(self.missing, other.missing)
        _merge(self.refused, other.refused)
        _merge(self.broken, other.broken)


def _merge(mine: dict[str, list[int]], theirs: dict[str, list[int]]) -> None:
    for key, entrants in theirs.items():
        mine[key] += entrants


def groups(people: Iterable[Foreseen]) -> Iterator[Group]:
    """Who share a message: those of a family on one channel who are due at the same moment."""
    family: dict[tuple[str, object], Group] = {}
    current: bytes | None = None
    for one in people:
        if one.family is None or one.family != current:
            yield from family.values()
            family, current = {}, one.family
        family.setdefault((one.channel, one.leaves_at), []).append(one)
    yield from family.values()


_messages: dict[str, Message] = {}
"""The step's messages by channel, as forked processes find them: what is compiled cannot be sent to them."""


def make_all(messages: dict[str, Message], found: Iterable[Group], note: Callable[[int], None]) -> Made:
    """Makes a message for each group and adds up; `note` is told of each number made."""
    global _messages
    _messages = messages
    made = Made()
    source = iter(found)
    while batch := list(islice(source, BATCH)):
        for piece in _pieces(batch):
            made.add(piece)
            note(piece.messages)
    return made


def _pieces(batch: list[Group]) -> Iterator[Made]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(batch) <= ALONE or cores == 1:
        yield make(batch)
        return
    pieces = [batch[start : start + PIECE] for start in range(0, len(batch), PIECE)]
    # Forked, so that they have what is compiled; they use no database and no socket.
    with multiprocessing.get_context("fork").Pool(cores, initializer=_end_when_told) as pool:
        yield from pool.imap_unordered(make, pieces)


def _end_when_told() -> None:
    """In a fork: a Celery worker only notes that it was told to end, and its pool would wait for ever."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def make(found: list[Group]) -> Made:
    """Makes the message of each group."""
    made = Made()
    for group in found:
        made.messages += 1
        entrant = group[0].facts.entrant
        try:
            _make_one(group, made)
        except content.MissingValue as missing:
            made.missing[missing.placeholder].append(entrant)
        except content.ContentError as error:
            made.refused[str(error)].append(entrant)
    return made


def _make_one(group: Group, made: Made) -> None:
    message, at = _messages[group[0].channel], group[0].leaves_at
    people = [one.facts for one in group]
    if message.email is not None:
        pieces = message.pieces(people, at)
        made.largest_bytes = max(made.largest_bytes, len(message.mail(pieces, people, at).data))
        written = "".join((*pieces.html, *pieces.text))
    else:
        written = message.finished_sms(people, at).body
        _weigh(written, people[0].entrant, made)
    for link in _broken_links(written, people):
        made.broken[link].append(people[0].entrant)


def _weigh(text: str, entrant: int, made: Made) -> None:
    segments = content.segments(text)
    made.segments += segments.count
    made.most_segments = max(made.most_segments, segments.count)
    made.unicode += segments.encoding != "GSM-7"
    if segments.count > 1:
        made.long.append(entrant)


def _broken_links(written: str, people: list[Claimed]) -> Iterator[str]:
    """Links to our own pages that lead nowhere, or to somebody who is not in this message."""
    for path in {
        path.rstrip(".,;:!") or "/"
        for _, path in _own_links(settings.PUBLIC_URL, settings.SMS_URL).findall(written)
    }:
        if problem := _problem(path, people):
            yield problem


@lru_cache(maxsize=8)
def _own_links(*bases: str) -> re.Pattern[str]:
    either = "|".join(re.escape(base) for base in sorted(bases, key=len, reverse=True))
    return re.compile(rf"({either})(/[^\s\"'<>)\]?#]*)?(?![\w.-])")


TOKEN, CODE, VIEW = "own-token", "own-code", "own-view"
"""Stand in a path for what is an entrant's own, so that thousands of paths are one."""


def _problem(path: str, people: list[Claimed]) -> str:
    """The path as an error shows it; empty when it leads to a page of ours and to these people."""
    for one in people:
        path = path.replace(one.entrant_token, TOKEN).replace(one.short_code, CODE)
        path = path.replace(view_link.code_of(one.token), VIEW)
    return _leads_nowhere(path)


@lru_cache(maxsize=4096)
def _leads_nowhere(path: str) -> str:
    try:
        found = resolve(path)
    except Resolver404:
        return path
    for name, own in (("token", (TOKEN,)), ("code", (CODE, VIEW))):
        value = str(found.kwargs.get(name, own[0]))
        if value not in own:
            return path.replace(value, "…")
    return ""


def some(entrants: list[int]) -> tuple[int, ...]:
    """The first of them, to be shown."""
    return tuple(sorted(entrants)[:SHOWN_ENTRANTS])
