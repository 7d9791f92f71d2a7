"""What an entrant writes to the organiser on their own page: kept and passed on like a text. It must not know HTTP."""

import uuid
from datetime import timedelta

from campaigns import addresses, clock
from campaigns.models import Entrant, InboundText
from campaigns.models.receipts import InboundKind
from campaigns.receipts.inbound_words import is_urgent

LONGEST = 500

MOST_A_DAY = 5
"""Notes of one entrant: more are not a wrong detail, and whoever has the link can write them."""


def take(entrant: Entrant, words: str) -> InboundText | None:
    """Keeps a note for the organiser; None for one without words, or one too many today."""
    body = words.replace("\0", "").strip()[:LONGEST]
    if not body or _today(entrant) >= MOST_A_DAY:
        return None
    return InboundText.objects.create(
        sid=f"note-{uuid.uuid4().hex}",
        organiser=entrant.event.organiser,
        event=entrant.event,
        entrant=entrant,
        kind=InboundKind.TEXT,
        by_page=True,
        number=entrant.mobile,
        # No number's hash: a note is no text that an answer was due to.
        number_hash=addresses.identity_hash("note", str(entrant.pk)),
        body=body,
        urgent=is_urgent(body),
        received_at=clock.now(),
    )


def _today(entrant: Entrant) -> int:
    since = clock.now() - timedelta(days=1)
    return InboundText.objects.filter(entrant=entrant, by_page=True, received_at__gt=since).count()
