"""Phone numbers that Twilio would refuse, marked by a test or a person."""

import re
from enum import StrEnum

E164 = re.compile(r"\+[1-9]\d{6,14}\Z")


class Mark(StrEnum):
    """Why a number takes no texts."""

    BAD = "bad"
    LANDLINE = "landline"
    STOPPED = "stopped"


class Numbers:
    """The marks now set, by number in E.164 form."""

    def __init__(self) -> None:
        self._marks: dict[str, Mark] = {}

    def mark(self, number: str, mark: str | None) -> None:
        """Set a number's mark, or lift it with None. Raises ValueError with one sentence."""
        if not E164.match(number):
            raise ValueError("A number is written in international form, as in +447700900123.")
        if mark is None:
            self._marks.pop(number, None)
            return
        if mark not in list(Mark):
            raise ValueError(f"A number can be marked {', '.join(Mark)}, or null to lift the mark.")
        self._marks[number] = Mark(mark)

    def get(self, number: str) -> Mark | None:
        """The number's mark."""
        return self._marks.get(number)

    def all(self) -> dict[str, Mark]:
        """Every marked number."""
        return dict(self._marks)

    def clear(self) -> None:
        """Lift all marks."""
        self._marks = {}
