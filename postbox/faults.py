"""Faults the postbox plays on purpose: what goes wrong, at which stage, how often, for whom.

Decides only which fault is due; the SMTP and the Twilio side carry it out.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

Channel = Literal["smtp", "twilio"]

# "no_recipients" is DATA when no recipient was taken, "between" the moment just after a message's 250
_CONNECTION = frozenset(("greeting", "ehlo", "starttls", "auth", "quit"))
_TRANSACTION = frozenset(("mail", "rcpt", "data", "no_recipients", "dot", "between"))
STAGES: dict[str, frozenset[str]] = {
    "smtp": _CONNECTION | _TRANSACTION,
    "twilio": frozenset(("create", "fetch", "list")),
}
KINDS: dict[str, frozenset[str]] = {
    "smtp": frozenset(("refuse", "close", "hang", "slow", "split", "merge", "go_ahead")),
    "twilio": frozenset(("refuse", "close", "hang", "slow", "lag")),
}
_CHANGE_ONLY_THE_ANSWER = frozenset(("slow", "split", "merge", "lag"))
_ONLY_STAGE = {"go_ahead": "no_recipients", "lag": "list"}
_ANY_STAGE = frozenset(("split", "merge"))
_CODES = {"smtp": range(200, 600), "twilio": range(400, 600)}


@dataclass
class Fault:
    """One thing that goes wrong.

    kind: refuse (answer `code` and `text`; an SMTP 421 also closes) · close (no answer, connection closed)
    · hang (no answer, ever) · slow (answer after `seconds`) · split (answer byte by byte, `seconds` apart)
    · merge (answer held for the next one, at most `seconds`) · go_ahead (354 though every recipient was
    refused; `code` is the answer to the dot) · lag (Twilio's list lacks texts younger than `seconds`).
    `kept`: with refuse, close and hang, the message is accepted all the same.
    `error`: Twilio's error code. `match`: only for recipients like this, `*` stands for anything.
    `after`: let so many pass first. `count`: play so often, None always.
    """

    channel: Channel
    kind: str
    stage: str | None = None
    code: int | None = None
    error: int | None = None
    text: str = "Refused by Postbox"
    seconds: float = 0.0
    kept: bool = False
    match: str | None = None
    count: int | None = None
    after: int = 0
    passed: int = 0
    played: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS.get(self.channel, ()):
            raise ValueError(f"There is no fault {self.channel} {self.kind}: {_choices(KINDS)}.")
        self.stage = _ONLY_STAGE.get(self.kind, self.stage)
        if self.stage is None and self.channel == "twilio":
            self.stage = "create"
        self._check_stage()
        self._check_numbers()

    def _check_stage(self) -> None:
        if self.stage is None and self.kind in _ANY_STAGE:
            return
        if self.stage not in STAGES[self.channel]:
            raise ValueError(f"A {self.channel} {self.kind} fault needs a stage: {_choices(STAGES)}.")
        if self.stage == "between" and self.changes_only_the_answer:
            raise ValueError(
                "Nothing is answered between two messages: only refuse, close or hang fit there."
            )

    def _check_numbers(self) -> None:
        codes = _CODES[self.channel]
        if (self.code is None and self.kind == "refuse") or (
            self.code is not None and self.code not in codes
        ):
            raise ValueError(f"A {self.kind} fault needs a code from {codes[0]} to {codes[-1]}.")
        if self.seconds < 0 or self.after < 0 or (self.count is not None and self.count < 1):
            raise ValueError("A fault's seconds and after are 0 or more, its count is 1 or more or null.")

    @property
    def changes_only_the_answer(self) -> bool:
        """True for faults that leave the deed as it is; several of them may play at once."""
        return self.kind in _CHANGE_ONLY_THE_ANSWER

    @property
    def is_spent(self) -> bool:
        """Whether it has been played as often as asked."""
        return self.count is not None and self.played >= self.count

    def is_about(self, channel: Channel, stage: str, recipients: Iterable[str]) -> bool:
        """Whether it belongs to this stage and to one of these recipients."""
        if self.channel != channel or self.is_spent:
            return False
        if self.stage != stage and (self.stage is not None or stage == "between"):
            return False
        if self.match is None:
            return True
        pattern = self.match.lower()
        return any(fnmatchcase(recipient.lower(), pattern) for recipient in recipients)

    def play(self) -> bool:
        """Count this occasion; True when the fault is due on it."""
        if self.passed < self.after:
            self.passed += 1
            return False
        self.played += 1
        return True


@dataclass(frozen=True)
class Due:
    """What to play now: at most one fault that changes the deed, and any that change only the answer."""

    deed: Fault | None = None
    answer: tuple[Fault, ...] = ()

    def seconds(self, kind: str) -> float | None:
        """Longest `seconds` among answer faults of that kind, None when there is none."""
        return max((fault.seconds for fault in self.answer if fault.kind == kind), default=None)


NOTHING = Due()


class Faults:
    """The faults now set. Any thread may add and clear; only the server's thread takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: tuple[Fault, ...] = ()

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        """How many may still play."""
        return sum(not fault.is_spent for fault in self._faults)

    def add(self, channel: Channel, kind: str, stage: str | None = None, **options: Any) -> Fault:
        """Set a fault; the options are Fault's fields. Raises ValueError with one sentence."""
        return self.put(read_fault({"channel": channel, "kind": kind, "stage": stage, **options}))

    def put(self, fault: Fault) -> Fault:
        """Set a fault made elsewhere; its `played` tells how often it has been played."""
        with self._lock:
            self._faults = (*self._faults, fault)
        return fault

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._faults = ()

    def take(self, channel: Channel, stage: str, recipients: Iterable[str] = ()) -> Due:
        """What is due at this stage; of faults that change the deed the one added first."""
        if not self._faults:
            return NOTHING
        deed, answer = None, []
        for fault in self._faults:
            if not fault.is_about(channel, stage, recipients):
                continue
            if fault.changes_only_the_answer:
                if fault.play():
                    answer.append(fault)
            elif deed is None and fault.play():
                deed = fault
        return Due(deed, tuple(answer))


_TYPES: dict[str, tuple[type, ...]] = {
    "channel": (str,),
    "kind": (str,),
    "stage": (str, type(None)),
    "code": (int, type(None)),
    "error": (int, type(None)),
    "text": (str,),
    "seconds": (int, float),
    "kept": (bool,),
    "match": (str, type(None)),
    "count": (int, type(None)),
    "after": (int,),
}


def read_fault(data: object) -> Fault:
    """A fault from a JSON object with Fault's fields. Raises ValueError with one sentence."""
    if not isinstance(data, Mapping):
        raise ValueError("A fault is a JSON object with at least channel and kind.")
    for name, value in data.items():
        if name not in _TYPES:
            raise ValueError(f"A fault has no {name}: it may have {', '.join(_TYPES)}.")
        if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and name != "kept"):
            raise ValueError(f"A fault's {name} has the wrong type: see the Fault class.")
    if not {"channel", "kind"} <= data.keys():
        raise ValueError("A fault needs channel and kind.")
    return Fault(**data)


def _choices(table: dict[str, frozenset[str]]) -> str:
    return "; ".join(f"{channel}: {', '.join(sorted(words))}" for channel, words in table.items())
