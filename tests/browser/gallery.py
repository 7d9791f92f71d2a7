"""Takes the pictures of every email of the library into docs/gallery, with a page that shows them: `make gallery`.

Those of the entrant's pages are taken before it by `gallery_pages.py`, which needs a database.

docs/gallery/judged.toml says of each message, in one line, what was judged in its pictures and changed.
"""

from __future__ import annotations

import base64
import html
import os
import shutil
import sys
import tomllib
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "gallery"
SHOTS = (
    ("longest", 360, "light"),
    ("longest", 640, "dark"),
    ("oddest", 360, "dark"),
    ("oddest", 640, "light"),
)

sys.path.insert(0, str(ROOT / "tests"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django  # noqa: E402 - the path comes first

django.setup()

import mails  # noqa: E402 - Django first

HEAD = """<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>The messages of Run Reigate</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 24px auto; padding: 0 16px }
figure { display: inline-block; margin: 0 12px 12px 0; vertical-align: top; max-width: 100% }
figcaption { font-size: 14px }
img { max-width: 100%; border: 1px solid #74857A; border-radius: 6px }
summary { cursor: pointer }
</style></head><body>
<h1>The messages of Run Reigate</h1>
<p>Each email for the entrants with the longest and the oddest first name of the sample lists, on a phone and on a desk,
light and dark. Made by <code>make gallery</code>; the line under each heading says what was judged and changed.</p>
"""


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
    (FOLDER / "index.html").write_text(_page(names, judged), encoding="utf-8")


def picture(page: Page, file: Path) -> None:
    """The whole page as WebP, a third of a PNG's size; Playwright itself knows only PNG and JPEG."""
    session = page.context.new_cdp_session(page)
    size = session.send("Page.getLayoutMetrics")["cssContentSize"]
    taken = session.send(
        "Page.captureScreenshot",
        {
            "format": "webp",
            "quality": 30,
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
        },
    )
    file.write_bytes(base64.b64decode(taken["data"]))


def _page(names: list[str], judged: dict[str, str]) -> str:
    mails = "".join(_section(name, judged[name]) for name in names)
    return f"{HEAD}{mails}{_entrants_pages()}</body></html>\n"


def _entrants_pages() -> str:
    """The section of the pictures that `gallery_pages.py` has taken."""
    files = sorted((FOLDER / "pages").glob("*.webp"))
    figures = "".join(
        f'<figure><img src="pages/{file.name}" alt="{file.stem}" loading="lazy" width="195">'
        f"<figcaption>{file.stem.replace('-', ' ')}</figcaption></figure>\n"
        for file in files
    )
    return f"<h2>The entrant's own pages</h2>\n<details><summary>Pictures</summary>\n{figures}</details>\n"


def _section(name: str, line: str) -> str:
    shown = next(mail for mail in mails.emails() if mail.message == name)
    figures = "".join(_figure(name, *shot) for shot in SHOTS)
    return (
        f"<h2>{html.escape(shown.subject)}</h2>\n<p>{html.escape(name)}: {html.escape(line)}</p>\n"
        f"<details><summary>Pictures</summary>\n{figures}</details>\n"
    )


def _figure(name: str, who: str, width: int, scheme: str) -> str:
    file, said = f"emails/{name}-{width}-{scheme}.webp", f"{who} name, {width} px, {scheme}"
    alt = html.escape(f"{name}, {said}")
    return (
        f'<figure><img src="{file}" alt="{alt}" loading="lazy" width="{width // 2}">'
        f"<figcaption>{said}</figcaption></figure>\n"
    )


if __name__ == "__main__":
    main()
