"""Every organiser page in a browser, in each of its states: axe, the narrowest phone, large text, no colours, no mouse.

The pages and their states are those of `web/organiser/cases.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from browser.organiser import (
    DESK,
    NARROWEST,
    PHONE,
    hidden_focus,
    scrolls_sideways,
    signed_in,
    twice_as_large,
)
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django.fixtures import Settings
from reigate import make_entrant
from signed_in import make_user
from web.organiser.cases import CASES, OPEN_TO_ALL, Case, World, world

from campaigns.models import User
from campaigns.models.words import Role

Axe = Callable[..., list[str]]

PAGES = sorted(name for name, case in CASES.items() if case.is_page)
STATES = [(name, state) for name in PAGES for state in CASES[name].states]
LOOKS = (("light", "none", (DESK, NARROWEST)), ("dark", "none", (PHONE,)), ("light", "active", (PHONE,)))
"""Colour scheme, forced colours, and the widths to look at."""
FORMS = [name for name in PAGES if CASES[name].wrong is not None]


@pytest.fixture(autouse=True)
def plain_files(settings: Settings) -> None:
    """Without TLS on loopback a cookie for https alone would be lost."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False


def owner(here: World) -> User:
    return make_user(here.event, Role.OWNER, Role.REVIEWER)


def open_page(page: Page, name: str, here: World) -> Case:
    case = CASES[name]
    asked = f"?{urlencode(case.query)}" if case.query else ""
    page.goto(f"{reverse(name, kwargs=case.fill(here))}{asked}")
    return case


@pytest.mark.parametrize(("name", "state"), STATES)
def test_each_page_in_each_state(
    transactional_db: None, chromium: Browser, axe: Axe, live_server: Any, name: str, state: str
) -> None:
    here = world(state)
    for scheme, forced, widths in LOOKS:
        options: dict[str, Any] = {
            "color_scheme": scheme,
            "forced_colors": forced,
            "reduced_motion": "reduce",
        }
        user = make_user(here.event, Role.OWNER, Role.REVIEWER) if name not in OPEN_TO_ALL else make_user()
        with signed_in(chromium, live_server.url, user, **options) as context:
            if name in OPEN_TO_ALL:
                context.clear_cookies()
            page = context.new_page()
            for width in widths:
                page.set_viewport_size({"width": width, "height": 844})
                open_page(page, name, here)
                again = (scheme, forced) != ("light", "none")
                assert axe(page, colours=again) == [], f"{name}, {state}, {scheme}, {width} px"
                assert not scrolls_sideways(page), f"{name} scrolls sideways at {width} px"
            assert hidden_focus(page) == []
            page.set_viewport_size({"width": DESK, "height": 844})
            twice_as_large(page)
            assert not scrolls_sideways(page), f"{name} scrolls sideways with text at 200 %"


@pytest.mark.parametrize("name", FORMS)
def test_each_form_with_mistakes_in_it(
    transactional_db: None, chromium: Browser, axe: Axe, live_server: Any, name: str
) -> None:
    here = world()
    with signed_in(chromium, live_server.url, owner(here)) as context:
        if name in OPEN_TO_ALL:
            context.clear_cookies()
        page = context.new_page()
        for width in (DESK, NARROWEST):
            page.set_viewport_size({"width": width, "height": 844})
            case = open_page(page, name, here)
            for field, value in (case.wrong or {}).items():
                control = page.locator(f"[name='{field}']").first
                if control.evaluate("e => e.tagName") == "SELECT":
                    control.select_option(value)
                else:
                    control.fill(value)
            page.locator(
                "main form", has=page.locator(f"[name='{next(iter(case.wrong or {}))}']")
            ).first.evaluate("form => { form.noValidate = true; form.requestSubmit() }")
            page.locator("[role='alert']").wait_for()
            assert axe(page) == [], f"{name} with mistakes, {width} px"
            assert not scrolls_sideways(page)
            expect(page.locator("[role='alert']").first).to_be_focused()


def test_a_test_to_oneself_follows_the_reader_who_is_chosen(
    transactional_db: None, chromium: Browser, live_server: Any
) -> None:
    here = world()
    make_entrant(here.event, first_name="Ömer-Ülkü")
    with signed_in(chromium, live_server.url, owner(here)) as context:
        page = context.new_page()
        open_page(page, "message", here)
        expect(page.locator("#trying")).not_to_contain_text("as Ömer-Ülkü would get")
        page.get_by_label("Seen by").select_option("oddest")
        expect(page.locator("#trying")).to_contain_text("as Ömer-Ülkü would get")
