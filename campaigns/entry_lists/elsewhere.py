"""Who of a staged list also gets the messages of another event: only counted, so that somebody may think about it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import connection

from campaigns import clock, said
from campaigns.ledger.moments import Field
from campaigns.models import Event, Step
from campaigns.models.words import CampaignState, StepKind, StepState


class Elsewhere(NamedTuple):
    """Another event whose campaign is live, and how many addresses of the list have a confirmed entry in it."""

    event: str
    addresses: int

    @property
    def words(self) -> str:
        are = "is" if self.addresses == 1 else "are"
        return (
            f"{said.count(self.addresses, 'address', 'addresses')} of this list {are} entered in {self.event} too and "
            f"{'gets' if self.addresses == 1 else 'get'} the messages of both: right for whoever runs both."
        )


def elsewhere(event: Event) -> list[Elsewhere]:
    """The organiser's other events whose messages still go out, with what they share with the staged list."""
    others = _still_going_out(event, clock.now())
    if not others:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, {"events": list(others)})
        shared = dict(cursor.fetchall())
    return [Elsewhere(other.name, shared[key]) for key, other in others.items() if key in shared]


# By entrants_by_email, or one pass over the entrants of events that share thousands.
_SHARED = """
SELECT e.event_id, count(DISTINCT s.email_hash) FROM staged_entrants s
JOIN entrants e ON e.event_id = ANY(%(events)s) AND e.email_hash = s.email_hash
WHERE s.status IS DISTINCT FROM 'withdrawn' AND e.status = 'confirmed' AND e.erased_at IS NULL
GROUP BY e.event_id"""


def _still_going_out(event: Event, now: datetime) -> dict[int, Event]:
    """By id and in the order of their dates; a campaign that had its last moment is live, but sends nothing more."""
    steps = Step.objects.filter(
        campaign__state=CampaignState.LIVE,
        campaign__event__organiser=event.organiser_id,
        campaign__event__cancelled_at=None,
        kind=StepKind.PLANNED,
    )
    planned = (
        steps.exclude(state=StepState.OFF).exclude(campaign__event=event).select_related("campaign__event")
    )
    fields = Field.of_each({step.campaign.event for step in planned})
    going = {
        step.campaign.event_id: step.campaign.event
        for step in planned
        if (last := fields[step.campaign.event_id].moments(step, now).last) and last > now
    }
    return dict(sorted(going.items(), key=lambda one: (one[1].date, one[0])))
