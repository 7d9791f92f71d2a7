"""Whose eyes a message is looked at with: an entrant who is named, a usual one, or one with a difficult name."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import F, QuerySet
from django.db.models.functions import Length
from django.db.models.lookups import Transform

from campaigns import clock, ledger
from campaigns.models import Entrant, Event, Step
from campaigns.models.words import Channel, EntrantStatus

LOOKED_AT = 60
"""How many candidates the claim is asked about: the first of them who would get the message is taken."""


class Pick(StrEnum):
    """Which entrant to take where none is named."""

    USUAL = "usual"
    LONGEST = "longest"
    ODDEST = "oddest"
    YOUNGEST = "youngest"


class _Octets(Transform):
    function = "OCTET_LENGTH"
    lookup_name = "octets"


_ORDERS = {
    Pick.USUAL: ("id",),
    Pick.LONGEST: (Length("first_name").desc(), "id"),
    # Letters beyond ASCII take more than one octet: accents, other scripts, signs.
    Pick.ODDEST: ((_Octets("first_name") - Length("first_name")).desc(), "id"),
    Pick.YOUNGEST: (F("birth_date").desc(nulls_last=True), "id"),
}


def picked(event: Event, pick: Pick, step: Step | None, channel: Channel) -> Entrant | None:
    """The first entrant in that order who would get the step's message, else the first; None without entrants.

    One pass over the event's entrants by entrants_by_event; the usual one is found at its beginning.
    """
    people: QuerySet[Entrant] = event.entrants.filter(status=EntrantStatus.CONFIRMED)
    ids = list(people.order_by(*_ORDERS[pick]).values_list("id", flat=True)[:LOOKED_AT])
    if not ids:
        return None
    getting: set[int] = set()
    if step is not None:
        foreseen = ledger.foresee(step, clock.now(), channel=channel, only=ids)
        getting = {row.facts.entrant for row in foreseen if row.is_sent}
    chosen = next((entrant for entrant in ids if entrant in getting), ids[0])
    return event.entrants.select_related("race").get(id=chosen)
