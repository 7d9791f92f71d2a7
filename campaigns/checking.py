"""One thing that has to be right, and how it stands."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`wrong` must be mended before anything is sent; `look` wants a person's eye; `good` is good."""

    GOOD = "good"
    LOOK = "look"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is a fixed word for scripts; `words` say how it stands, `cure` what to do where it is not good."""

    name: str
    state: State
    words: str
    cure: str = ""


def good(name: str, words: str) -> Check:
    return Check(name, State.GOOD, words)


def look(name: str, words: str, cure: str) -> Check:
    return Check(name, State.LOOK, words, cure)


def wrong(name: str, words: str, cure: str) -> Check:
    return Check(name, State.WRONG, words, cure)
