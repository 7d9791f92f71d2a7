"""What a message's source tells without being compiled: what its head says, and which open words it uses."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.content import front_matter
from campaigns.content.front_matter import FrontMatter
from campaigns.content.sandbox import check


@dataclass(frozen=True)
class Outline:
    """The head of a message, and the names of the placeholders in its own words; its layout may use more."""

    front: FrontMatter
    placeholders: frozenset[str]


def outline(name: str, source: str, *, is_email: bool) -> Outline:
    """Read a source as far as it goes without its layout. Raises ContentError, with line and column where known."""
    head, body = front_matter.split(name, source)
    front = front_matter.read_email_head(head) if is_email else front_matter.read_text_head(head)
    used = [check(part) for part in (front.subject, front.preheader, body)]
    return Outline(front, frozenset().union(*used))
