"""`python -m campaigns.web.course FOLDER`: the README's picture, the library's plan in the middle of its way.

Needs no database: a plan and a date are enough.
"""

import sys
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from campaigns import schedule
from campaigns.plan import PlannedStep, load_plan
from campaigns.web.course import Course, Station, alone

DAY, ZONE, START = date(2027, 9, 19), ZoneInfo("Europe/London"), time(9, 15)
NOW = datetime(2027, 8, 24, 10, 1, tzinfo=ZONE)
PLAN = Path(__file__).parents[2] / "library" / "run-reigate.toml"


def main(folder: Path) -> None:
    """Writes the picture, light and dark."""
    plan = load_plan(PLAN.read_text(encoding="utf-8"), file=PLAN.name)
    stations = [_station(step) for step in plan.steps if step.enabled]
    held = [Station(_topic(alert.name), "alert", "approved", None, moment="armed") for alert in plan.alerts]
    course = Course(DAY, ZONE, NOW, stations, held)
    (folder / "course-light.svg").write_text(alone(course, "light"), encoding="utf-8")
    (folder / "course-dark.svg").write_text(alone(course, "dark"), encoding="utf-8")


def _station(step: PlannedStep) -> Station:
    at = schedule.moment(step.when, DAY, ZONE, START).astimezone(ZONE)
    sending = at.date() == NOW.date()
    state = "sending" if sending else "done" if at < NOW else "approved"
    words = f"{at:%a} {at.day} {at:%b, %H:%M}"
    return Station(_topic(step.name), step.channel, state, None, at=at, moment=words)


def _topic(name: str) -> str:
    return name.replace("-", " ").capitalize()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
