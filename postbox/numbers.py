"""Phone numbers that take no texts, marked by a test or a person: Twilio refuses some, and cannot deliver to others."""

import re
from enum import StrEnum

E164 = re.compile(r"\+[1-9]\d{6,14}\Z")


CODE = re.compile(r"[1-9]\d{4}\Z")
"""An error code of Twilio's: https://www.twilio.com/docs/api/errors."""


class Mark(StrEnum):
    """Why a number's texts are refused."""

    BAD = "bad"
    LANDLINE = "landline"
    STOPPED = "stopped"


class Numbers:
    """The marks now set, by number in E.164 form."""

    def __init__(self) -> None:
        self._marks: dict[str, Mark | str] = {}

    def mark(self, number: str, mark: str | None) -> None:
        """Set a number's mark, or lift it with None. Raises ValueError with one sentence."""
        if not E164.match(number):
            raise ValueError("A number is written in international form, as in +447700900123.")
        if mark is None:
            self._marks.pop(number, None)
            return
        if mark not in list(Mark) and not CODE.match(mark):
            raise ValueError(
                f"A number can be marked {', '.join(Mark)}, with the error code of what is not delivered to it, as in "
                '"30003", or null to lift the mark.'
            )
        self._marks[number] = Mark(mark) if mark in list(Mark) else mark

    def get(self, number: str) -> Mark | None:
        """Why texts to the number are refused."""
        mark = self._marks.get(number)
        return mark if isinstance(mark, Mark) else None

    def undelivered(self, number: str) -> int | None:
        """The error code with which texts to the number are taken and then not delivered."""
        mark = self._marks.get(number)
        return None if mark is None or isinstance(mark, Mark) else int(mark)

    def all(self) -> dict[str, Mark | str]:
        """Every marked number."""
        return dict(self._marks)

    def clear(self) -> None:
        """Lift all marks."""
        self._marks = {}
