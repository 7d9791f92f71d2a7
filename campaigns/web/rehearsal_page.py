"""A rehearsal as one HTML page that needs nothing beside itself: to read, to print, to hand to a committee.

It has names in it and is for the organiser; addresses and numbers it never sees.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

from django.conf import settings
from jinja2 import FileSystemLoader, Template
from markupsafe import Markup

from campaigns.rehearsal import Person, Rehearsal, StepFigures, words
from campaigns.web import course
from campaigns.web.environment import trusted

MOST_TIMELINES = 10_000
"""Entrants whose timelines stand in the page: it would be too large for a browser with more."""

SHEETS = ("base.css", "course.css", "stations.css", "tables.css", "rehearsal.css")

_NAMED_FILE = re.compile(r'url\("([\w.-]+\.woff2)"\)')


def page(found: Rehearsal) -> str:
    """The whole page as HTML text."""
    picture = course_of(found)
    return _template().render(
        found=found,
        words=words,
        sheets=Markup("\n".join(_sheet(name) for name in SHEETS)),  # noqa: S704 - our own files
        picture=Markup(course.drawing(picture)),  # noqa: S704 - escaped there
        stations=[(station, course.one_sign(station)) for station in picture.stations],
        state_words=course.STATE_WORDS,
        alert_shape=course.SHAPES["alert"],
        shapes=[course.SHAPES["email"], course.SHAPES["sms"]],
        legend=course.legend(),
        unmoved=[step for step in found.steps if not step.first],
        initials=list(_initials(found)) if len(found.people) <= MOST_TIMELINES else [],
        days_to_go=(found.day - found.begun.astimezone(found.zone).date()).days,
    )


def course_of(found: Rehearsal) -> course.Course:
    """The rehearsal's steps as stations of a course."""
    return course.Course(
        day=found.day,
        zone=found.zone,
        now=found.moved_at or found.begun,
        now_is="the race moves" if found.moved_at else "today",
        stations=[_station(step, found) for step in found.planned],
        alerts=[
            course.Station(
                words.topic(name),
                "alert",
                "approved" if armed else "draft",
                0,
                moment="armed" if armed else "not armed",
            )
            for name, armed in found.alerts.items()
        ],
    )


def _station(step: StepFigures, found: Rehearsal) -> course.Station:
    stays = found.was_day is not None and step.was is None
    return course.Station(
        topic=words.topic(step.name),
        channel="sms" if step.channel == "sms" else "email",
        state="done" if stays else _state(step),
        people=step.people,
        at=step.first,
        moment=words.short_moments(step, found),
        was=step.was,
        stays=stays,
        href=f"#{step.name}",
    )


def _state(step: StepFigures) -> str:
    """As it stands in truth; of what reaches nobody that is the news."""
    return step.state if step.people else "missed"


def _initials(found: Rehearsal) -> Iterator[tuple[str, list[Person]]]:
    """Everyone by the first letter of the name they are sorted by."""
    people = sorted(
        found.people, key=lambda person: (_letter(person), person.sorted_by.casefold(), person.id)
    )
    for letter, group in groupby(people, key=_letter):
        yield letter, list(group)


def _letter(person: Person) -> str:
    """A plain capital; names that begin with anything else stand together at the end."""
    first = words.plain(person.sorted_by)[:1].upper()
    return first if "A" <= first <= "Z" else "…"


@lru_cache(maxsize=1)
def _template() -> Template:
    folder = settings.BASE_DIR / "templates" / "web"
    # Not Django's environment: the page stands alone, without a server, its addresses and its static files.
    return trusted(loader=FileSystemLoader(folder)).get_template("rehearsal.html")


def _sheet(name: str) -> str:
    """A style sheet with the files that it names inside it."""
    folder = settings.BASE_DIR / "templates" / "static"
    return _NAMED_FILE.sub(
        lambda named: f'url("data:font/woff2;base64,{b64encode((folder / named[1]).read_bytes()).decode()}")',
        (folder / name).read_text(encoding="utf-8"),
    )
