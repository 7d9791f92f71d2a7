"""Every pair of text and ground in base.css reaches its contrast, computed from the file itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaigns.content.brand import contrast_with_white

CSS = (Path(__file__).parents[2] / "templates" / "static" / "base.css").read_text("utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9A-F]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.S)
)
SCHEMES = {"light": LIGHT, "dark": {**LIGHT, **DARK}}

TEXT, SHAPE = 4.5, 3.0
"""WCAG 2.2, success criteria 1.4.3 and 1.4.11."""

PAIRS = [
    *((text, ground, TEXT) for text in ("ink", "soft", "water", "good") for ground in ("page", "card")),
    ("ink", "good-tint", TEXT),
    ("good", "good-tint", TEXT),
    ("on-pine", "pine", TEXT),
    ("on-alarm", "alarm", TEXT),
    ("alarm", "card", SHAPE),
    ("alarm", "page", SHAPE),
    ("pine", "card", SHAPE),
    ("pine", "page", SHAPE),
    ("edge", "card", SHAPE),
    ("edge", "page", SHAPE),
]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_contrast(scheme: str, text: str, ground: str, least: float) -> None:
    colours = SCHEMES[scheme]
    assert contrast(colours[text], colours[ground]) >= least


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_focus_ring_stands_out_from_page_and_card_by_one_of_its_two_colours(scheme: str) -> None:
    colours = SCHEMES[scheme]
    for ground in ("page", "card"):
        assert max(contrast(colours[ring], colours[ground]) for ring in ("ink", "tape")) >= SHAPE


def test_components_name_colours_and_never_write_them() -> None:
    rules = CSS[CSS.rindex("--good-tint") :].split("}", 2)[2]
    assert not re.search(r"#[0-9A-Fa-f]{3}", rules)


def contrast(one: str, other: str) -> float:
    # Each is measured against white; the ratio of the two is the contrast between them.
    ratios = sorted(
        contrast_with_white([int(hexa[i : i + 2], 16) for i in (1, 3, 5)]) for hexa in (one, other)
    )
    return ratios[1] / ratios[0]
