"""Every email of the library as mail programs and people with other eyes have it: linted, and looked at by axe."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mails
import pytest
from playwright.sync_api import Browser, Page

ALLOWED = tomllib.loads((Path(__file__).parent / "caniemail-allowed.toml").read_text(encoding="utf-8"))
MESSAGES = sorted(path.stem for path in (mails.ROOT / "templates" / "email").glob("*.md"))

Lint = Callable[[list[dict[str, str]]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def findings(lint: Lint) -> list[dict[str, Any]]:
    return lint([{"name": mail.name, "html": mail.html} for mail in mails.emails()])


def test_emails_are_valid_html(findings: list[dict[str, Any]]) -> None:
    assert [row for row in findings if row["tool"] == "html-validate"] == []


def test_emails_use_nothing_that_a_mail_program_drops_but_what_is_allowed(
    findings: list[dict[str, Any]],
) -> None:
    found = {row["found"] for row in findings if row["tool"] == "caniemail"}
    assert found - ALLOWED.keys() == set()


def test_the_list_of_what_is_allowed_holds_nothing_unused(findings: list[dict[str, Any]]) -> None:
    assert ALLOWED.keys() - {row["found"] for row in findings} == set()


def test_each_permission_has_a_reason() -> None:
    assert [feature for feature, reason in ALLOWED.items() if not str(reason).endswith(".")] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("message", MESSAGES)
def test_axe_finds_nothing_in_an_email(
    chromium: Browser, axe: Callable[..., list[str]], message: str, scheme: Any
) -> None:
    page = chromium.new_page(color_scheme=scheme, viewport={"width": 360, "height": 800})
    try:
        for mail in mails.emails_of(message):
            page.set_content(mail.html)
            assert axe(page, colours=scheme == "dark") == [], mail.name
            too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not too_wide, f"{mail.name} scrolls sideways at 360 px"
    finally:
        page.close()


def test_axe_sees_what_is_wrong(chromium: Browser, axe: Callable[[Page], list[str]]) -> None:
    page = chromium.new_page()
    page.set_content(
        "<html lang=en><title>T</title><p style='color:#bbb;background:#fff'>Faint</p><img src=x>"
    )
    found = " ".join(axe(page))
    page.close()
    assert "color-contrast" in found
    assert "image-alt" in found
