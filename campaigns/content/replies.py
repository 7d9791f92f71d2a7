"""Whether a text may ask to be answered: nobody can answer a name, and Twilio tells nobody that they tried. Pure."""

import re

_NUMBER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|MG[0-9a-fA-F]{32}")
"""A number, a short code, or a messaging service, whose senders are not known here."""

_INVITES = re.compile(
    r"\b(?:repl(?:y|ies|ying)|answer this|text (?:us|back|stop|start|help|yes|no)|(?:send|text) \"?(?:STOP|HELP|YES)\b|"
    r"respond (?:to this|with))",
    re.IGNORECASE,
)


def problem(sender: str, words: str) -> str:
    """What is wrong with a text's words for this sender, as a part of a sentence; empty when nothing is."""
    found = _INVITES.search(words)
    if not sender or _NUMBER.fullmatch(sender) or found is None:
        return ""
    return (
        f"it says “{found[0]}”, and nobody can answer a text from the name {sender}: "
        "take it out, or send from a number"
    )
