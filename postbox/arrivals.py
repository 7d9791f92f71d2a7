"""What has arrived, in a file: a postbox that is killed knows afterwards all that it has answered for.

One JSON object a line, written before the answer leaves. It survives the process, not the disk.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from postbox.store import Email, Text

_TEXT = tuple(one.name for one in fields(Text) if one.name not in ("number", "reports", "deleted"))
_MOMENTS = ("arrived_at", "updated_at", "sent_at")


@dataclass
class Arrivals:
    """An append-only file of emails and texts."""

    path: Path
    _descriptor: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        # A line that was cut short was not answered for; the next must not be written behind it.
        os.ftruncate(self._descriptor, sum(len(line) for line in _whole_lines(self.path)))

    def email(self, email: Email) -> None:
        """Notes an email. Raises OSError: then it must not be answered for."""
        self._append(
            {
                "kind": "email",
                "recipient": email.recipient,
                "sender": email.sender,
                "arrived_at": email.arrived_at.isoformat(),
                "raw": email.raw.decode("latin-1"),
            }
        )

    def text(self, text: Text) -> None:
        """Notes a text. Raises OSError: then it must not be answered for."""
        known = {name: getattr(text, name) for name in _TEXT}
        self._append({"kind": "text"} | {name: _written(value) for name, value in known.items()})

    def close(self) -> None:
        """Nothing more will be noted."""
        os.close(self._descriptor)

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"{self.path} cannot be written: the disk is full.")


def read(path: Path) -> Iterator[Email | Text]:
    """All that stands in a file, numbered from 1 by kind. A torn last line is not read."""
    numbers = {"email": 0, "text": 0}
    for line in _whole_lines(path):
        entry = json.loads(line)
        kind = entry.pop("kind")
        numbers[kind] += 1
        yield _email(numbers[kind], entry) if kind == "email" else _text(numbers[kind], entry)


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def _email(number: int, entry: dict[str, Any]) -> Email:
    raw, arrived_at = entry["raw"].encode("latin-1"), datetime.fromisoformat(entry["arrived_at"])
    return Email(number, entry["recipient"], entry["sender"], raw, arrived_at)


def _text(number: int, entry: dict[str, Any]) -> Text:
    """A text that was under way when its postbox was killed counts as delivered meanwhile, and reports no more."""
    moments = {name: entry[name] and datetime.fromisoformat(entry[name]) for name in _MOMENTS}
    moments["sent_at"] = moments["sent_at"] or moments["arrived_at"]
    return Text(**{**entry, **moments, "number": number, "status": "delivered"})


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
