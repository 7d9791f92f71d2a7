"""What a person typed after a command: words in, values out, or one sentence on how to write it."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from difflib import get_close_matches
from zoneinfo import available_timezones

from campaigns.cli.output import Refused, refuse

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def pairs(given: tuple[str, ...], example: str) -> dict[str, str]:
    """NAME=VALUE words as a dictionary in their order; names that differ only in case are the same."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = (part.strip() for part in text.rpartition("="))
        if not (sign and name and value) or not name.isprintable() or '"' in name:
            raise Refused(f"'{text}' is not understood: write it like {example}.")
        if name.lower() in map(str.lower, found):
            raise Refused(f"'{name}' is given twice: give it once.")
        found[name] = value
    return found


def start(text: str, of: str) -> time:
    """A time on the clock of the event, from HH:MM."""
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise Refused(f"'{text}' is not a start for {of}: write the time on the clock, such as 09:15.")
    return time(int(clock[1]), int(clock[2]))


def day(text: str) -> date:
    """A day from YYYY-MM-DD."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date, without any time
    except ValueError:
        raise Refused(f"'{text}' is not a date: write year, month and day, such as 2027-09-19.") from None


def zone(name: str) -> str:
    """An IANA time zone; for an unknown one, or a city alone, the nearest is named."""
    zones = available_timezones()
    if name in zones:
        return name
    by_end = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones)}
    whole = {zone.lower(): zone for zone in zones}
    wanted = name.lower().replace(" ", "_")
    near = get_close_matches(wanted, whole, n=1) or get_close_matches(wanted.rpartition("/")[2], by_end, n=1)
    hint = (
        f"did you mean '{whole.get(near[0]) or by_end[near[0]]}'?" if near else "write it like Europe/London."
    )
    raise Refused(f"'{name}' is not a time zone: {hint}")


def contact(text: str) -> str:
    """An email address to reply to, or none."""
    from campaigns.entry_lists import clean

    try:
        return clean.email(text)
    except clean.CellError as error:
        raise Refused(f"--contact {error.problem}: {error.cure}.") from error


def check_slug(slug: str, option: str) -> None:
    """Refuses what cannot be a short name in commands, addresses and audiences."""
    if not _SLUG.fullmatch(slug) or len(slug) > 50:
        raise Refused(
            f"'{slug}' cannot be used for {option}: write at most 50 of a-z, 0-9 and single hyphens."
        )


def check_details(details: dict[str, str]) -> None:
    """Refuses a link or a colour that no message could be rendered with."""
    from campaigns.content import ContentError
    from campaigns.content.brand import Brand

    for option in ("info_url", "deferral_url"):
        if not re.fullmatch(r"(https?://\S+)?", details[option]):
            raise Refused(f"--{option.replace('_', '-')} must be a web address that starts with https://.")
    try:
        Brand(details["colour"], details["logo_url"])
    except ContentError as error:
        refuse(error)


def no_such(kind: str, slug: str, known: list[str]) -> str:
    """The sentence for an unknown name: the nearest, else the known ones."""
    if near := get_close_matches(slug, known, n=1):
        return f"There is no {kind} '{slug}': did you mean '{near[0]}'?"
    return f"There is no {kind} '{slug}': known are {', '.join(sorted(known)) or 'none yet'}."
