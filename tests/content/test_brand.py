"""An event's own colour must carry white text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.content import Brand, ContentError
from campaigns.content.brand import contrast_with_white


def channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))


@given(st.integers(0, 0xFFFFFF))
def test_the_band_always_carries_white_text(colour: int) -> None:
    assert contrast_with_white(channels(Brand(f"#{colour:06X}").band)) >= 4.5


def test_a_colour_dark_enough_is_kept() -> None:
    assert Brand("#14573D").band == "#14573D"


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast_with_white([0, 0, 0]) == pytest.approx(21)
    assert contrast_with_white([0x14, 0x57, 0x3D]) == pytest.approx(8.5, abs=0.05)
    assert contrast_with_white([0x77, 0x77, 0x77]) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colour", ["red", "#FFF", "#12345G", "#123456;x", "#123456\n", ""])
def test_anything_but_six_hex_digits_is_refused(colour: str) -> None:
    with pytest.raises(ContentError, match="six hex digits"):
        Brand(colour)


@pytest.mark.parametrize(
    "logo",
    [
        "http://a.example/x.png",
        "javascript:alert(1)",
        "https://a.example/x y",
        'https://a"onerror=x',
        "x.png",
    ],
)
def test_a_logo_that_is_no_web_address_is_refused(logo: str) -> None:
    with pytest.raises(ContentError, match="logo"):
        Brand(logo=logo)
