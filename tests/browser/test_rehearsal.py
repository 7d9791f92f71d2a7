"""The rehearsal's report in a browser: nothing that axe finds, nothing that scrolls sideways, a picture or a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page

from campaigns.rehearsal import Clash, Line, Person, Rehearsal, StepFigures
from campaigns.web import rehearsal_page

BEGUN = datetime(2027, 6, 1, 9, tzinfo=UTC)
DUE = datetime(2027, 8, 3, 9, tzinfo=UTC)
STATES = ("waiting", "approved", "sending", "done", "paused", "draft")


def a_step(number: int, state: str) -> StepFigures:
    due = DUE + timedelta(days=9 * number)
    return StepFigures(
        name=f"step-{state}",
        kind="planned",
        channel="sms" if number % 2 else "email",
        purpose="tips",
        when="47 days before, 10:00",
        state=state,
        first=due,
        last=due + timedelta(minutes=25 * (number % 2)),
        was=due - timedelta(days=7) if number > 2 else None,
        as_if_approved=state == "waiting",
        people=0 if number == 4 else 366,
        segments=366 * (number % 2),
        late=3,
        left_out=Counter({"no_consent": 107, "minor": 3}),
    )


def a_person(number: int, name: str) -> Person:
    line = Line("step-done", "email", "sent", "", DUE, DUE + timedelta(hours=3), carried=bool(number))
    missed = Line("step-paused", "sms", "skipped", "no_consent", DUE, None)
    return Person(number, name, name, "Half Marathon", "B", "17", "confirmed", lines=[line, missed])


@pytest.fixture(scope="module")
def report() -> str:
    """A page with all that it can show."""
    return rehearsal_page.page(
        Rehearsal(
            slug="run-reigate",
            event="Run Reigate 2027",
            zone=ZoneInfo("Europe/London"),
            day=date(2027, 9, 26),
            was_day=date(2027, 9, 19),
            moved_at=datetime(2027, 8, 22, 11, tzinfo=UTC),
            begun=BEGUN,
            price=Decimal("0.0475"),
            steps=[a_step(number, state) for number, state in enumerate(STATES)],
            people=[a_person(0, "Bartholomew-Alexander Featherstonehaugh-Öz"), a_person(1, "Zoë Quill")],
            alerts={"heat": True, "cancel": False},
            tried=["The race moves on Sun 22 Aug 2027 from Sun 19 Sep 2027 to Sun 26 Sep 2027."],
            clashes=[Clash("Step draft reaches nobody."), Clash("Some get more than 5 texts.", 12)],
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_the_report(
    chromium: Browser, axe: Callable[[Page], list[str]], report: str, width: int, scheme: Any
) -> None:
    page = chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    try:
        page.set_content(report)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert axe(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    finally:
        page.close()


@pytest.mark.parametrize(("width", "picture"), [(360, False), (1280, True)])
def test_a_phone_has_the_list_and_a_desk_the_picture(
    chromium: Browser, report: str, width: int, picture: bool
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    try:
        page.set_content(report)
        assert page.locator("svg.course").is_visible() is picture
        listed = page.locator(".stations").bounding_box()
        assert listed is not None
        assert (listed["height"] > 200) is not picture
    finally:
        page.close()
