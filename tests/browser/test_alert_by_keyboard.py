"""From signing in to an alert that is sent, with nothing but the keys: the focus is seen in every frame.

And without any script at all, on a phone's width.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser.organiser import PHONE
from playwright.sync_api import Browser, Page, expect
from pytest_django.fixtures import Settings
from signed_in import make_user
from web.organiser.race_days import with_alerts

from campaigns.models import Event, Release, User
from campaigns.models.words import Role

PASSWORD = "chalk downs runner"
MOST_TABS = 60


@pytest.fixture(autouse=True)
def as_in_the_demo(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cookies without TLS, no authenticator app, and no broker that a press could wake."""
    import worker

    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECOND_FACTOR = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(worker, "enqueue", lambda *words, **more: True)


def approver_of(event: Event) -> User:
    user = make_user(event, Role.APPROVER, name="Robin Ashdown")
    user.set_password(PASSWORD)
    user.save()
    return user


def focus_is_seen(page: Page) -> bool:
    """Whether what has the focus is in the window and has an outline."""
    return bool(
        page.evaluate(
            """() => { const e = document.activeElement, b = e.getBoundingClientRect();
            const s = getComputedStyle(e);
            return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 3 && b.width > 0
                && b.bottom > 0 && b.top < innerHeight }"""
        )
    )


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the focus is there; on the way and there it must be seen."""
    for _ in range(MOST_TABS):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement !== document.body"):
            assert focus_is_seen(page), page.evaluate("document.activeElement.outerHTML")
    raise AssertionError(f"{selector} is not reached by Tab")


def enter(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def send_by_keys(page: Page, user: User, event: Event) -> None:
    page.goto(f"/e/{event.slug}/race-day/")
    tab_to(page, "[name='email']")
    page.keyboard.type(user.email)
    tab_to(page, "[name='password']")
    page.keyboard.type(PASSWORD)
    enter(page)
    tab_to(page, "a.alert-armed")
    enter(page)
    tab_to(page, "[name='name_typed']")
    page.keyboard.type("heat")
    tab_to(page, "main .button-red")
    enter(page)


def test_an_alert_is_sent_with_the_keys_alone(
    transactional_db: None, chromium: Browser, live_server: Any, event: Event
) -> None:
    context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce")
    page = context.new_page()
    send_by_keys(page, approver_of(event), event)
    expect(page.locator("main")).to_contain_text(
        re.compile(r"You sent Heat at \d\d:\d\d, to 1 entrant by email and 1 entrant by text\.")
    )
    assert Release.objects.count() == 1
    with page.expect_response(lambda answer: answer.url.endswith("/heat/figures")):
        pass  # the counts are asked for again by themselves
    expect(page.locator("#sent")).to_contain_text("still to leave")
    context.close()


def test_it_goes_without_scripts_on_a_phone(
    transactional_db: None, chromium: Browser, live_server: Any, event: Event
) -> None:
    context = chromium.new_context(
        base_url=live_server.url, java_script_enabled=False, viewport={"width": PHONE, "height": 844}
    )
    page, user = context.new_page(), approver_of(event)
    page.goto(f"/e/{event.slug}/race-day/heat/")
    page.fill("[name='email']", user.email)
    page.fill("[name='password']", PASSWORD)
    page.press("[name='password']", "Enter")
    page.fill("[name='name_typed']", "heat")
    button = page.locator("main .button-red")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 56
    button.click()
    expect(page.locator("main")).to_contain_text("You sent Heat at")
    page.click("noscript a, #sent a")
    expect(page.locator("#sent")).to_contain_text("of 1 by email")
    page.goto(f"/e/{event.slug}/race-day/")
    page.click("summary")
    page.click("text=Yes, hold everything planned")
    expect(page.locator("main")).to_contain_text("nothing planned leaves, alerts do")
    context.close()


@pytest.fixture
def event(transactional_db: None) -> Event:
    from reigate import make_event

    made = make_event(venue="Priory Park")
    with_alerts(made, "armed")
    return made
