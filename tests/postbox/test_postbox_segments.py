"""Segments as phones and bills count them."""

import pytest

from postbox.segments import count_segments


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("x" * 152 + "€" + "x" * 152, 3),  # the pair does not fit behind 152 and moves on whole
        ("’" * 70, 1),
        ("’" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
        ("x" * 66 + "🙂" + "x" * 66, 3),
        ("é" * 160, 1),
        ("ê" * 71, 2),
        ("ç" * 71, 2),
        ("Ç" * 160, 1),
    ],
)
def test_counts(body, segments):
    assert count_segments(body) == segments
