"""Opt-outs, written to this machine's disk as well: a restored database must not forget who said no since its backup.

One line of JSON each, with the address as its keyed hash alone. It is written after the commit and never in its way.
"""

import json
import logging
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from campaigns import optout
from campaigns.models import Organiser, Suppression
from campaigns.models.words import Channel, Scope, SuppressionReason

logger = logging.getLogger(__name__)


def file() -> Path:
    """Where they are written."""
    return Path(settings.STOPS_FILE)


def connect() -> None:
    """Has every suppression that is made or lifted written down."""
    post_save.connect(_made, sender=Suppression, dispatch_uid="stops-on-disk")
    post_delete.connect(_lifted, sender=Suppression, dispatch_uid="stops-on-disk")


def _made(instance: Suppression, **_: Any) -> None:
    transaction.on_commit(lambda: _note(instance, closed=True))


def _lifted(instance: Suppression, **_: Any) -> None:
    transaction.on_commit(lambda: _note(instance, closed=False))


def _note(row: Suppression, *, closed: bool) -> None:
    entry = {
        "at": row.at.isoformat(), "organiser": row.organiser_id, "channel": str(row.channel),
        "hash": bytes(row.address_hash).hex(), "scope": str(row.scope), "reason": str(row.reason), "closed": closed,
    }  # fmt: skip
    try:
        file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError:
        # The opt-out itself is in the database: nobody is refused theirs because a disk is full.
        logger.error("an opt-out could not be written to disk", exc_info=True)


def replay(since: datetime) -> int:
    """Closes again what was closed since a moment and not lifted after; returns how many addresses that closed.

    What was lifted since stays closed: whoever wants more can say so again, and nobody is written to against a no.
    """
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in _entries():
        last[(entry["organiser"], entry["channel"], entry["hash"], entry["scope"])] = entry
    known = set(Organiser.objects.values_list("id", flat=True))
    closed = [
        entry
        for _, entry in sorted(last.items(), key=lambda pair: str(pair[0]))
        if entry["closed"] and entry["organiser"] in known and datetime.fromisoformat(entry["at"]) >= since
    ]
    return sum(_again(entry) for entry in closed)


@transaction.atomic
def _again(entry: dict[str, Any]) -> bool:
    return optout.suppress_hash(
        entry["organiser"],
        Channel(entry["channel"]),
        bytes.fromhex(entry["hash"]),
        Scope(entry["scope"]),
        SuppressionReason(entry["reason"]),
    )


def _entries() -> list[dict[str, Any]]:
    """Every whole line; a torn last one is not read."""
    try:
        lines = file().read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
