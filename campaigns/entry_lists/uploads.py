"""Lists that come in through a page: kept in Postgres, read and brought in by a worker, confirmed by a person.

Whose turn it is stands in the state. That a worker has one in hand is a lock of its session and is never stored: when
it dies the lock goes with it, and the next tick has the list begun again.
"""

from __future__ import annotations

import logging
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import F

from campaigns import clock
from campaigns.entry_lists.dates import DateOrder, DateOrderError
from campaigns.entry_lists.entries import causes
from campaigns.entry_lists.guessing import guess
from campaigns.entry_lists.imports import Import, NotComplete, facts_of, import_list
from campaigns.entry_lists.mapping import Mapping, MissingColumn, UnknownList, heading_key
from campaigns.entry_lists.mapping_files import from_document
from campaigns.entry_lists.matching import Word
from campaigns.entry_lists.sheet import ListError
from campaigns.entry_lists.sniff import open_sheet
from campaigns.models import Event, ListUpload
from campaigns.models.words import UploadState

logger = logging.getLogger(__name__)

LARGEST = 60 << 20
"""Bytes of a file: a list of 100,000 people with all its columns is half of that."""

LONGEST_NAME = 100
MOST_TRIES = 3
"""So often a worker begins a list; one that ends it three times would end it for ever."""

FILES_KEPT = timedelta(days=2)
"""How long a list may wait for a yes: then it is dropped, for its file holds names."""

MOST_PROBLEMS = 200
MOST_STATUSES = 20
"""Different unknown words in a status column: more are no statuses."""

PROGRESS = 0.5
"""Seconds between two notes of how far it is."""

WORKERS_TURN = (UploadState.WAITING, UploadState.CONFIRMED)
ENDED = (UploadState.DONE, UploadState.REFUSED, UploadState.DROPPED)

_LOCK = 0x11575  # the lists' own half of the advisory lock's number


class TooLarge(Exception):
    """The file is larger than an entry list can be."""


