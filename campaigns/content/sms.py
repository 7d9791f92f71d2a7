"""A text message: its source compiled once per version, then rendered for each entrant. Knows no Twilio.

The source is a YAML head (see `front_matter`) and the text itself. It may be written over several lines: as
in Markdown they become one. A text has at most one link; one that needs consent has the link that stops it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.content import claims, front_matter
from campaigns.content.email_message import refuse_too_long
from campaigns.content.errors import ContentError, Source
from campaigns.content.front_matter import FrontMatter
from campaigns.content.gsm import Segments, segments, to_gsm7
from campaigns.content.placeholders import PLACEHOLDERS
from campaigns.content.sandbox import CheckedTemplate, check, compile_template, pieces

MAX_SEGMENTS = 3  # beyond one a text is dear; beyond three, networks drop or delay parts

_WRITTEN_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_OUTPUT_NAME = re.compile(r"\{\{\s*(\w+)")


@dataclass(frozen=True)
class RenderedSms:
    """One entrant's text, what it costs, and the characters that were replaced to keep it short."""

    text: str
    segments: Segments
    replaced: tuple[str, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """What an organiser should know of this text before it goes, in sentences."""
        found = []
        if self.replaced:
            found.append(f"Written plainly, to fit the alphabet of texts: {' '.join(self.replaced)}")
        if self.segments.encoding != "GSM-7":
            found.append("It holds a character that is not in the alphabet of texts, which halves its room.")
        if self.segments.count > 1:
            found.append(f"You pay for {self.segments.count} texts each time: shorten it to one.")
        return tuple(found)


@dataclass(frozen=True)
class CompiledSms:
    """One version of a text, ready to be rendered for each entrant."""

    name: str
    front: FrontMatter
    template: CheckedTemplate

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of all placeholders this text uses."""
        return frozenset(placeholder.name for placeholder in self.template.placeholders)

    def render(self, values: Mapping[str, str]) -> str:
        """One entrant's text, on one line and in the GSM alphabet wherever that is possible.

        Raises MissingValue when a required placeholder has no value; ContentError for a bad link or over
        three segments.
        """
        return self.look(values).text

    def look(self, values: Mapping[str, str]) -> RenderedSms:
        """What `render` gives, with what a person should know of it. Raises the same."""
        plain, replaced = to_gsm7(" ".join(self.template.render(values).split()))
        # A mark that stands alone ("¸") becomes a space: beside another one only here.
        text = " ".join(plain.split())
        counted = segments(text)
        if counted.count > MAX_SEGMENTS:
            raise ContentError(
                f"the text takes {counted.count} segments and {MAX_SEGMENTS} are the most; shorten it",
                template=self.name,
            )
        return RenderedSms(text, counted, replaced)


def compile_sms(name: str, source: str) -> CompiledSms:
    """Compile a text from its source. Raises ContentError, with line and column where known."""
    refuse_too_long(name, source)
    head, body = front_matter.split(name, source)
    front = front_matter.read_text_head(head)
    used = check(body)
    _refuse_wrong_links(body, front, used)
    claims.check(front, body, needs_red_flags=False)
    return CompiledSms(name, front, compile_template(name, body.text, html=False))


def _refuse_wrong_links(body: Source, front: FrontMatter, used: frozenset[str]) -> None:
    if not body.text.strip():
        raise body.error("the text is empty")
    if _count_links(body) > 1:
        raise body.error("a text has room for one link; keep the most useful one")
    if front.purpose != "service" and "stop_url" not in used:
        raise body.error("a text that is not a service message needs {{ stop_url }}, the link that stops it")


def _count_links(body: Source) -> int:
    outputs = [_OUTPUT_NAME.match(piece.text) for piece in pieces(body) if piece.kind == "output"]
    filled = sum(1 for match in outputs if match and PLACEHOLDERS[match[1]].kind == "url")
    return filled + len(_WRITTEN_LINK.findall(body.text))
