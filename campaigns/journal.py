"""What a sending process has handed over and what was answered, in a file that survives the process.

One append-only file a process, held under flock while its owner lives. Knows no database and no provider. It
survives SIGKILL, not the loss of the disk: nothing waits for the disk, because every message would.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_quoted = json.encoder.encode_basestring_ascii

Fence = tuple[int, int]
"""A delivery and the claim number it was claimed under."""


class JournalFull(Exception):
    """The file cannot be written: nothing may be handed over until a person has made room."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, in the words of `channels.outcomes.Outcome`."""

    outcome: str
    code: str = ""
    detail: str = ""
    provider_ref: str = ""


@dataclass(slots=True)
class Handed:
    """One message that was about to be handed over: the carrier first, then those it carries."""

    fences: list[Fence]
    version: int
    body_hash: str = ""
    answer: Answer | None = None


@dataclass
class Journal:
    """The file of this process. Open it after any fork; `name` stands in every claim it makes."""

    path: Path
    descriptor: int = field(repr=False)
    pending: bool = False

    @classmethod
    def open(cls, folder: Path) -> "Journal":
        """A new file in `folder`, locked before it has the name under which others look for it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4().hex}.journal"
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(path)
        return cls(path, descriptor)

    @property
    def name(self) -> str:
        return self.path.stem

    def handing(self, fences: Sequence[Fence], version: int, body_hash: str = "") -> None:
        """Notes, before it is handed over, a message for a carrier and those it carries. Raises JournalFull.

        `body_hash` tells a text's words apart when its provider is asked for it.
        """
        handed = ",".join([f"[{delivery},{claim}]" for delivery, claim in fences])
        words = f',"b":{_quoted(body_hash)}' if body_hash else ""
        self._append(f'{{"h":[{handed}],"v":{version}{words}}}\n')

    def answered(self, delivery: int, answer: Answer) -> None:
        """Notes what was answered to a carrier's message. Raises JournalFull."""
        words = ",".join(map(_quoted, (answer.outcome, answer.code, answer.detail, answer.provider_ref)))
        self._append(f'{{"a":{delivery},"o":[{words}]}}\n')

    def read(self) -> dict[Fence, Handed]:
        """What stands in this process's own file."""
        return read(self.path)

    def clear(self) -> None:
        """Forgets what is settled: call it only after the commit."""
        os.ftruncate(self.descriptor, 0)
        self.pending = False

    def _append(self, entry: str) -> None:
        line = entry.encode()  # JSON, put together by hand: the encoder took longer than the writing
        self.pending = True
        try:
            written = os.write(self.descriptor, line)
        except OSError as error:
            raise JournalFull(_cannot(str(error.strerror), self.path)) from error
        if written != len(line):
            # Without its end the fragment would swallow the next line as well.
            os.ftruncate(self.descriptor, os.fstat(self.descriptor).st_size - written)
            raise JournalFull(_cannot("the disk is full", self.path))


def read(path: Path) -> dict[Fence, Handed]:
    """The messages of a file, under the fence of everyone they were for. A torn last line is not read."""
    found: dict[Fence, Handed] = {}
    carriers: dict[int, Handed] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        entry = _entry(line)
        if "h" in entry:
            handed = Handed(
                [(delivery, claim) for delivery, claim in entry["h"]], entry["v"], entry.get("b", "")
            )
            carriers[handed.fences[0][0]] = handed
            found.update(dict.fromkeys(handed.fences, handed))
        elif "a" in entry and entry["a"] in carriers:
            carriers[entry["a"]].answer = Answer(*entry["o"])
    return found


def _entry(line: bytes) -> dict:  # type: ignore[type-arg]
    """A line's entry; one that was cut short by a full disk counts as none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


@contextmanager
def taken_over(path: Path) -> Iterator[bool]:
    """Whether the owner of a file is dead, which its lock tells; while True nobody else takes the file over."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            # Another may have replayed and removed it between the opening and the lock.
            yield path.exists()
    finally:
        os.close(descriptor)


def files(folder: Path) -> list[Path]:
    """The journals in a folder."""
    return sorted(folder.glob("*.journal"))


def _cannot(why: str, path: Path) -> str:
    return f"The journal cannot be written ({why}): see to {path.parent}."
