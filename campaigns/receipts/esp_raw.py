"""What is kept of a mail provider's event: its facts and the receiving server's words, and nobody's name. Pure.

Providers add fields without notice, and put names, subjects and addresses into many: only fields known to hold none are
kept, and addresses and numbers are taken out of the words.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from campaigns.channels.outcomes import scrub

KEPT = frozenset(
    {
        *("event", "eventtype", "recordtype", "type", "typecode", "kind", "severity", "loglevel"),
        *("reason", "bouncetype", "bouncesubtype", "bounceclass", "bounceclassification", "subtype"),
        *("status", "statuscode", "code", "enhancedcode", "errorcode", "errorrelatedto", "error", "action"),
        *("diagnosticcode", "smtpresponse", "response", "rawreason", "diag", "details", "description"),
        *("message", "smtpreply", "reportingmta", "remotemta", "mxhost", "sendingip", "attemptno", "attempt"),
        *("processingtimemillis", "complaintfeedbacktype", "complaintsubtype", "feedbackid", "delaytype"),
        *("timestamp", "ts", "bouncedat", "deliveredat", "receivedat", "date", "inactive", "canactivate"),
        *("id", "eventid", "sgeventid", "messageid", "messagestream", "serverid"),
    }
)
"""By the last name in the path, in small letters and figures alone."""

MOST = 40
"""Facts of one event."""

_DEEPEST = 6


def kept(event: object, recipient: str) -> dict[str, str]:
    """The facts of an event, each by its path: "bounce.bounceType". `recipient` is taken out of all words."""
    private = (recipient, recipient.partition("@")[0])
    found: dict[str, str] = {}
    for path, value in _facts(event, "", 0):
        if len(found) == MOST:
            break
        if words := scrub(value.replace("\0", ""), *private):
            found[path[:80]] = words
    return found


def _facts(value: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _facts(inner, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value[:MOST]):
            yield from _facts(inner, f"{path}.{number}", depth + 1)
    elif isinstance(value, str | int | float | bool) and _is_kept(path):
        yield path, str(value)


@lru_cache(maxsize=1024)
def _is_kept(path: str) -> bool:
    """A mail's own headers and whom it went to are never kept, whatever stands in them.

    Remembered, for a provider's reports all have the same few fields.
    """
    names = [_plain(name) for name in path.split(".")]
    return names[-1] in KEPT and not {"headers", "commonheaders", "metadata", "uservariables"} & set(names)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
