"""Erasing one person: every word about them goes, and no list brings them back.

What stays is an empty entrant with its deliveries, so that the ledger's counts are right, the keyed hash of who it
was, so that the same list leaves them out, and the keyed hash of an address that nobody else of the organiser has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from campaigns import clock, optout, revision
from campaigns.models import Consent, Entrant, Errand, Event, Guardian, InboundText
from campaigns.models.entrants import new_short_code, new_token
from campaigns.models.words import Channel, EntrantStatus, RaceStatus, Scope, SuppressionReason

REASON = "Erased."

Forget = Callable[[str], bool]
"""Removes one text, by its sid, at the provider of texts; whether it is gone there."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure came to."""

    changed: bool
    closed: int
    """Addresses that are written to no more, as hashes: those that nobody else of the organiser has."""


@transaction.atomic
def erase(entrant: Entrant) -> Erased:
    """Removes all that is known of an entrant, today and from any list to come. A second time changes nothing."""
    locked = (
        Entrant.objects.select_for_update(no_key=True, of=("self",))
        .select_related("event")
        .get(id=entrant.id)
    )
    if locked.erased_at is not None:
        return Erased(False, 0)
    closed = sum(_close(locked, channel) for channel in Channel)
    _empty_texts_of_strangers(locked)
    empty([locked.id])
    revision.bump(locked.event_id)
    return Erased(True, closed)


def _empty_texts_of_strangers(entrant: Entrant) -> None:
    """What came from this number before anybody was entered with it; another's on the same number stays theirs.

    Served by entrants_by_mobile once for each event, and inbound_texts_by_number.
    """
    at_number = Entrant.objects.filter(mobile_hash=entrant.mobile_hash, event__in=Event.objects.all())
    if entrant.mobile_hash is not None and not at_number.exclude(id=entrant.id).exists():
        InboundText.objects.filter(entrant=None, number_hash=entrant.mobile_hash).update(number="", body="")


def empty(ids: Sequence[int]) -> None:
    """Takes every word about these entrants out of every table, in the caller's transaction.

    The consent story stays: it says of an empty entrant what was agreed to, where and when.
    """
    Guardian.objects.filter(entrant__in=ids).delete()
    Consent.objects.filter(entrant__in=ids).delete()
    # A rehearsal's report has everyone's name in it.
    events = Entrant.objects.filter(id__in=ids).values("event")
    Errand.objects.filter(event__in=events).exclude(report=None).update(report=None)
    InboundText.objects.filter(entrant__in=ids).update(number="", body="")
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY_ATTEMPTS, [list(ids)])
        cursor.execute(_EMPTY_RECEIPTS, [list(ids)])
        # One statement: as so many objects, a piece of retention cost the clock's worker two seconds and 30 MB.
        values: dict[str, Any] = {
            "ids": list(ids),
            "tokens": [new_token() for _ in ids],
            "codes": [new_short_code() for _ in ids],
            "now": clock.now(),
            "withdrawn": EntrantStatus.WITHDRAWN,
            "unknown": RaceStatus.UNKNOWN,
            "reason": REASON,
        }
        cursor.execute(_EMPTY_ENTRANTS, values)


_EMPTY_ENTRANTS = """
UPDATE entrants e SET first_name = '', last_name = '', registration_id = '', club = '', bib = '',
    email = '', email_hash = NULL, mobile = '', mobile_hash = NULL, mobile_ok = FALSE,
    birth_date = NULL, first_timer = NULL, status = %(withdrawn)s, race_status = %(unknown)s,
    hold_reason = %(reason)s, token = made.token, short_code = made.code, erased_at = %(now)s, updated_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(tokens)s::text[], %(codes)s::text[]) AS made (id, token, code)
WHERE e.id = made.id"""
"""Served by the primary key."""

# A text's sid stays until the provider has removed the text as well (`forget_texts`). Served by deliveries_by_entrant.
_EMPTY_ATTEMPTS = """
UPDATE attempts a SET detail = '', provider_ref = CASE a.channel WHEN 'sms' THEN a.provider_ref ELSE '' END
FROM deliveries d WHERE d.entrant_id = ANY(%s) AND a.delivery_id = d.id"""


# What a provider said may name anybody; what came of it stands in the other columns. Served by receipts_once.
_EMPTY_RECEIPTS = """
UPDATE receipts r SET raw = '{}' FROM deliveries d WHERE d.entrant_id = ANY(%s) AND r.delivery = d.id"""


def forget_texts(forget: Forget, limit: int = 100) -> tuple[int, int]:
    """Has the provider remove the texts of those who are erased; how many are gone there, and how many still wait."""
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS_TO_FORGET, [limit])
        rows = cursor.fetchall()
    gone = [attempt for attempt, sid in rows if forget(sid)]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE attempts SET provider_ref = '' WHERE id = ANY(%s)", [gone])
    return len(gone), len(rows) - len(gone)


_TEXTS_TO_FORGET = """
SELECT a.id, a.provider_ref FROM entrants e JOIN deliveries d ON d.entrant_id = e.id
JOIN attempts a ON a.delivery_id = d.id AND a.channel = 'sms' AND a.provider_ref <> ''
WHERE e.erased_at IS NOT NULL ORDER BY a.id LIMIT %s"""
"""Served by entrants_erased, then deliveries_by_entrant."""


def _close(entrant: Entrant, channel: Channel) -> int:
    """Closes an address for good; one that others of the organiser have as well stays open for them."""
    stored = entrant.email_hash if channel == Channel.EMAIL else entrant.mobile_hash
    if stored is None:
        return 0
    column = "email_hash" if channel == Channel.EMAIL else "mobile_hash"
    others = Entrant.objects.filter(event__organiser_id=entrant.event.organiser_id, **{column: stored})
    if others.exclude(id=entrant.id).exists():
        return 0
    optout.suppress_hash(
        entrant.event.organiser_id, channel, bytes(stored), Scope.ALL, SuppressionReason.ERASED
    )
    return 1
