"""Takes the pictures of every email of the library into docs/gallery, with a page that shows all: `make gallery`.

Those of the pages are taken before it by `gallery_pages.py` and `gallery_organiser.py`, which need a database.

docs/gallery/judged.toml says of each message, in one line, what was judged in its pictures and changed.
"""

from __future__ import annotations

import base64
import math
import os
import shutil
import sys
import tomllib
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SHOTS = (
    ("longest", 360, "light"),
    ("longest", 640, "dark"),
    ("oddest", 360, "dark"),
    ("oddest", 640, "light"),
)

sys.path.insert(0, str(ROOT / "tests"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django  # noqa: E402 - the path comes first
from browser import gallery_index  # noqa: E402
from browser.gallery_index import FOLDER  # noqa: E402

django.setup()

import mails  # noqa: E402 - Django first


def main() -> None:
    """Takes all pictures anew and writes the page."""
    judged = tomllib.loads((FOLDER / "judged.toml").read_text(encoding="utf-8"))
    shutil.rmtree(FOLDER / "emails", ignore_errors=True)
    (FOLDER / "emails").mkdir(parents=True)
    names = sorted({mail.message for mail in mails.emails()})
    if wrong := set(names) ^ judged.keys():
        sys.exit(
            f"docs/gallery/judged.toml and the library differ in {', '.join(sorted(wrong))}: write a line for each."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for who, width, scheme in SHOTS:
            page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 640})
            for mail in mails.emails():
                if mail.who == who:
                    page.set_content(mail.html)
                    picture(page, FOLDER / "emails" / f"{mail.message}-{width}-{scheme}.webp")
            page.close()
        browser.close()
    write_index(judged)


def picture(page: Page, file: Path, *, tallest: float = math.inf) -> None:
    """The page, or its upper part, as WebP: a third of a PNG's size; Playwright itself knows only PNG and JPEG."""
    session = page.context.new_cdp_session(page)
    size = session.send("Page.getLayoutMetrics")["cssContentSize"]
    if tallest < math.inf:  # what is below the window of a phone or a frame is drawn only once it is in view
        page.set_viewport_size({"width": int(size["width"]), "height": int(min(size["height"], tallest))})
        page.wait_for_load_state("networkidle")
    taken = session.send(
        "Page.captureScreenshot",
        {
            "format": "webp",
            "quality": 30,
            "captureBeyondViewport": True,
            "clip": {
                "x": 0,
                "y": 0,
                "width": size["width"],
                "height": min(size["height"], tallest),
                "scale": 1,
            },
        },
    )
    file.write_bytes(base64.b64decode(taken["data"]))


def write_index(judged: dict[str, str]) -> None:
    """The page of all pictures that are there."""
    subjects = {mail.message: mail.subject for mail in reversed(list(mails.emails()))}
    gallery_index.write((name, subjects[name], judged[name]) for name in sorted(subjects))


if __name__ == "__main__":
    main()
