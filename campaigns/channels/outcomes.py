"""What a channel is given, what it answers, and how a provider's words become safe to store.

Knows no protocol and no provider.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

MayContinue: TypeAlias = Callable[[], bool]
"""Asked before each hand-over. False: hand over nothing more, finish what is handed over, return."""


class Turns(Protocol):
    """When messages may go, asked without waiting: a channel does other work until a turn has come."""

    def wait(self) -> float:
        """Return the seconds until it is worth asking again; 0 or less: the next message may go now."""

    def take(self) -> None:
        """Use the turn that `wait` has just said is there."""


class AtOnce:
    """The turns of a caller who sets no rate."""

    def wait(self) -> float:
        return 0.0

    def take(self) -> None:
        return


class Kind(StrEnum):
    """What an outcome means for the delivery, the step and the channel."""

    ACCEPTED = "accepted"
    RECIPIENT = "recipient"  # final for this address
    MESSAGE = "message"  # the content is refused: stop the step
    POLICY = "policy"  # policy or configuration: the circuit opens, no attempt is used
    TRANSIENT = "transient"  # not accepted, no doubt: back off
    DOUBTFUL = "doubtful"  # handed over, no answer: it may have gone out


@dataclass(frozen=True, slots=True)
class Email:
    """One finished mail for one recipient. `sender` is the envelope sender, '' the null return path.

    `plain_lines`: all of its lines end with CRLF and none begins with a dot, so it goes on the wire as it is.
    """

    key: int
    sender: str
    recipient: str
    data: bytes
    plain_lines: bool = False


@dataclass(frozen=True, slots=True)
class Sms:
    """One finished text. `to` is E.164; an empty `status_callback` asks for none; validity is in seconds.

    An empty `sender` is the channel's own.
    """

    key: int
    to: str
    body: str
    status_callback: str
    validity_seconds: int
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one message. A message without an outcome was not handed over: release it.

    `code` is the provider's ("250", "550 5.1.1", "21610") or ''; `detail` is safe to store and '' for a plain
    yes; `provider_ref` is Twilio's sid or the mail server's queue id; `retry_after` is the least wait in
    seconds before another try, None where the caller's own back-off decides. `recognised` False: a refusal
    with a code of no known meaning, final for this one but no proof of a bad address. Do not suppress on it,
    and count it towards the circuit (several in a row are the provider's fault, not the people's).
    """

    key: int
    kind: Kind
    code: str = ""
    detail: str = ""
    provider_ref: str = ""
    retry_after: float | None = None
    recognised: bool = True


class ChannelDown(Exception):
    """The channel could not be opened; no message was tried since the last outcome, release the rest.

    `kind` is TRANSIENT (network, a server that is busy) or POLICY (a person must change something).
    """

    def __init__(self, kind: Kind, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({code})" if code else detail)
        self.kind = kind
        self.code = code
        self.detail = detail


_ADDRESS = re.compile(r"<?[^\s<>@,;:\"']+(?:@|%40)[^\s<>@,;:\"']+>?")
_NUMBER = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){6,}")
_LONGEST_DETAIL = 200


def _without(secret: str, words: str) -> str:
    """Every recipient is another pattern, and making one costs more than all else of a report: it is seldom needed."""
    if secret.isascii() and words.isascii() and secret.lower() not in words.lower():
        return words
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "[address]", words, flags=re.IGNORECASE)


def scrub(words: str, *private: str) -> str:
    """Return a provider's words as one short printable line without addresses and numbers.

    `private` are further words to hide: the recipient, the local part ("User jo.bloggs unknown"), a login.
    """
    for secret in filter(None, private):
        words = _without(secret, words)
    # Only where there is a sign of one: the search takes the square of the longest word.
    if "@" in words or "%40" in words:
        words = _ADDRESS.sub("[address]", words)
    words = _NUMBER.sub("[number]", words)
    if not words.isprintable():
        words = "".join(char if char.isprintable() else " " for char in words)
    return " ".join(words.split())[:_LONGEST_DETAIL]
