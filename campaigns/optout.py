"""The only code that records that somebody wants to hear less, and takes it back when they change their mind.

It knows addresses and consents; it must not know pages, commands or deliveries: the next claim asks again.
"""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from campaigns import addresses, clock, revision
from campaigns.models import Consent, ConsentEvent, Entrant, Organiser, Suppression
from campaigns.models.words import Channel, Purpose, Scope, SuppressionReason

PAGE = "stop page"
ONE_CLICK = "one-click"
BY_REPLY = "reply by text"
"""Where a stop came from, as the consent story tells it."""

TRIES = 5
"""How often in a row others may make and take away the very suppression that a press is about to make."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing a person can stop: what it closes for their address, and the consents it withdraws."""

    channel: Channel
    scope: Scope
    purposes: tuple[Purpose, ...]


TIPS_BY_EMAIL = Stop(Channel.EMAIL, Scope.TIPS_AND_SPONSOR, (Purpose.TIPS, Purpose.SPONSOR))
TIPS_BY_TEXT = Stop(Channel.SMS, Scope.TIPS_AND_SPONSOR, (Purpose.TIPS, Purpose.SPONSOR))
ALL_TEXTS = Stop(Channel.SMS, Scope.ALL, tuple(Purpose))
_TIPS = (TIPS_BY_EMAIL, TIPS_BY_TEXT)


@dataclass(frozen=True, slots=True)
class Standing:
    """What an address gets from an organiser on one channel today, and what its owner has stopped."""

    channel: Channel
    granted: frozenset[str]
    """Purposes with a yes from at least one entrant at the address."""
    closed: Mapping[str, str]
    """Scope and reason of each suppression."""

    @property
    def planned(self) -> bool:
        """Whether anything may come that is not an alert."""
        return not self.closed.keys() & {Scope.ALL, Scope.ALL_BUT_ALERTS}

    @property
    def tips(self) -> bool:
        return self._agreed(Purpose.TIPS)

    @property
    def sponsor(self) -> bool:
        return self._agreed(Purpose.SPONSOR)

    @property
    def service(self) -> bool:
        """Every planned text needs a yes to texts; an email about the race itself needs only the entry."""
        return self.planned and (self.channel == Channel.EMAIL or Purpose.SERVICE in self.granted)

    @property
    def alerts(self) -> bool:
        return Scope.ALL not in self.closed

    def stopped(self, stop: Stop) -> bool:
        """Whether this is closed, by whomever."""
        return stop.scope in self.closed

    def undoable(self, stop: Stop) -> bool:
        """Whether it was closed by a press on a stop, which another press takes back."""
        return self.closed.get(stop.scope) == SuppressionReason.UNSUBSCRIBED

    def _agreed(self, purpose: Purpose) -> bool:
        return self.service and Scope.TIPS_AND_SPONSOR not in self.closed and purpose in self.granted


def stop_tips_by_email(entrant: Entrant, source: str = PAGE) -> bool:
    """No more tips and sponsor messages from this organiser to this entrant's email address.

    That goes for everyone on the address. Returns whether anything changed: a second press changes nothing.
    """
    return _stop(entrant, TIPS_BY_EMAIL, source)


def stop_tips_by_text(entrant: Entrant, source: str = PAGE) -> bool:
    """No more tips and sponsor messages to this entrant's number; as `stop_tips_by_email`."""
    return _stop(entrant, TIPS_BY_TEXT, source)


@transaction.atomic
def stop_tips(entrant: Entrant, source: str = PAGE) -> bool:
    """No more tips and sponsor messages on any channel. One press at one moment: `undo_tips` takes back just that."""
    at = clock.now()
    changed = [_withdraw(entrant, stop, source, at) for stop in _TIPS]
    if any(changed):
        _bump(*(_people(entrant, stop.channel) for stop in _TIPS))
    return any(changed)


def stop_all_texts(entrant: Entrant, source: str = PAGE) -> bool:
    """No more texts of any kind to this entrant's number, alerts too; as `stop_tips_by_email`."""
    return _stop(entrant, ALL_TEXTS, source)


@transaction.atomic
def undo(entrant: Entrant, stop: Stop, wording: str) -> bool:
    """Takes back a person's own stop and grants again what it withdrew, and nothing that was off before.

    `wording` is what they pressed. A bounce, a complaint, STOP or an entry by hand stays. Returns whether
    there was a stop to take back.
    """
    found = _own_stop(entrant, stop)
    if found is None:
        return False
    _take_back(entrant, stop, found, wording)
    _bump(_people(entrant, stop.channel))
    return True


