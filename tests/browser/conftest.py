"""A headless Chromium, and the linters from npm. Where they are not installed these tests skip, except in CI."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import a_chromium, missing
from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]

COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""All that axe can find anew when only the colours of a page have changed."""

Axe = Callable[..., list[str]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For one module: see `a_chromium`."""
    with a_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def node_modules() -> Path:
    if not NODE_MODULES.is_dir() or shutil.which("node") is None:
        missing("What tests/browser/package.json names", "npm ci --prefix tests/browser")
    return NODE_MODULES


@pytest.fixture(scope="session")
def axe(node_modules: Path) -> Axe:
    """Runs axe on a page as it stands, or its rules about colours alone; each violation of WCAG 2.2 AA is one line."""
    source = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def run(page: Page, colours: bool = False) -> list[str]:
        page.evaluate(source)
        asked = COLOUR_RULES if colours else AXE_TAGS
        found = page.evaluate("asked => axe.run({runOnly: asked, resultTypes: ['violations']})", asked)
        return [
            f"{rule['id']}: {node['html'][:200]} {node['any'][:1] and node['any'][0]['message']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    return run


@pytest.fixture(scope="session")
def lint(node_modules: Path) -> Callable[[list[dict[str, str]]], list[dict[str, Any]]]:
    """What html-validate and caniemail find in mails of the form {name, html}."""

    def run(mails: list[dict[str, str]]) -> list[dict[str, Any]]:
        done = subprocess.run(
            ["node", str(HERE / "lint.mjs")],
            input=json.dumps(mails),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    return run
