"""Evidence of emails: the Message-IDs of ours that a mail server's log or a provider's list of activity names. Pure."""

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from campaigns.recovery.archive import BackupError

_MESSAGE_ID = re.compile(rb"(\d{1,18})\.(\d{1,18})\.[0-9a-f]{16}@([\w.-]{1,255})")
"""Step, entrant and a random part, as `ledger.opening` makes them: what was opened after the backup, and is known to
nobody here any more, can still be told whose it was."""

_PIECE = 1 << 20
_LONGEST = 400


def named(files: Iterable[Path], domain: str) -> set[tuple[int, int]]:
    """Step and entrant of every Message-ID of this domain in these files (plain or gzip). Raises BackupError."""
    found: set[tuple[int, int]] = set()
    for file in files:
        for step, entrant, at in _ids(file):
            if at.decode().rstrip(".") == domain:
                found.add((int(step), int(entrant)))
    return found


def _ids(file: Path) -> Iterator[tuple[bytes, bytes, bytes]]:
    """In pieces that overlap, so that neither a long line nor a large file fills the memory."""
    rest = b""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as source:
            while piece := source.read(_PIECE):
                text = rest + piece
                for match in _MESSAGE_ID.finditer(text):
                    yield match[1], match[2], match[3]
                rest = text[-_LONGEST:]
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or "it is cut short"
        raise BackupError(f"{file} cannot be read ({why}): give a mail server's log.") from error