@transaction.atomic
def undo_tips(entrant: Entrant, wording: str) -> bool:
    """Takes back the last press that stopped tips, on the channels that it stopped; as `undo`.

    What was stopped on the other channel by a press of its own before stays stopped.
    """
    found = [(stop, row) for stop in _TIPS if (row := _own_stop(entrant, stop))]
    if not found:
        return False
    last = max(row.at for _, row in found)
    for stop, row in found:
        if row.at == last:
            _take_back(entrant, stop, row, wording)
    _bump(*(_people(entrant, stop.channel) for stop, _ in found))
    return True


@transaction.atomic
def choose(
    entrant: Entrant,
    channel: Channel,
    wanted: Collection[Purpose],
    wording: str,
    offered: Collection[Purpose] | None = None,
    at: datetime | None = None,
) -> bool:
    """Sets what an address gets on a channel to what its owner has ticked; returns whether anything changed.

    Of an email address tips and sponsor messages can be chosen, of a phone news of the race as well. `offered` are
    those that could be ticked (None: all of them): the others stay as they are. Who unticks tips
    and sponsor has stopped them for everyone on the address; a tick takes one's own stop back. What a bounce, a
    complaint, STOP or a person closed stays closed. `wording` is what stood beside the ticks. Choices on two
    channels by one press have one moment, `at` (None: now).
    """
    asked = set(CHOICES[channel] if offered is None else offered)
    ticked = asked & set(wanted)
    changed, since = _open_or_close(entrant, channel, asked, ticked, at or clock.now())
    consents = Consent.objects.filter(entrant__in=_people(entrant, channel), channel=channel)
    off = consents.filter(granted=True, purpose__in=asked - ticked)
    changed |= bool(_answer(off, granted=False, withdrawn_at=since, source=PAGE))
    on = consents.filter(
        Q(entrant=entrant) | Q(withdrawn_at__isnull=False), granted=False, purpose__in=ticked
    )
    changed |= bool(_answer(on, granted=True, withdrawn_at=None, source=PAGE, wording=wording))
    changed |= _first_yes(entrant, channel, ticked, wording)
    if changed:
        _bump(_people(entrant, channel))
    return changed


CHOICES = {
    Channel.EMAIL: (Purpose.TIPS, Purpose.SPONSOR),
    Channel.SMS: (Purpose.SERVICE, Purpose.TIPS, Purpose.SPONSOR),
}
"""What can be ticked: an email about the race itself comes with the entry, a text of any kind needs a yes."""


def _open_or_close(
    entrant: Entrant, channel: Channel, asked: Collection[Purpose], ticked: Collection[Purpose], at: datetime
) -> tuple[bool, datetime]:
    """Takes back the owner's own stops where something is ticked; without tips and sponsor these are stopped.

    Returns whether that changed anything, and the moment that what is withdrawn bears, by which `undo` finds it.
    """
    tips = TIPS_BY_EMAIL if channel == Channel.EMAIL else TIPS_BY_TEXT
    stops = [ALL_TEXTS] if channel == Channel.SMS and ticked else []
    wants_tips = bool(set(ticked) & set(tips.purposes))
    own = [found for stop in [*stops, *([tips] if wants_tips else [])] if (found := _own_stop(entrant, stop))]
    for found in own:
        found.delete()
    if wants_tips or not set(asked) & set(tips.purposes):
        return bool(own), at
    closed, since = _close(entrant, tips, at)
    return bool(own) or closed, since


def _first_yes(entrant: Entrant, channel: Channel, purposes: Collection[Purpose], wording: str) -> bool:
    """A yes to what this entrant was never asked; returns whether there was any."""
    known = set(Consent.objects.filter(entrant=entrant, channel=channel).values_list("purpose", flat=True))
    values: dict[str, Any] = {
        "entrant": entrant, "channel": channel, "granted": True, "source": PAGE, "wording": wording, "at": clock.now(),
    }  # fmt: skip
    fresh = [purpose for purpose in purposes if purpose not in known]
    Consent.objects.bulk_create(Consent(purpose=purpose, **values) for purpose in fresh)
    ConsentEvent.objects.bulk_create(ConsentEvent(purpose=purpose, **values) for purpose in fresh)
    return bool(fresh)


