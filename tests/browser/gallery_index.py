"""The page of docs/gallery that shows all pictures; it knows their files and not how they were taken."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "gallery"
DESK_FROM = 600
"""Pixels: from this width on a picture is of a desk."""

HEAD = """<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Aid Station in pictures</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1360px; margin: 24px auto; padding: 0 16px }
nav ul { padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 4px 24px }
.which { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: 4px 24px; padding: 8px 0; background: Canvas }
.which fieldset { border: 0; margin: 0; padding: 0 }
legend { float: left; padding-right: 8px; font-weight: 600 }
h3 { margin: 32px 0 8px; scroll-margin-top: 64px }
figure { display: inline-block; margin: 0 12px 12px 0; vertical-align: top; max-width: 100% }
figcaption { font-size: 14px }
img { max-width: 100%; border: 1px solid #74857A; border-radius: 6px }
summary { cursor: pointer }
body:has(#light:checked) .dark, body:has(#dark:checked) .light,
body:has(#phone:checked) .desk, body:has(#desk:checked) .phone { display: none }
</style></head><body>
<h1>Aid Station in pictures</h1>
<p>Made by <code>make gallery</code>; a picture opens in full size when it is pressed.</p>
"""


@dataclass(frozen=True)
class Shown:
    """One picture, read from its file's name: what-1280-light.webp."""

    file: Path

    @property
    def what(self) -> str:
        return self.file.stem.rsplit("-", 2)[0]

    @property
    def width(self) -> int:
        return int(self.file.stem.rsplit("-", 2)[1])

    @property
    def scheme(self) -> str:
        return self.file.stem.rsplit("-", 2)[2]

    def figure(self) -> str:
        """The picture at half its size, under words for who cannot see it."""
        kind = "desk" if self.width >= DESK_FROM else "phone"
        source = self.file.relative_to(FOLDER).as_posix()
        said = f"{self.width} px, {self.scheme}"
        return (
            f'<figure class="{kind} {self.scheme}"><a href="{source}"><img src="{source}" '
            f'alt="{html.escape(self.what)}, {said}" loading="lazy" width="{self.width // 2}"></a>'
            f"<figcaption>{said}</figcaption></figure>\n"
        )


def write(mails: Iterable[tuple[str, str, str]]) -> None:
    """Writes the page; `mails` are name, subject and what was judged of each, in their order."""
    organiser, pages = _of("organiser"), _of("pages")
    ways = "".join(f'<li><a href="#{what}">{_title(what)}</a></li>\n' for what in organiser)
    parts = [
        HEAD, _choices(), '<h2 id="organisers">What organisers see</h2>\n<nav><ul>', ways, "</ul></nav>\n",
        *(_section(what, found) for what, found in organiser.items()),
        '<h2 id="runners">What runners read</h2>\n<p>Each email for the entrants with the longest and the oddest first '
        "name of the sample lists; the line under each heading says what was judged and changed.</p>\n",
        *_mails(mails),
        '<h2 id="own">The entrant\'s own pages</h2>\n',
        *(_section(what, found) for what, found in pages.items()),
    ]  # fmt: skip
    (FOLDER / "index.html").write_text("".join(parts) + "</body></html>\n", encoding="utf-8")


CHOICES = (
    ("Width", (("both-widths", "both"), ("desk", "desk"), ("phone", "phone"))),
    ("Scheme", (("both-schemes", "both"), ("light", "light"), ("dark", "dark"))),
)
WAYS = '<a href="#organisers">Organisers</a> <a href="#runners">Emails</a> <a href="#own">Entrants</a>'


def _choices() -> str:
    """Which of the pictures to show; it works without a script."""
    sets = "".join(f"<fieldset><legend>{name}</legend>{_radios(name, of)}</fieldset>" for name, of in CHOICES)
    return f'<div class="which">{sets}{WAYS}</div>\n'


def _radios(name: str, choices: tuple[tuple[str, str], ...]) -> str:
    return "".join(
        f'<label><input type="radio" name="{name}" id="{word}"{"" if at else " checked"}> {said}</label> '
        for at, (word, said) in enumerate(choices)
    )


def _of(folder: str) -> dict[str, list[Shown]]:
    """The pictures of a folder by what they show, wide ones first."""
    found = sorted((Shown(file) for file in (FOLDER / folder).glob("*.webp")), key=lambda one: one.what)
    return {
        what: sorted(each, key=lambda one: (-one.width, one.scheme == "dark"))
        for what, each in groupby(found, lambda one: one.what)
    }


def _title(what: str) -> str:
    """ "03-course" is "Course"."""
    return html.escape(what.lstrip("0123456789-").replace("-", " ").capitalize())


def _section(what: str, found: list[Shown]) -> str:
    return f'<h3 id="{what}">{_title(what)}</h3>\n{"".join(one.figure() for one in found)}'


def _mails(mails: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    pictures = _of("emails")
    for name, subject, judged in mails:
        figures = "".join(one.figure() for one in pictures.get(name, []))
        yield (
            f"<h3>{html.escape(subject)}</h3>\n<p>{html.escape(name)}: {html.escape(judged)}</p>\n"
            f"<details><summary>Pictures</summary>\n{figures}</details>\n"
        )