def take(event: Event, who: str, name: str, chunks: Iterable[bytes], *, complete: bool) -> ListUpload:
    """Keeps a file for the worker, packed as it comes in. Raises TooLarge."""
    packer, packed, size = zlib.compressobj(6, zlib.DEFLATED, 31), [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > LARGEST:
            raise TooLarge
        packed.append(packer.compress(chunk))
    packed.append(packer.flush())
    plain = "".join(letter for letter in Path(name).name if letter.isprintable() and letter not in "/\\")
    return ListUpload.objects.create(
        event=event, name=plain[-LONGEST_NAME:] or "list", body=b"".join(packed), asked_by=who,
        asked_at=clock.now(), complete=complete,
    )  # fmt: skip


def waiting() -> list[int]:
    """Lists that are the worker's turn. Served by list_uploads_to_do."""
    turn = ListUpload.objects.filter(state__in=["waiting", "confirmed"]).order_by("id")
    return list(turn.values_list("id", flat=True)[:10])


def read_anew(upload: ListUpload, **changed: Any) -> bool:
    """Hands the list back to the worker with other instructions; False when it is not a person's turn any more."""
    turn = ListUpload.objects.filter(id=upload.id, state__in=[UploadState.UNCLEAR, UploadState.COMPARED])
    return bool(
        turn.update(state=UploadState.WAITING, tries=0, done=0, total=0, problem="", digest="", **changed)
    )


def confirm(upload: ListUpload, digest: str, who: str) -> bool:
    """Somebody's yes to exactly what they saw; False when that is not what stands there now."""
    seen = ListUpload.objects.filter(id=upload.id, state=UploadState.COMPARED, digest=digest)
    return bool(seen.update(state=UploadState.CONFIRMED, confirmed_by=who, tries=0, problem=""))


def says_it_is_for(upload: ListUpload) -> str:
    """The other meeting that the list names; empty where there is none, or somebody brought such a list in before."""
    said = str(upload.result.get("says_it_is_for", ""))
    known = ListUpload.objects.filter(event_id=upload.event_id, state=UploadState.DONE)
    return "" if said and known.filter(result__says_it_is_for=said).exists() else said


def drop(upload: ListUpload) -> bool:
    """Somebody's no: the file goes. False when it has been brought in already, or is being brought in."""
    turn = ListUpload.objects.filter(
        id=upload.id, state__in=[UploadState.WAITING, UploadState.UNCLEAR, UploadState.COMPARED]
    )
    return bool(turn.update(state=UploadState.DROPPED, body=None, ended_at=clock.now()))


def drop_old(now: datetime) -> int:
    """Drops the files that nobody said yes to for two days. Served by list_uploads_with_file."""
    old = ListUpload.objects.filter(body__isnull=False, asked_at__lt=now - FILES_KEPT)
    return old.exclude(state=UploadState.CONFIRMED).update(
        state=UploadState.DROPPED, body=None, ended_at=now, problem="Nobody said yes to it for two days."
    )


def run(upload_id: int) -> None:
    """Reads or brings in one list, if it is the worker's turn and no other worker has it in hand."""
    with _alone(upload_id) as alone:
        if not alone:
            return
        found = ListUpload.objects.select_related("event__organiser").filter(id=upload_id)
        upload = found.filter(state__in=WORKERS_TURN).first()
        if upload is not None:
            _begin(upload)


def _begin(upload: ListUpload) -> None:
    if upload.tries >= MOST_TRIES:
        return _refuse(
            upload,
            "Reading this file ended our worker three times: export the list as CSV, and if that "
            "does not help, tell whoever runs this server. Nothing was changed.",
        )
    ListUpload.objects.filter(id=upload.id).update(tries=F("tries") + 1)
    try:
        with _file(upload) as path:
            _read(upload, path)
    except NotComplete as error:
        _ask(upload, f"{error}: correct them, or say that not everybody is on the list.")
    except DateOrderError as error:
        _ask(upload, str(error))
    except ListError as error:
        _refuse(upload, str(error))
    except Exception:
        logger.exception("list", extra={"upload": upload.id})
        _refuse(
            upload,
            "Something went wrong here, and the log says what: try again, or tell whoever runs this server. "
            "Nothing was changed.",
        )


def _read(upload: ListUpload, path: Path) -> None:
    """To the diff, or on to the entrants where somebody has said yes to that very diff."""
    sheet = open_sheet(path)
    mapping = from_document(upload.mapping, "The choice of columns") if upload.mapping else None
    bringing = upload.state == UploadState.CONFIRMED
    brought = False

    def confirm(preview: Import) -> bool:
        return bringing and preview.diff.digest == upload.digest

    def still(preview: Import) -> bool:
        """Inside the transaction, so that the entrants and this end are noted together or not at all."""
        nonlocal brought
        brought = preview.diff.digest == upload.digest
        if brought:
            _note(upload, UploadState.DONE, preview, body=None, ended_at=clock.now())
        return brought

    try:
        with _progress(upload) as progress:
            done = import_list(
                path, upload.event, who=upload.confirmed_by or upload.asked_by, mapping=mapping,
                dates=DateOrder(upload.dates) if upload.dates else None,
                word=Word(upload.complete, upload.same, upload.different), confirm=confirm, still=still,
                progress=progress,
            )  # fmt: skip
    except UnknownList as error:
        guessed = guess(sheet, facts_of(upload.event).races)
        columns = _columns(guessed.mapping, sheet.headings) | {"consents": guessed.consents}
        problem = str(error) if isinstance(error, MissingColumn) else ""
        return _set(upload, state=UploadState.UNCLEAR, columns=columns, problem=problem)
    except (NotComplete, DateOrderError):
        used = mapping or guess(sheet, facts_of(upload.event).races).mapping
        _set(upload, columns=_columns(used, sheet.headings) | {"consents": []})
        raise
    if brought:
        return None
    columns = _columns(done.layout.mapping, sheet.headings) | {"consents": []}
    if bringing and done.diff.digest == upload.digest:  # nothing but the mapping was to be remembered
        return _note(upload, UploadState.DONE, done, columns=columns, body=None, ended_at=clock.now())
    problem = "Since you looked, somebody else has changed these entrants: this is how it stands now."
    return _note(upload, UploadState.COMPARED, done, columns=columns, problem=problem if bringing else "")


def _note(upload: ListUpload, state: UploadState, done: Import, **more: Any) -> None:
    statuses = done.unknown_statuses if len(done.unknown_statuses) <= MOST_STATUSES else {}
    found = causes(done.problems)
    result = {
        "source": done.source,
        "counts": done.counts,
        "beside": done.beside,
        "standing": done.diff.standing,
        "waits": done.diff.waits,
        "columns": done.diff.columns,
        "changes": done.diff.changes,
        "changes_something": done.diff.changes_something,
        "pairs": [list(pair) for pair in done.diff.pairs],
        "problems": [list(cause) for cause in found[:MOST_PROBLEMS]],
        "more_problems": max(0, len(found) - MOST_PROBLEMS),
        "not_read": done.not_read,
        "unknown_statuses": statuses,
        "says_it_is_for": done.says_it_is_for,
        "elsewhere": [list(one) for one in done.elsewhere],
    }
    _set(upload, state=state, result=result, digest=done.diff.digest, **more)


def _columns(mapping: Mapping, headings: tuple[str, ...]) -> dict[str, Any]:
    """What each heading is read as, as the page shows and changes it."""
    keys = {heading_key(heading): heading for heading in reversed(headings) if heading}
    read = {
        keys[heading_key(name)]: wanted.value
        for wanted, names in mapping.columns.items()
        for name in names
        if heading_key(name) in keys
    }
    allowed = {
        keys[heading_key(name)]: [" ".join(grant) for grant in consent.grants]
        for consent in mapping.consents
        for name in consent.headings
        if heading_key(name) in keys
    }
    return {
        "source": mapping.source,
        "title": mapping.title,
        "headings": list(dict.fromkeys(heading for heading in headings if heading)),
        "read": read,
        "allowed": allowed,
        "statuses": dict(mapping.statuses),
        "dates": mapping.dates.value if mapping.dates else "",
    }


def _ask(upload: ListUpload, problem: str) -> None:
    """A person can put it right: the file stays."""
    _set(upload, state=UploadState.UNCLEAR, problem=problem)


def _refuse(upload: ListUpload, problem: str) -> None:
    _set(upload, state=UploadState.REFUSED, problem=problem, body=None, ended_at=clock.now())


def _set(upload: ListUpload, **fields: Any) -> None:
    """Not where a person has dropped it meanwhile: that stands."""
    ListUpload.objects.filter(id=upload.id).exclude(state=UploadState.DROPPED).update(**fields)


@contextmanager
def _alone(upload_id: int) -> Iterator[bool]:
    """Whether no other worker has this list in hand, and for so long as the block lasts none will."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, upload_id])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        if alone and connection.connection and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, upload_id])


@contextmanager
def _file(upload: ListUpload) -> Iterator[Path]:
    """The file unpacked on disk, readable by its owner alone, for as long as it is read."""
    unpacker = zlib.decompressobj(31)
    with tempfile.TemporaryDirectory(prefix="aidstation-list-") as folder:
        path = Path(folder) / upload.name
        body = memoryview(upload.body or b"")
        with path.open("wb") as file:
            for start in range(0, len(body), 1 << 20):
                file.write(unpacker.decompress(body[start : start + (1 << 20)]))
            file.write(unpacker.flush())
        upload.body = None
        yield path


@contextmanager
def _progress(upload: ListUpload) -> Iterator[Callable[[int, int], None]]:
    """Notes how far it is by a connection of its own: the import's shows nothing before it commits."""
    beside = connection.copy()
    last = time.monotonic()

    def note(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS:
            last = time.monotonic()
            with beside.cursor() as cursor:
                cursor.execute(
                    "UPDATE list_uploads SET done = %s, total = %s WHERE id = %s", [done, total, upload.id]
                )

    try:
        yield note
    finally:
        beside.close()