@transaction.atomic
def stop_by_reply(organiser_id: int, number: str) -> bool:
    """Whoever has this number answered STOP: no more texts from this organiser; whether that changed anything.

    It takes the place of a stop on a page, which whoever holds the link could undo, and of a bad number, which
    this one is not: from now on START takes it back and nothing else.
    """
    hashed = hash_of(Channel.SMS, number)
    row, added = _closed(organiser_id, Channel.SMS, hashed, Scope.ALL, SuppressionReason.STOP, clock.now())
    if row.reason in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.BAD_NUMBER):
        row.reason, added = SuppressionReason.STOP, True
        row.save(update_fields=["reason"])
    people = _people_at(organiser_id, Channel.SMS, hashed)
    granted = Consent.objects.filter(entrant__in=people, channel=Channel.SMS, granted=True)
    withdrew = _answer(granted, granted=False, withdrawn_at=row.at, source=BY_REPLY)
    if added or withdrew:
        _bump(people)
    return added or withdrew > 0


@transaction.atomic
def start_by_reply(organiser_id: int, number: str, wording: str) -> bool:
    """Whoever has this number answered START: takes back their STOP and grants again what it withdrew.

    A bad number, a complaint or an entry by hand stays. Returns whether there was a stop to take back.
    """
    hashed = hash_of(Channel.SMS, number)
    own = (SuppressionReason.STOP, SuppressionReason.UNSUBSCRIBED)
    found = (
        Suppression.objects.select_for_update()
        .filter(
            organiser_id=organiser_id,
            channel=Channel.SMS,
            address_hash=hashed,
            scope=Scope.ALL,
            reason__in=own,
        )
        .first()
    )
    if found is None:
        return False
    found.delete()
    people = _people_at(organiser_id, Channel.SMS, hashed)
    withdrawn = Consent.objects.filter(
        entrant__in=people, channel=Channel.SMS, granted=False, withdrawn_at=found.at
    )
    _answer(withdrawn, granted=True, withdrawn_at=None, source=BY_REPLY, wording=wording)
    _bump(people)
    return True


def standing(entrant: Entrant, channel: Channel) -> Standing:
    """How things stand today for this entrant's address, all of the organiser's events taken together."""
    consents = Consent.objects.filter(entrant__in=_people(entrant, channel), channel=channel, granted=True)
    return Standing(
        channel=channel,
        granted=frozenset(consents.values_list("purpose", flat=True)),
        closed=dict(_suppressions(entrant, channel).values_list("scope", "reason")),
    )


@transaction.atomic
def suppress(
    organiser: Organiser, channel: Channel, address: str, scope: Scope, reason: SuppressionReason
) -> bool:
    """Closes a normalised email address or E.164 number for this organiser; consents are left as they are.

    Returns whether it was open before.
    """
    found = hash_of(channel, address)
    added = suppress_hash(organiser.pk, channel, found, scope, reason)
    if added:
        _bump(_people_at(organiser.pk, channel, found))
    return added


@transaction.atomic
def lift(organiser: Organiser, channel: Channel, address: str, scope: Scope | None = None) -> int:
    """Opens an address again, for one scope or for all; returns how many suppressions that removed.

    Consents that the person withdrew stay withdrawn: only they can give them again.
    """
    found = hash_of(channel, address)
    rows = Suppression.objects.filter(organiser=organiser, channel=channel, address_hash=found)
    removed, _ = (rows.filter(scope=scope) if scope else rows).delete()
    if removed:
        _bump(_people_at(organiser.pk, channel, found))
    return removed


def suppress_hash(
    organiser_id: int, channel: Channel, address_hash: bytes, scope: Scope, reason: SuppressionReason
) -> bool:
    """Closes the address with this hash, in the caller's transaction; returns whether it was open before.

    It leaves the event's row alone: the ledger calls this while settling, and a suppression alone never
    adds anyone to a step. The row stays locked until the commit: close several in the order of their hashes.
    """
    _, added = _closed(organiser_id, channel, address_hash, scope, reason, clock.now())
    return added


def hash_of(channel: Channel, address: str) -> bytes:
    """The keyed hash of an address as entrants carry it; upper and lower case of an email are the same."""
    return addresses.address_hash(address.lower() if channel == Channel.EMAIL else address)


@transaction.atomic
def _stop(entrant: Entrant, stop: Stop, source: str) -> bool:
    changed = _withdraw(entrant, stop, source, clock.now())
    if changed:
        _bump(_people(entrant, stop.channel))
    return changed


def _withdraw(entrant: Entrant, stop: Stop, source: str, at: datetime) -> bool:
    """Closes the address and withdraws the consents; the caller bumps the revision, as its last act."""
    added, since = _close(entrant, stop, at)
    # All that a stop withdraws bears the moment of the stop that stands, so that `undo` finds it by that.
    granted = _consents(entrant, stop).filter(granted=True)
    withdrew = _answer(granted, granted=False, withdrawn_at=since, source=source)
    return added or withdrew > 0


