"""How pages say moments, counts and states: the same words everywhere."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from campaigns.models.words import CampaignState


def topic(name: str) -> str:
    """A step's or message's name as a title: "back-warm-up" is "Back warm up"."""
    return name.replace("-", " ").capitalize()


def day(on: date) -> str:
    """ "Tue 3 Aug 2027"."""
    return f"{on:%a} {on.day} {on:%b %Y}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """ "Tue 3 Aug 2027, 10:00" by that zone's clock."""
    local = at.astimezone(zone)
    return f"{day(local)}, {local:%H:%M}"


def short_moment(at: datetime, zone: ZoneInfo) -> str:
    """ "Tue 3 Aug, 10:00", where the year stands nearby."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b, %H:%M}"


def away(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """ "in 12 days", "today in 3 hours", "4 days ago": beside a moment, never instead of it."""
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if days == 0:
        return _within_a_day(round((at - now).total_seconds() / 60))
    if abs(days) == 1:
        return "tomorrow" if days > 0 else "yesterday"
    return f"in {days:,} days" if days > 0 else f"{-days:,} days ago"


def count(number: int, one: str, many: str = "") -> str:
    """ "1 entrant", "4,790 entrants"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def to_go(days: int) -> str:
    """The countdown of the top bar."""
    if days == 0:
        return "race day"
    return f"{count(days, 'day')} to go" if days > 0 else f"{count(-days, 'day')} ago"


CAMPAIGN = {
    CampaignState.DRAFT: "draft",
    CampaignState.APPROVED: "approved, not started",
    CampaignState.LIVE: "live",
    CampaignState.PAUSED: "paused",
    CampaignState.STOPPED: "stopped",
    CampaignState.DONE: "done",
}
"""A campaign's state as the chip in the top bar says it."""


def _within_a_day(minutes: int) -> str:
    if minutes == 0:
        return "now"
    said = count(abs(minutes), "minute") if abs(minutes) < 90 else count(round(abs(minutes) / 60), "hour")
    return f"in {said}" if minutes > 0 else f"{said} ago"
