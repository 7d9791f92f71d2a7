"""What might happen to a campaign on its way: each is done to the rehearsal's copy as it would be done for real."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction

from campaigns import addresses, campaign, clock, revision, schedule
from campaigns.models import Consent, Entrant, Event
from campaigns.models.words import Channel, EntrantStatus, Purpose

NOON = time(12, 0)
"""When on its day (by the event's clock) something happens: after the tips of that day, before its evening."""

INVENTED = "rehearsal"
"""The source of an entry that is on no list."""

LATE_NAME = ("Late", "Entrant (invented)")
LATE_EMAIL, LATE_MOBILE = "late.entrant@example.org", "+447700900999"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What to try out. `on` is the day of the move and the withdrawals, None for now; `down` is in UTC."""

    move_to: date | None = None
    withdraw: Collection[int] = ()
    on: date | None = None
    late_entrant: date | None = None
    down: tuple[datetime, datetime] | None = None


Act = tuple[datetime, Callable[[], None]]


def acts(what_if: WhatIf, event: Event, begun: datetime) -> list[Act]:
    """What happens and when, in its order, nothing before `begun`."""
    on = when(what_if, event, begun)
    found: list[Act] = []
    if what_if.withdraw:
        found.append((on, lambda: _withdraw(event.id, what_if.withdraw)))
    if day := what_if.move_to:
        found.append((on, lambda: _move(event.id, day)))
    if what_if.late_entrant:
        found.append((_noon(what_if.late_entrant, event.zone, begun), lambda: _enter(event.id)))
    return sorted(found, key=lambda act: act[0])


def when(what_if: WhatIf, event: Event, begun: datetime) -> datetime:
    """The moment at which the race moves and people withdraw."""
    return _noon(what_if.on, event.zone, begun)


def _noon(day: date | None, zone: ZoneInfo, begun: datetime) -> datetime:
    return max(begun, schedule.wall_clock(day, NOON, zone)) if day else begun


def _move(event_id: int, day: date) -> None:
    """The steps ask for approval again, and here they get it at once."""
    event = Event.objects.get(id=event_id)
    campaign.move_race(event, day)
    campaign.approve(event.campaign, "", [])


@transaction.atomic
def _withdraw(event_id: int, people: Collection[int]) -> None:
    Entrant.objects.filter(id__in=people).update(status=EntrantStatus.WITHDRAWN)
    revision.bump(event_id)


@transaction.atomic
def _enter(event_id: int) -> None:
    """Somebody invented enters the largest race, agrees to everything and has a bib."""
    event = Event.objects.get(id=event_id)
    races = {race.id: race.entrants.count() for race in event.races.filter(for_children=False).order_by("id")}
    first, last = LATE_NAME
    person = Entrant.objects.create(
        event=event,
        race_id=max(races, key=lambda race: races[race]),
        source=INVENTED,
        identity=addresses.identity_hash(INVENTED, "late entrant"),
        first_name=first,
        last_name=last,
        email=LATE_EMAIL,
        email_hash=addresses.address_hash(LATE_EMAIL),
        mobile=LATE_MOBILE,
        mobile_hash=addresses.address_hash(LATE_MOBILE),
        mobile_ok=True,
        birth_date=date(1985, 5, 5),
        bib="99999",
    )
    Consent.objects.bulk_create(
        Consent(
            entrant=person, channel=channel, purpose=purpose, granted=True, source=INVENTED, at=clock.now()
        )
        for channel in Channel
        for purpose in Purpose
    )
    revision.bump(event_id)
