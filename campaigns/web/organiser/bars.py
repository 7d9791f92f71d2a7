"""One bar of a chart as SVG, to stand beside the figures that it draws. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

GAP = 0.4
"""Between two parts, so that they are told apart without their colours."""


def bar(parts: Sequence[tuple[str, int]], most: int) -> Markup:
    """A bar of these parts (name of its class, how many); `most` would fill the whole width.

    It is hidden from screen readers: the figures stand in the same row.
    """
    drawn, at = "", 0.0
    for name, number in parts:
        width = 100 * number / most if most else 0.0
        if number:
            drawn += f'<rect class="part-{name}" x="{at:.2f}" y="0" width="{max(0.3, width - GAP):.2f}" height="10"/>'
        at += width
    return Markup(  # noqa: S704 - numbers and names of our own classes
        f'<svg class="bar-of" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    )
