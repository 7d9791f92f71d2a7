"""Which meeting a list says it is for, and whether that is the event it is brought into. Pure: it knows no database.

Platforms write the meeting's name into each row, as Let's Do This does under "eventTitle". Last year's list, or that of
the organiser's other race, is to be noticed before anybody is entered by it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from campaigns.entry_lists.clean import CellError
from campaigns.entry_lists.mapping import heading_key
from campaigns.entry_lists.races import RaceFacts, match_race

HEADINGS = ("eventtitle", "eventname", "meeting", "meetingname", "racename", "event", "race")
"""Best first. The last two are a distance more often; then they are read, or name a race of the event."""

LONGEST = 80
MOST = 50
"""Different names: a column with more is none of meetings."""

_YEAR = re.compile(r"\b20\d\d\b")


def column(headings: Collection[str], read: Collection[int]) -> int | None:
    """The position of the column that names the meeting, of those that are not read as anything else."""
    keys = {
        heading_key(heading.rpartition(" - ")[2]): place
        for place, heading in enumerate(headings)
        if place not in read
    }
    return next((keys[key] for key in HEADINGS if key in keys), None)


def another(named: Counter[str], event: str, year: int, races: Collection[RaceFacts]) -> str:
    """The name that most rows give the meeting, where it is neither this event's nor one of its races'; else ""."""
    if not named or len(named) > MOST:
        return ""
    said, rows = named.most_common(1)[0]
    mostly = rows * 2 > named.total()
    if not mostly or not said or _is_a_race(said, races) or _is_same(said, event, year):
        return ""
    return said


def _is_same(said: str, event: str, year: int) -> bool:
    """Whether one name stands in the other, years apart, and no year speaks against it."""
    years = {int(found) for found in _YEAR.findall(said)}
    if years and year not in years:
        return False
    one, other = _words(said), _words(event)
    return one in other or other in one


def _words(name: str) -> str:
    """Of letters and digits alone, with a space around each word."""
    found = re.findall(r"[^\W_]+", _YEAR.sub(" ", name.casefold()))
    return f" {' '.join(found)} "


def _is_a_race(said: str, races: Collection[RaceFacts]) -> bool:
    try:
        match_race(said, races)
    except CellError:
        return False
    return True
