"""The page on writing messages names everything that a message may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.content import AGE_BANDS, PLACEHOLDERS
from campaigns.content.filters import FILTERS

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(PLACEHOLDERS))
def test_each_placeholder_has_its_row(name: str) -> None:
    assert f"| `{name}` | {PLACEHOLDERS[name].meaning} |" in PAGE


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_each_filter_has_its_row(name: str) -> None:
    assert f"|{name}" in PAGE


def test_an_age_band_is_shown() -> None:
    assert AGE_BANDS[-1] in PAGE
