"""A backup file: a tar of `manifest.json` and Postgres's own dump. Knows the file, and neither Django nor a server."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

FORMAT = 1
MANIFEST, DUMP = "manifest.json", "dump"
_PIECE = 1 << 20


class BackupError(Exception):
    """One sentence for a person: what is wrong with a backup, and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself: enough to check it without restoring it."""

    at: str
    """The moment (UTC, ISO 8601) whose state the dump is."""
    migrations: list[str]
    rows: dict[str, int]
    canary: str
    """What SUPPRESSION_KEY makes of a fixed text: tells whether the key is the right one, and nothing of the key."""
    sha256: str
    bytes: int
    version: str
    format: int = FORMAT

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


def digest(file: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write(file: Path, manifest: Manifest, dump: Path) -> None:
    """Writes a backup that only its owner can read, under its name only once it is whole. Raises BackupError."""
    draft = file.with_name(f"{file.name}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as opened, tarfile.open(fileobj=opened, mode="w") as archive:
            words = json.dumps(asdict(manifest), indent=1).encode()
            head = tarfile.TarInfo(MANIFEST)
            head.size, head.mode = len(words), 0o600
            archive.addfile(head, io.BytesIO(words))
            archive.add(dump, DUMP)
            opened.flush()
        _sync(draft)
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise BackupError(f"{file} cannot be written ({error.strerror}): give another path.") from error


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def read_manifest(file: Path) -> Manifest:
    """Raises BackupError for a file that is no backup, or one of a newer Aid Station."""
    try:
        with tarfile.open(file) as archive:
            member = archive.extractfile(MANIFEST)
            found: dict[str, Any] = json.load(member) if member else {}
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        why = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else "it is no backup of Aid Station"
        )
        raise BackupError(
            f"{file} cannot be read ({why}): give a file that `aidstation backup` wrote."
        ) from error
    if found.get("format") != FORMAT:
        raise BackupError(f"{file} was written by another version of Aid Station: restore it with that one.")
    return Manifest(**found)


@contextmanager
def dump_of(file: Path, manifest: Manifest, folder: Path) -> Iterator[Path]:
    """The dump as a file of its own for as long as it is needed. Raises BackupError when it is damaged."""
    target = folder / DUMP
    try:
        with tarfile.open(file) as archive:
            member = archive.extractfile(DUMP)
            if member is None:
                raise BackupError(f"{file} holds no dump: it is damaged, take another backup.")
            _copy(member, target)
        if digest(target) != manifest.sha256:
            raise BackupError(f"{file} is damaged (its checksum is another): take another backup.")
        yield target
    except (OSError, tarfile.TarError, KeyError) as error:
        raise BackupError(f"{file} is cut short or damaged: take another backup.") from error
    finally:
        target.unlink(missing_ok=True)


def _copy(source: IO[bytes], target: Path) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        while piece := source.read(_PIECE):
            out.write(piece)
