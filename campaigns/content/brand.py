"""The event's own colour, made safe for white text. Knows nothing of messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaigns.content.errors import ContentError

PINE = "#14573D"
_READABLE = (
    4.55  # with white, so that the near-white of the emails has 4.5; WCAG 2.2, success criterion 1.4.3
)


@dataclass(frozen=True)
class Brand:
    """What an event may choose about the look of its messages: one colour, as #RRGGBB, and the address of a logo.

    The logo is fetched by the reader's mail program alone, and is the same address for everyone.
    """

    colour: str = PINE
    logo: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", self.colour):
            raise ContentError("the event's colour must be written as # and six hex digits, such as #14573D")
        if self.logo and not re.fullmatch(r"https://[^\s\"'<>]{1,500}", self.logo):
            raise ContentError("the event's logo must be a web address that starts with https://")

    @property
    def band(self) -> str:
        """The colour as it is printed: darkened until white text on it reaches a contrast of 4.5."""
        channels = [int(self.colour[i : i + 2], 16) for i in (1, 3, 5)]
        shade = channels
        for percent in range(100, 0, -1):
            shade = [channel * percent // 100 for channel in channels]
            if contrast_with_white(shade) >= _READABLE:
                break
        return "#" + "".join(f"{channel:02X}" for channel in shade)


def contrast_with_white(channels: list[int]) -> float:
    """Contrast ratio of white on this sRGB colour, channels 0-255 (WCAG 2.2, "contrast ratio")."""
    red, green, blue = (_linear(channel / 255) for channel in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
