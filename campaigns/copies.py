"""The words of a step for the people behind its event, as an invented entrant would read them. It names no runner."""

from __future__ import annotations

from campaigns import seen
from campaigns.models import Step
from campaigns.preview import PreviewError


def words_of(step: Step) -> str:
    """What the step says: a mail's subject and text part, or a text; "" where it needs facts that nobody invented."""
    if step.version is None:
        return ""
    try:
        shown = seen.words(seen.at_step(step.version, step, None))
    except PreviewError:
        return ""
    return "\n\n".join(filter(None, (shown.get("subject"), shown["text"].replace("\r\n", "\n").strip())))
