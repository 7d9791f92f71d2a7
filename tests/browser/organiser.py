"""Opens organisers' pages in a real browser as somebody who is signed in, at a width and in a scheme."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page
from signed_in import session_key

from campaigns.models import User

NARROWEST, PHONE, DESK = 320, 390, 1280


@contextmanager
def signed_in(chromium: Browser, base: str, user: User, **context: Any) -> Iterator[BrowserContext]:
    """A browser context that carries this person's session; words go to Playwright's `new_context`."""
    opened = chromium.new_context(base_url=base, **context)
    opened.add_cookies(
        [
            {
                "name": "aidstation",
                "value": session_key(user),
                "domain": urlsplit(base).hostname or "",
                "path": "/",
            }
        ]
    )
    yield opened
    opened.close()


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def twice_as_large(page: Page) -> None:
    """Text at 200 %, as the browser's own setting makes it."""
    page.evaluate("document.documentElement.style.fontSize = '200%'")


FOCUSED = """() => { const e = document.activeElement; if (!e || e === document.body) return null;
const s = getComputedStyle(e), b = e.getBoundingClientRect();
return [s.outlineStyle !== 'none' && b.width > 0 && b.height > 0, e.outerHTML.slice(0, 120)] }"""
"""Whether what has the focus shows it, and what it is; null when nothing has it."""


def hidden_focus(page: Page, presses: int = 60) -> list[str]:
    """What the Tab key reaches without any sign of it, as HTML; in a frame, what has the focus inside it."""
    found = []
    for _ in range(presses):
        page.keyboard.press("Tab")
        seen = page.evaluate(FOCUSED)
        if seen is None:
            break
        if seen[1].startswith("<iframe"):
            frame = page.locator("iframe:first-of-type").element_handle().content_frame()
            seen = (frame.evaluate(FOCUSED) if frame else None) or [True, ""]
        if not seen[0]:
            found.append(seen[1])
    return found
