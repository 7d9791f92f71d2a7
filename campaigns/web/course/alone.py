"""The picture by itself, as a file for a README or a slide: its colours are inside it."""

import re
from pathlib import Path
from typing import Literal

from campaigns.web.course.drawing import drawing
from campaigns.web.course.stations import Course

STATIC = Path(__file__).parents[3] / "templates" / "static"

_ROOT = re.compile(r":root \{(.*?)\}", re.DOTALL)
_VALUE = re.compile(r"(--[a-z-]+): ([^;]+);")


def alone(course: Course, scheme: Literal["light", "dark"]) -> str:
    """The picture on its own ground as an SVG document."""
    values = _values(scheme)
    style = (STATIC / "course.css").read_text(encoding="utf-8")
    style = re.sub(r"var\((--[a-z-]+)\)", lambda name: values[name[1]], style)
    head, rest = drawing(course).split(">", 1)
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    ground = f'<rect width="100%" height="100%" rx="10" fill="{values["--card"]}"/>'
    return f"{head}><style>{style}</style>{ground}{rest}\n"


def _values(scheme: Literal["light", "dark"]) -> dict[str, str]:
    """The custom properties of base.css; what dark does not change stays as in light."""
    light, dark = _ROOT.findall((STATIC / "base.css").read_text(encoding="utf-8"))[:2]
    found = dict(_VALUE.findall(light))
    return found | dict(_VALUE.findall(dark)) if scheme == "dark" else found
