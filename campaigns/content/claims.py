"""Whether a message says what its claims say, and carries the red flags of what it speaks of. Knows no templates."""

from __future__ import annotations

import re

from campaigns.content.errors import ContentError, Source
from campaigns.content.front_matter import FrontMatter

_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_MARKS = re.compile(r"[*_]+|^#+ |^[-\d.]+ ", re.MULTILINE)
_BACKS = re.compile(r"\b(back (pain|ache)|(sore|stiff|your) backs?)\b", re.IGNORECASE)


def check(front: FrontMatter, body: Source, *, needs_red_flags: bool = True) -> None:
    """Raise ContentError when a claim is not in the message any more, or back advice lacks its red flags.

    A text has no room for red flags; its link leads to them.
    """
    words = _plain(body.text)
    for claim in front.claims:
        if _plain(claim.says) not in words:
            raise ContentError(
                f'the message no longer says "{claim.says}"; change the claim in the head, or take it out',
                template=body.template,
            )
    if needs_red_flags and front.health and front.safety != "back" and _BACKS.search(words):
        raise ContentError(
            "advice about the back needs safety: back in the head, and ::: get-help at its end",
            template=body.template,
        )


def _plain(markdown: str) -> str:
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", markdown)).split())
