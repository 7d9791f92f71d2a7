"""Whom an alert would reach, counted beforehand: on race day nobody waits for a count over all entrants.

What a count depends on raises the event's revision, so one of the same revision is as true as a new one.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import F, Q

from campaigns import ledger
from campaigns.models import Alert, AlertReach, Event
from campaigns.models.words import Channel

AROUND = timedelta(days=14)
"""So near to race day, before and after, the counts are kept fresh."""

SHARE = 50
"""A count may take one part in so many of the time."""

OLD = timedelta(minutes=2)
"""A count of an earlier revision that is older than this is not shown: nobody keeps it fresh."""


def known(event: Event, now: datetime) -> dict[Channel, AlertReach]:
    """The counts as they were last made, by channel; made now where there are none, or only old ones."""
    kept = {Channel(one.channel): one for one in AlertReach.objects.filter(event=event)}
    return {
        channel: kept[channel] if _is_fit(kept.get(channel), event, now) else count(event, channel, now)
        for channel in Channel
    }


def count(event: Event, channel: Channel, now: datetime) -> AlertReach:
    """Counts one channel and keeps the result."""
    begun = time.monotonic()
    reach = ledger.reach(event, channel, now)
    fresh = AlertReach(
        event=event,
        channel=channel,
        revision=event.revision,
        entrants=reach.entrants,
        addresses=reach.addresses,
        left_out=reach.left_out,
        counted_at=now,
        took_s=time.monotonic() - begun,
    )
    AlertReach.objects.bulk_create(
        [fresh], update_conflicts=True, unique_fields=["event", "channel"], update_fields=_KEPT
    )
    return fresh


def is_due(now: datetime) -> bool:
    """Whether `refresh` has something to count."""
    return any(True for _ in _due(now))


def refresh(now: datetime) -> int:
    """Counts anew what has changed since, for events near their race day; returns how many counts it made."""
    return len([count(event, channel, now) for event, channel in list(_due(now))])


def _due(now: datetime) -> Iterator[tuple[Event, Channel]]:
    for event in _near(now):
        kept = {one.channel: one for one in event.alert_reach.all()}
        yield from ((event, channel) for channel in Channel if _has_rested(kept.get(channel), event, now))


_KEPT = ["revision", "entrants", "addresses", "left_out", "counted_at", "took_s"]


def _near(now: datetime) -> Iterable[Event]:
    """Events with alerts near their race day that have a count which is not of today's revision, or none."""
    today = now.date()
    kept = AlertReach.objects.filter(revision=F("event__revision"))
    return (
        Event.objects.filter(date__range=(today - AROUND, today + AROUND))
        .filter(id__in=Alert.objects.filter(in_plan=True).values("campaign__event"))
        .exclude(
            Q(id__in=kept.filter(channel=Channel.EMAIL).values("event"))
            & Q(id__in=kept.filter(channel=Channel.SMS).values("event"))
        )
        .prefetch_related("alert_reach")
    )


def _has_rested(kept: AlertReach | None, event: Event, now: datetime) -> bool:
    if kept is None:
        return True
    rest = timedelta(seconds=max(2.0, SHARE * kept.took_s))
    return kept.revision != event.revision and now - kept.counted_at >= rest


def _is_fit(kept: AlertReach | None, event: Event, now: datetime) -> bool:
    return kept is not None and (kept.revision == event.revision or now - kept.counted_at <= OLD)
