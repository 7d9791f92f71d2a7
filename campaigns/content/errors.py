"""What can be wrong with a message, as one sentence for a person. Knows nothing of how messages are made."""

from __future__ import annotations

from dataclasses import dataclass


class ContentError(ValueError):
    """A message, or a value for it, that cannot be used; names template, line and column where known."""

    def __init__(
        self, problem: str, *, template: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        self.problem = problem
        self.template = template
        self.line = line
        self.column = column if line is not None else None
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = [self.template] if self.template else []
        if self.line is not None:
            place.append(f"line {self.line}")
        if self.column is not None:
            place.append(f"column {self.column}")
        return f"{', '.join(place)}: {self.problem}" if place else self.problem


class MissingValue(ContentError):
    """A required placeholder has no value for this entrant, so this entrant's message must not go out."""

    def __init__(self, placeholder: str, *, template: str = "") -> None:
        self.placeholder = placeholder
        super().__init__(
            f"there is no value for {placeholder}; fill it in or hold the entrant", template=template
        )


@dataclass(frozen=True)
class Source:
    """A piece of a message's source and where it stands in its file, so that errors point right."""

    template: str
    text: str
    first_line: int = 1
    first_column: int | None = 1

    def error(self, problem: str, line: int = 1, column: int | None = None) -> ContentError:
        """An error at this line and column of the piece (both from 1), told in the file's own lines."""
        return ContentError(
            problem,
            template=self.template,
            line=self.first_line + line - 1,
            column=self._file_column(line, column),
        )

    def _file_column(self, line: int, column: int | None) -> int | None:
        if column is None or self.first_column is None:
            return None
        return column + (self.first_column - 1 if line == 1 else 0)
