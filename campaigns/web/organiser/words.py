"""How pages say moments, counts and states: the same words everywhere."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns import schedule
from campaigns.models.words import CampaignState, RaceStatus
from campaigns.said import CHANNELS as CHANNELS
from campaigns.said import REASONS as REASONS
from campaigns.said import WAITS_FOR_SECOND as WAITS_FOR_SECOND
from campaigns.said import count as count
from campaigns.said import day as day
from campaigns.said import left_out as left_out
from campaigns.said import moment as moment
from campaigns.said import not_agreed as not_agreed
from campaigns.said import reason as reason
from campaigns.said import texts as texts
from campaigns.said import topic as topic


def short_moment(at: datetime, zone: ZoneInfo) -> str:
    """ "Tue 3 Aug, 10:00", where the year stands nearby."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b, %H:%M}"


def clock(at: datetime, zone: ZoneInfo) -> str:
    """ "10:00" by that zone's clock, where the day is plain."""
    return f"{at.astimezone(zone):%H:%M}"


def near(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """ "07:00" of today, else "Tue 3 Aug, 07:00"."""
    today = at.astimezone(zone).date() == now.astimezone(zone).date()
    return clock(at, zone) if today else short_moment(at, zone)


def away(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """ "in 12 days", "today in 3 hours", "4 days ago": beside a moment, never instead of it."""
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if days == 0:
        return _within_a_day(round((at - now).total_seconds() / 60))
    if abs(days) == 1:
        return "tomorrow" if days > 0 else "yesterday"
    return f"in {days:,} days" if days > 0 else f"{-days:,} days ago"


def soon(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """ "today at 10:00", "on Tuesday at 10:00" within a week, else "on Tue 3 Aug 2027 at 10:00": inside a sentence."""
    local = at.astimezone(zone)
    days = (local.date() - now.astimezone(zone).date()).days
    near = {0: "today", 1: "tomorrow"}.get(days) or (f"on {local:%A}" if 0 < days < 7 else f"on {day(local)}")
    return f"{near} at {local:%H:%M}"


def own_start(when: str) -> str:
    """ "2 hours before each runner's own start" of a step's time that hangs on it; empty of any other."""
    parsed = schedule.parse_when(when) if when else None
    if not isinstance(parsed, schedule.MinutesFromStart):
        return ""
    if not parsed.minutes:
        return "at each runner’s own start"
    side = "before" if parsed.minutes < 0 else "after"
    return f"{lasting(60 * abs(parsed.minutes))} {side} each runner’s own start"


def to_go(days: int) -> str:
    """The countdown of the top bar."""
    if days == 0:
        return "race day"
    return f"{count(days, 'day')} to go" if days > 0 else f"{count(-days, 'day')} ago"


ALERTS_REACH = (
    "Alerts also go to those who have not agreed to tips or texts; to whoever answered STOP by email alone."
)
"""Where it is counted whom an alert reaches: it is no tip."""


def race_is(days: int) -> str:
    """ "The race is in 47 days.": for whoever acts as if it were today; empty on the day."""
    if abs(days) <= 1:
        return {-1: "The race was yesterday.", 0: "", 1: "The race is tomorrow."}[days]
    return f"The race is in {days:,} days." if days > 0 else f"The race was {-days:,} days ago."


CAMPAIGN = {
    CampaignState.DRAFT: "draft",
    CampaignState.APPROVED: "approved, not started",
    CampaignState.LIVE: "live",
    CampaignState.PAUSED: "paused",
    CampaignState.STOPPED: "stopped",
    CampaignState.DONE: "done",
}
"""A campaign's state as the chip in the top bar says it."""

RACE_STATUS = {
    RaceStatus.STARTED: "started",
    RaceStatus.FINISHED: "finished",
    RaceStatus.DNS: "did not start",
    RaceStatus.DNF: "did not finish",
}
"""What became of somebody on the day."""


STATES = {
    "due": "waiting",
    "claimed": "leaving now",
    "uncertain": "in doubt",
    "sent": "sent",
    "delivered": "delivered",
    "bounced": "not delivered",
    "failed": "refused",
    "skipped": "left out",
    "held": "held for a person",
    "unknown": "never known",
}
"""A delivery's state as pages say it."""


def lasting(seconds: float) -> str:
    """ "40 seconds", "8 minutes", "2 hours": how long something takes."""
    if seconds < 90:
        return count(max(1, round(seconds)), "second")
    minutes = round(seconds / 60)
    return count(minutes, "minute") if minutes < 90 else count(round(minutes / 60), "hour")


def length(parts: int, units: int, encoding: str) -> str:
    """ "One text: 156 of 160 characters", "You pay for 2 texts: 200 of 306 characters": how full a text is."""
    alone, joined = (160, 153) if encoding == "GSM-7" else (70, 67)
    room = alone if parts == 1 else joined * parts
    start = "One text" if parts == 1 else f"You pay for {parts} texts"
    return f"{start}: {units:,} of {room:,} characters"


def _within_a_day(minutes: int) -> str:
    if minutes == 0:
        return "now"
    said = count(abs(minutes), "minute") if abs(minutes) < 90 else count(round(abs(minutes) / 60), "hour")
    return f"in {said}" if minutes > 0 else f"{said} ago"
