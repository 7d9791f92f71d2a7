"""Pictures of the organisers' pages for docs/gallery/organiser: desk and phone, light and dark. `make gallery` runs it.

The addresses are filled in by the registry of pages (`web/organiser/cases.py`), the event is that of
`gallery_world.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from browser.gallery_world import NOW, season, somebody
from browser.organiser import DESK, PHONE, signed_in
from django.core.cache import cache
from django.urls import reverse
from gallery import FOLDER, picture
from playwright.sync_api import Browser, Page
from pytest_django.fixtures import Settings
from time_machine import travel
from web.organiser.cases import CASES, OPEN_TO_ALL, World

from campaigns.watch import heartbeat

pytestmark = pytest.mark.timeout(900)
PAGES = FOLDER / "organiser"
TALLEST = 2600
"""Pixels: of a longer page the upper part is shown."""

Fill = Callable[[World], dict[str, str]]


@dataclass
class Picture:
    """One page as it is shown; `fill` names its address where its case does not do it well."""

    name: str
    page: str
    fill: Fill | None = None
    query: dict[str, str] = field(default_factory=dict)


def of_somebody(world: World) -> dict[str, str]:
    return {"slug": world.event.slug, "token": somebody(world.event).token}


PICTURES = (
    Picture("Sign in", "sign-in"),
    Picture("Your events", "events"),
    Picture("Course", "course"),
    Picture("A step", "step", lambda world: {"slug": world.event.slug, "name": "taper"}),
    Picture("Move the race", "move", query={"day": "2027-10-03"}),
    Picture("Approve", "approve"),
    Picture("A look before approving", "approve-look"),
    Picture("Live", "live"),
    Picture("Report", "report"),
    Picture("Entrants", "entrants"),
    Picture("An entrant", "entrant", of_somebody),
    Picture("A list before it is brought in", "list"),
    Picture("Messages", "messages"),
    Picture("A message", "message"),
    Picture("Race day", "race-day"),
    Picture("An alert", "alert"),
    Picture("Event", "event"),
    Picture("People", "team"),
    Picture("Tokens", "api-tokens"),
)


@pytest.fixture
def as_at_a_race(settings: Settings) -> Iterator[None]:
    """Providers with names, no TLS on loopback, and no file of a browser that asks again."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "1" * 32, "test"
    settings.TWILIO_FROM, settings.EMAIL_FROM = "RunReigate", "Run Reigate <tips@runreigate.example>"
    cache.clear()
    yield
    cache.clear()


def test_pictures(transactional_db: None, as_at_a_race: None, chromium: Browser, live_server: Any) -> None:
    event, owner = season()
    world = World(event, "one")
    PAGES.mkdir(parents=True, exist_ok=True)
    for old in PAGES.glob("*.webp"):
        old.unlink()
    with travel(NOW, tick=False):
        for width in (DESK, PHONE):
            for scheme in ("light", "dark"):
                context = signed_in(
                    chromium, live_server.url, owner, color_scheme=scheme, reduced_motion="reduce", locale="en-GB",
                    viewport={"width": width, "height": 844},
                )  # fmt: skip
                with context as opened:
                    page = opened.new_page()
                    for at, each in enumerate(PICTURES, 1):
                        page.set_viewport_size({"width": width, "height": 844})
                        show(page, each, world, signed_out=each.page in OPEN_TO_ALL)
                        file = f"{at:02d}-{each.name.lower().replace(' ', '-')}-{width}-{scheme}.webp"
                        picture(page, PAGES / file, tallest=TALLEST)


def show(page: Page, each: Picture, world: World, *, signed_out: bool) -> None:
    """Opens a page and waits until it stands still; who signs in has no session yet."""
    heartbeat.beat(heartbeat.TICK)
    kept = page.context.cookies()
    if signed_out:
        page.context.clear_cookies()
    query = each.query or CASES[each.page].query
    asked = f"?{urlencode(query)}" if query else ""
    page.goto(reverse(each.page, kwargs=(each.fill or CASES[each.page].fill)(world)) + asked)
    page.wait_for_load_state("networkidle" if each.page != "live" else "load")
    if signed_out:
        page.context.add_cookies(kept)
    assert signed_out or "/sign-in" not in page.url, f"{each.page} asked to sign in"
