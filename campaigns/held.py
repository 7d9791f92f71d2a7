"""Those whom one reason holds, together: released at one yes, or kept held whatever a later list says.

As `people` does for one; it must not know deliveries either: the tick looks again at what waited for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection, transaction

from campaigns import clock, revision
from campaigns.audience import MINOR_SQL
from campaigns.entry_lists.diff import MINOR_REASON, STATUS_REASON
from campaigns.entry_lists.matching import PAIR_REASON
from campaigns.models import Entrant, Event
from campaigns.models.words import EntrantStatus

OF_LISTS = (STATUS_REASON, PAIR_REASON)
"""What only a list says: a later one may release them, or hold them for another reason."""

MOST_REASONS = 20
MOST_NAMED = 1000
"""So many ids stand in the audit log beside their count."""


@dataclass(frozen=True, slots=True)
class Together:
    """Those whom one reason holds. `unguarded` of them are children for whom nobody has named a guardian: they are
    released too and go on waiting for that."""

    reason: str
    ids: list[int]
    unguarded: int

    @property
    def seen(self) -> str:
        """What a yes to just these people carries: it changes with every one who comes or goes."""
        return hashlib.sha256(repr((self.reason, self.ids)).encode()).hexdigest()[:32]

    @property
    def is_of_lists(self) -> bool:
        return self.reason in OF_LISTS


class OthersNow(Exception):
    """Not those people are held for this reason whom somebody has said yes to."""


def together(event: Event, among: Collection[int] | None = None) -> list[Together]:
    """The held by their reasons, most of one reason first; `among` whom, where those who wait are known already.

    Served by entrants_by_event, or by the entrants' key.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TOGETHER,
            {"event": event.id, "among": None if among is None else list(among), "most": MOST_REASONS},
        )
        return [Together(*row) for row in cursor.fetchall()]


@transaction.atomic
def release(event: Event, reason: str, seen: str = "") -> list[int]:
    """Ends the hold of all whom this reason holds; their ids. Raises OthersNow where they are not those of `seen`."""
    ids = _locked(event, reason, seen)
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"ids": ids, "minor_reason": MINOR_REASON, "now": clock.now()})
    return _told(event, ids)


@transaction.atomic
def keep(event: Event, reason: str, seen: str = "") -> list[int]:
    """Keeps them held as if somebody had held each by hand, so that no later list releases them; their ids."""
    ids = _locked(event, reason, seen)
    Entrant.objects.filter(id__in=ids).update(hold_reason=f"Kept held. {reason}", updated_at=clock.now())
    return _told(event, ids)


def _locked(event: Event, reason: str, seen: str) -> list[int]:
    # In id order, as every change of several rows: two of them never wait for each other in a circle.
    rows = event.entrants.select_for_update(no_key=True).filter(
        status=EntrantStatus.HELD, hold_reason=reason, erased_at=None
    )
    ids = [row.id for row in rows.order_by("id").only("id")]
    if seen and Together(reason, ids, 0).seen != seen:
        raise OthersNow
    return ids


def _told(event: Event, ids: list[int]) -> list[int]:
    if ids:
        revision.bump(event.id)
    return ids


_PLACE = """entrants e JOIN races r ON r.id = e.race_id JOIN events ev ON ev.id = e.event_id
LEFT JOIN guardians g ON g.entrant_id = e.id"""

_TOGETHER = f"""
SELECT e.hold_reason, array_agg(e.id ORDER BY e.id),
    count(*) FILTER (WHERE {MINOR_SQL} AND g.entrant_id IS NULL)
FROM {_PLACE}
WHERE e.event_id = %(event)s AND e.status = 'held' AND e.erased_at IS NULL
    AND (%(among)s::bigint[] IS NULL OR e.id = ANY(%(among)s))
GROUP BY e.hold_reason ORDER BY count(*) DESC, e.hold_reason LIMIT %(most)s"""

# A child in a race of adults goes on waiting for a guardian, as when it is released alone.
_RELEASE = f"""
UPDATE entrants SET status = 'confirmed', updated_at = %(now)s, hold_reason = freed.reason
FROM (
    SELECT e.id, CASE WHEN {MINOR_SQL} AND NOT r.for_children AND g.entrant_id IS NULL
        THEN %(minor_reason)s ELSE '' END AS reason
    FROM {_PLACE} WHERE e.id = ANY(%(ids)s)
) freed WHERE entrants.id = freed.id"""