def _take_back(entrant: Entrant, stop: Stop, found: Suppression, wording: str) -> None:
    found.delete()
    withdrawn = _consents(entrant, stop).filter(granted=False, withdrawn_at=found.at)
    _answer(withdrawn, granted=True, withdrawn_at=None, source=f"{PAGE}, undone", wording=wording)


def _close(entrant: Entrant, stop: Stop, at: datetime) -> tuple[bool, datetime]:
    """Suppresses the entrant's address if there is one; whether that is new, and since when it is closed."""
    address_hash = _address_hash(entrant, stop.channel)
    if address_hash is None:
        return False, at
    row, added = _closed(
        entrant.event.organiser_id, stop.channel, address_hash, stop.scope, SuppressionReason.UNSUBSCRIBED, at
    )
    return added, row.at


def _closed(
    organiser_id: int,
    channel: Channel,
    address_hash: bytes,
    scope: Scope,
    reason: SuppressionReason,
    at: datetime,
) -> tuple[Suppression, bool]:
    """The suppression, made or found, and whether it is new. It is locked: an undo at once waits its turn.

    Another press can make it and its undo take it away between our insert and our second look: then it is looked for
    once more, for a stop that ends in an error was not heard.
    """
    made_or_found = partial(
        Suppression.objects.select_for_update(no_key=True).get_or_create,
        organiser_id=organiser_id,
        channel=channel,
        address_hash=address_hash,
        scope=scope,
        defaults={"reason": reason, "at": at},
    )
    for _ in range(TRIES):
        with contextlib.suppress(IntegrityError):
            return made_or_found()
    return made_or_found()


def _answer(
    consents: QuerySet[Consent],
    *,
    granted: bool,
    withdrawn_at: datetime | None,
    source: str,
    wording: str = "",
) -> int:
    """Gives these consents one answer and tells it in the consent story; returns how many there were."""
    at = clock.now()
    # Locked in id order, as everywhere, so that two presses at once cannot wait for each other.
    found = list(consents.select_for_update(no_key=True).order_by("id"))
    Consent.objects.filter(pk__in=[row.pk for row in found]).update(
        granted=granted, withdrawn_at=withdrawn_at, source=source, wording=wording, at=at
    )
    ConsentEvent.objects.bulk_create(
        ConsentEvent(
            entrant_id=row.entrant_id,
            channel=row.channel,
            purpose=row.purpose,
            granted=granted,
            source=source,
            wording=wording,
            at=at,
        )
        for row in found
    )
    return len(found)


def _bump(*people: QuerySet[Entrant]) -> None:
    """Raises the revision of these people's events, in id order: the last act of a transaction."""
    events = {event for some in people for event in some.values_list("event_id", flat=True).distinct()}
    for event_id in sorted(events):
        revision.bump(event_id)


def _consents(entrant: Entrant, stop: Stop) -> QuerySet[Consent]:
    people = _people(entrant, stop.channel)
    return Consent.objects.filter(entrant__in=people, channel=stop.channel, purpose__in=stop.purposes)


def _people(entrant: Entrant, channel: Channel) -> QuerySet[Entrant]:
    """Everyone of the organiser's events who is written to at this entrant's address."""
    address_hash = _address_hash(entrant, channel)
    if address_hash is None:
        return Entrant.objects.filter(pk=entrant.pk)
    return _people_at(entrant.event.organiser_id, channel, address_hash)


def _people_at(organiser_id: int, channel: Channel, address_hash: bytes) -> QuerySet[Entrant]:
    # Served by entrants_by_email and entrants_by_mobile, once for each event of the organiser.
    at_address = {"email_hash" if channel == Channel.EMAIL else "mobile_hash": address_hash}
    return Entrant.objects.filter(event__organiser_id=organiser_id, **at_address)


def _suppressions(entrant: Entrant, channel: Channel) -> QuerySet[Suppression]:
    return Suppression.objects.filter(
        organiser_id=entrant.event.organiser_id,
        channel=channel,
        # Nobody's hash is empty: an entrant without an address has no suppression.
        address_hash=_address_hash(entrant, channel) or b"",
    )


def _own_stop(entrant: Entrant, stop: Stop) -> Suppression | None:
    rows = _suppressions(entrant, stop.channel).filter(
        scope=stop.scope, reason=SuppressionReason.UNSUBSCRIBED
    )
    return rows.select_for_update().first()


def _address_hash(entrant: Entrant, channel: Channel) -> bytes | None:
    stored = entrant.email_hash if channel == Channel.EMAIL else entrant.mobile_hash
    return None if stored is None else bytes(stored)
