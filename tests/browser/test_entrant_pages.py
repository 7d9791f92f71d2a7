"""The entrant's pages in a browser: axe finds nothing, nothing scrolls sideways, the way out is on the first screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, queue, the_step
from playwright.sync_api import Browser, expect

from campaigns import ledger, view_link
from campaigns.models import Delivery, Entrant
from campaigns.models.words import Channel

Axe = Callable[..., list[str]]

PAGES = ("/u/{token}", "/s/{code}", "/m/{view}", "/u/unknown", "/m/unknown", "/")


@pytest.fixture
def links(transactional_db: None, live_server: Any) -> Callable[[str], str]:
    """The address of a page for an entrant who has had one message and has another to come."""
    event = an_event(postal_address="1 Example Street, Reigate RH2 0AA", info_url="https://example.org/info")
    later = {"when": "40 days before, 10:00"}
    loaded = a_campaign(
        event, a_step(), a_step("later", template="back-pain", **later),
        a_step("text", channel="sms", template="hydration", **later),
    )  # fmt: skip
    person = entrant(event, first_name="Zoë-Bartholomew", bib="12345")
    row = sent(the_step(loaded), person)
    words = {"token": person.token, "code": person.short_code, "view": view_link.code_of(row.token)}
    return lambda page: live_server.url + page.format(**words)


def sent(step: Any, person: Entrant) -> Delivery:
    [row] = queue(step, [person])
    results = [
        ledger.Result(c.delivery, c.claim, c.carrier, "accepted", version=step.version_id)
        for group in claim_at(DUE, step).groups
        for c in group
    ]
    ledger.settle(Channel.EMAIL, results, DUE)
    row.refresh_from_db()
    return row


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    chromium: Browser, axe: Axe, links: Callable[[str], str], scheme: Any
) -> None:
    for width in (390, 320):
        page = chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 844})
        for path in PAGES:
            page.goto(links(path))
            assert axe(page) == [], path
            too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not too_wide, f"{path} scrolls sideways at {width} px"
        page.close()


def test_the_first_screen_says_what_comes_and_why_and_holds_the_way_out(
    chromium: Browser, links: Callable[[str], str]
) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    for path, why, next_one, stop in (
        ("/u/{token}", "writes to you because", "Next for you", "Stop all tips"),
        ("/s/{code}", "texts this phone because", "Next by text", "Stop every text"),
    ):
        page.goto(links(path))
        for found in (
            page.get_by_text(why),
            page.get_by_text(next_one),
            page.get_by_role("button", name=stop),
        ):
            box = found.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 844
    page.close()


def test_stop_and_undo_are_one_press_each_without_any_script(
    chromium: Browser, links: Callable[[str], str]
) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(links("/u/{token}"))
    page.get_by_role("button", name="Stop all tips").click()
    expect(page.get_by_role("heading", name="Tips are stopped")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Your stop is undone")).to_be_visible()
    page.get_by_label("Health tips by text").uncheck()
    page.get_by_role("button", name="Save my choice").click()
    expect(page.get_by_role("heading", name="Your choice is saved")).to_be_visible()
    expect(page.get_by_label("Health tips by text")).not_to_be_checked()
    expect(page.get_by_label("Health tips by email")).to_be_checked()
    context.close()


def test_focus_is_seen_on_everything_that_can_be_reached(
    chromium: Browser, links: Callable[[str], str]
) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto(links("/u/{token}"))
    for _ in range(12):
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        if page.evaluate("document.activeElement === document.body"):
            break
        assert style != "none"
    page.close()
