"""An organiser's suppressions as a file, out and in: from another system's opt-outs, or from one of ours to another.

It knows addresses and hashes, never entrants. What goes out holds hashes alone: nobody can be written to from it.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from campaigns import optout
from campaigns.models import Organiser, Suppression
from campaigns.models.words import Channel, Scope, SuppressionReason

COLUMNS = ("channel", "address_hash", "scope", "reason", "at")
"""Of a file that `exported` writes and `read` takes back."""

MOST_ROWS = 1_000_000

Normal = Callable[[str], tuple[Channel, bytes]]
"""From an address as people write it to its channel and hash. Raises ValueError with a sentence."""


class ListError(Exception):
    """One sentence for a person: what is wrong, in which row of the file, and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One address to close."""

    channel: Channel
    address_hash: bytes
    scope: Scope
    reason: SuppressionReason


def exported(organiser: Organiser) -> str:
    """All suppressions of an organiser as CSV, in the order they came; addresses as keyed hashes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = Suppression.objects.filter(organiser=organiser).order_by("at", "id")
    for row in rows.iterator():
        writer.writerow(
            [row.channel, bytes(row.address_hash).hex(), row.scope, row.reason, row.at.isoformat()]
        )
    return out.getvalue()


def read(text: str, scope: Scope, normal: Normal) -> list[Row]:
    """The rows of a file: one that `exported` wrote, or a list of addresses, with a heading "address" or without.

    `scope` is for a list of addresses. Raises ListError for the first row that cannot be read.
    """
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    if len(lines) > MOST_ROWS:
        raise ListError(f"The file has more than {MOST_ROWS:,} rows: cut it into several.")
    heading = [cell.strip().lower() for cell in lines[0]] if lines else []
    if tuple(heading) == COLUMNS:
        return list(_hashes(lines[1:]))
    column = heading.index("address") if "address" in heading else 0
    first = 1 if "address" in heading else 0
    return list(_addresses(lines, first, column, scope, normal))


@transaction.atomic
def closed(organiser: Organiser, rows: list[Row]) -> int:
    """Closes every address, all or none; returns how many were open before. Consents are left as they are."""
    ordered = sorted(rows, key=lambda row: (row.channel, row.address_hash, row.scope))
    return sum(
        optout.suppress_hash(organiser.pk, row.channel, row.address_hash, row.scope, row.reason)
        for row in ordered
    )


def _hashes(lines: list[list[str]]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=2):
        if not any(line):
            continue
        try:
            channel, digest, scope, reason, at = line
            datetime.fromisoformat(at)
            row = Row(Channel(channel), bytes.fromhex(digest), Scope(scope), SuppressionReason(reason))
        except ValueError:
            raise ListError(
                f"Row {number} is not one that an export writes: export the list again."
            ) from None
        if len(row.address_hash) != 32:
            raise ListError(f"Row {number} has a hash that was cut short: export the list again.")
        yield row


def _addresses(
    lines: list[list[str]], first: int, column: int, scope: Scope, normal: Normal
) -> Iterator[Row]:
    for number, line in enumerate(lines[first:], start=first + 1):
        cell = line[column].strip() if len(line) > column else ""
        if not cell:
            continue
        try:
            channel, digest = normal(cell)
        except ValueError as error:
            raise ListError(f"Row {number}: {error}") from None
        yield Row(channel, digest, scope, SuppressionReason.BY_HAND)
