"""Finds the campaign that a person names on the command line, or says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.cli.event import event_named
from campaigns.cli.output import Refused

if TYPE_CHECKING:
    from campaigns.models import Campaign


def campaign_of(slug: str) -> Campaign:
    """The campaign of the event of that slug. Refuses when it has none."""
    from campaigns.models import Campaign

    found = Campaign.objects.filter(event=event_named(slug)).first()
    if found is None:
        raise Refused(f"Event '{slug}' has no plan yet: run `aidstation campaign load FILE --event {slug}`.")
    return found
