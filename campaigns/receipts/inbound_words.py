"""What a text that somebody wrote to us asks for, by its words alone. Pure.

Twilio's own block acts on these words alone in a text
(https://help.twilio.com/articles/223134027); people also write "Stop please".
"""

import re

from campaigns.models.receipts import InboundKind

STOPS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
STARTS = frozenset({"start", "yes", "unstop"})
HELPS = frozenset({"help", "info"})

_POLITE = frozenset({"please", "pls", "plz", "thanks", "thank", "you", "now", "hi", "hello"})
_ABOUT_TEXTS = _POLITE | frozenset(
    {
        "all",
        "me",
        "my",
        "these",
        "this",
        "the",
        "from",
        "to",
        "us",
        "it",
        "any",
        "more",
        "want",
        "i",
        "sending",
    }
    | {"text", "texts", "texting", "message", "messages", "messaging", "sms"}
)
_PLAIN_STOPS = frozenset({"stop", "stopall", "unsubscribe", "optout"})

_URGENT = re.compile(
    r"\b(?:chest|collaps\w*|999|112|ambulance|unconscious|breath\w*|faint\w*|passed out|seizure|stroke|"
    r"heart attack|dying|help me|emergency)\b"
)


def kind_of(body: str, opt_out_type: str = "") -> InboundKind:
    """What the text asks for; `opt_out_type` is what Twilio's Advanced Opt-Out made of it, '' without."""
    if opt_out_type.lower() in ("stop", "start", "help"):
        return InboundKind(opt_out_type.lower())
    words = _words(body)
    asked = [word for word in words if word not in _POLITE]
    if len(asked) == 1:
        for kind, known in (
            (InboundKind.STOP, STOPS),
            (InboundKind.START, STARTS),
            (InboundKind.HELP, HELPS),
        ):
            if asked[0] in known:
                return kind
    rest = {word for word in words if word not in _ABOUT_TEXTS}
    return InboundKind.STOP if rest and rest <= _PLAIN_STOPS else InboundKind.TEXT


def is_urgent(body: str) -> bool:
    """Whether the text speaks of what a life may hang on."""
    return bool(_URGENT.search(" ".join(_words(body))))


def twilio_answers(body: str, opt_out_type: str) -> bool:
    """Whether Twilio acts on the text and answers it itself, so that ours would be a second answer."""
    return bool(opt_out_type) or body.strip().lower() in STOPS | STARTS


def _words(body: str) -> list[str]:
    joined = re.sub(r"\bopt[ -]?out\b", "optout", body.lower().replace("’", "'"))
    return re.findall(r"[\w']+", joined)
