"""The mappings that an organiser has confirmed, each for lists with exactly its headings.

A list with another heading more or less is unknown again: the new column may be a status or a consent.
"""

from __future__ import annotations

import hashlib

from campaigns import audit, clock
from campaigns.entry_lists.mapping import Mapping, heading_key
from campaigns.entry_lists.mapping_files import from_document, to_document
from campaigns.models import Event, ListMapping


def recall(event: Event, headings: tuple[str, ...]) -> Mapping | None:
    """The mapping that the event's organiser has confirmed for these headings, in whatever order they stand."""
    found = ListMapping.objects.filter(
        organiser_id=event.organiser_id, headings_key=_headings_key(headings)
    ).first()
    return from_document(found.document, f"the remembered mapping '{found.source}'") if found else None


def remember(event: Event, headings: tuple[str, ...], mapping: Mapping, who: str) -> None:
    """Keep a confirmed mapping for the next list with these headings."""
    document = to_document(mapping)
    known = ListMapping.objects.filter(
        organiser_id=event.organiser_id, headings_key=_headings_key(headings)
    ).first()
    if known and known.document == document:
        return
    ListMapping.objects.update_or_create(
        organiser_id=event.organiser_id,
        headings_key=_headings_key(headings),
        defaults={"source": mapping.source, "document": document, "at": clock.now()},
    )
    audit.record(who, "entrants.mapping", event=event.slug, source=mapping.source)


def _headings_key(headings: tuple[str, ...]) -> str:
    keys = sorted(key for heading in headings if (key := heading_key(heading)))
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
