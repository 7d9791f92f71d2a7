"""Where the work on an event goes on once its list is in: the next page, and what is done there. It only reads."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from campaigns.models import Campaign, Event
from campaigns.models.words import CampaignState
from campaigns.web.organiser import plan_look


class Onward(NamedTuple):
    """A page by its name, and the words of the button that leads there."""

    page: str
    words: str


OVER = Onward("entrants", "See the entrants")

STANDING = {
    CampaignState.DRAFT: Onward("approve", "Next: look at what they get"),
    CampaignState.APPROVED: Onward("approve", "Next: start it"),
    CampaignState.LIVE: Onward("live", "Next: see how it goes"),
    CampaignState.PAUSED: Onward("live", "Next: let it go on"),
}


def after_a_list(event: Event, now: datetime) -> Onward:
    """What there is to do next: begin a plan, approve what waits, start it, let it go on, or watch it."""
    campaign = Campaign.objects.filter(event=event).first()
    if event.cancelled_at:
        return OVER
    if campaign is None:
        return Onward("course", "Next: what they are to get")
    if campaign.state == CampaignState.LIVE and (steps := plan_look.waiting_count(event, now)):
        return Onward(
            "approve", f"Next: approve the {'step that waits' if steps == 1 else 'steps that wait'}"
        )
    return STANDING.get(CampaignState(campaign.state), OVER)
