"""What is done to one entrant by hand: whose address a child's is, a hold, and what became of them on the day.

It changes people and raises the event's revision; it must not know deliveries: the tick looks again at what was
held, and the claim asks again who may be written to.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import QuerySet

from campaigns import addresses, clock, revision
from campaigns.audience import MINOR_SQL
from campaigns.entry_lists.diff import MINOR_REASON, STATUS_REASON
from campaigns.entry_lists.matching import PAIR_REASON
from campaigns.models import Entrant, Event, Guardian
from campaigns.models.words import EntrantStatus, RaceStatus

CONTACT_FIELDS = ("email", "email_hash", "mobile", "mobile_hash", "mobile_ok")

HELD_BY_HAND = "Held by hand."
NO_GUARDIAN = "Under 18: say whose address this is."
NO_VALUE = "A message needs a value that is not known, such as the bib number."


class PersonError(Exception):
    """One sentence for a person: what cannot be done with this entrant, and what to do."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A guardian's addresses: a normalised email address, and a number in E.164 or none."""

    email: str
    mobile: str = ""
    mobile_ok: bool = False
    """Whether the number can be texted."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What became of the bibs of a marking; every bib given stands in exactly one of these."""

    changed: int
    as_before: int
    unknown: list[str]
    shared: list[str]
    """Bibs that more than one entrant has: nobody can tell who is meant, so none of them is marked."""

    @property
    def known(self) -> int:
        return self.changed + self.as_before


def find(event: Event, word: str) -> Entrant:
    """The entrant with this bib, or with this id written as `id:17`. Raises PersonError."""
    kind, sign, number = word.strip().partition(":")
    if sign and kind.lower() == "id" and number.isdecimal():
        found = list(event.entrants.filter(id=int(number)))
    else:
        found = list(_with_bib(event).filter(bib__iexact=word.strip())[:2])
    if len(found) > 1:
        raise PersonError(f"More than one entrant has bib {word}: say who is meant by id, such as id:17.")
    if not found:
        raise PersonError(
            f"Nobody has {word} in {event.slug}: `aidstation entrants show NAME --event {event.slug}` "
            "shows bibs, and ids where there is none."
        )
    return found[0]


@transaction.atomic
def name_guardian(entrant: Entrant, name: str, contact: Contact | None, source: str) -> None:
    """Says whose address stands in a child's entry, and from then on it is written to.

    `contact` takes the place of the entry's address and number, for those may be the child's own; None when
    they are the guardian's already. `source` tells how that is known. Consents stay as the entry gave them.
    Raises PersonError for an adult, and when no address is known.
    """
    locked = _locked(entrant)
    if not is_minor(locked):
        raise PersonError(
            f"{_called(locked)} is 18 or over on race day: an adult's messages go to nobody else."
        )
    if contact is None and not (locked.email or locked.mobile):
        raise PersonError(f"There is no address in the entry of {_called(locked)}: give the guardian's.")
    if contact is not None:
        _replace_contact(locked, contact)
    if locked.status == EntrantStatus.CONFIRMED:
        locked.hold_reason = ""
    locked.save(update_fields=[*CONTACT_FIELDS, "hold_reason", "updated_at"])
    Guardian.objects.update_or_create(
        entrant=locked, defaults={"name": name, "source": source, "at": clock.now()}
    )
    revision.bump(locked.event_id)


def why_held(event: Event) -> list[str]:
    """Why entrants of the event are held, each reason once, without a word that somebody wrote of a person."""
    held = event.entrants.filter(status=EntrantStatus.HELD)
    reasons = set(held.values_list("hold_reason", flat=True).distinct())
    known = {
        STATUS_REASON: "the entry list does not confirm them",
        PAIR_REASON: "they may be in the list twice",
    }
    said = [why for reason, why in known.items() if reason in reasons]
    return [*said, "somebody held them by hand"] if reasons - known.keys() else said


def with_an_address(event: Event) -> list[int]:
    """The children without a guardian in whose entry an address stands, by id. Served by entrants_by_event."""
    with connection.cursor() as cursor:
        cursor.execute(_WITH_AN_ADDRESS, {"event": event.id})
        return [entrant for (entrant,) in cursor.fetchall()]


@transaction.atomic
def name_all_guardians(event: Event, source: str) -> int:
    """Says of all of them at once that the address in the entry is their guardian's; how many they were."""
    ids = with_an_address(event)
    # In id order, as every change of several rows: two of them never wait for each other in a circle.
    rows = Entrant.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
    locked = [row.id for row in rows]
    now = clock.now()
    made = [Guardian(entrant_id=entrant, source=source, at=now) for entrant in locked]
    Guardian.objects.bulk_create(made, ignore_conflicts=True)
    confirmed = Entrant.objects.filter(id__in=locked, status=EntrantStatus.CONFIRMED)
    confirmed.update(hold_reason="", updated_at=now)
    if locked:
        revision.bump(event.id)
    return len(locked)


@transaction.atomic
def hold(entrant: Entrant, reason: str) -> bool:
    """Nothing goes to this entrant until they are released; whether that changed anything.

    Without a `reason` an earlier hold keeps its own. What is claimed already still goes out. Raises PersonError
    for who has withdrawn.
    """
    locked = _locked(entrant)
    if locked.status == EntrantStatus.WITHDRAWN:
        raise PersonError(f"{_called(locked)} has withdrawn and gets nothing: there is nothing to hold.")
    earlier = locked.hold_reason if locked.status == EntrantStatus.HELD else ""
    return _set(locked, EntrantStatus.HELD, reason or earlier or HELD_BY_HAND)


@transaction.atomic
def release(entrant: Entrant) -> bool:
    """Ends a hold; whether there was one. Who has withdrawn is not brought back by this: PersonError."""
    locked = _locked(entrant)
    if locked.status == EntrantStatus.WITHDRAWN:
        raise PersonError(f"{_called(locked)} has withdrawn: only the entry list brings an entry back.")
    if locked.status == EntrantStatus.CONFIRMED:
        return False
    return _set(locked, EntrantStatus.CONFIRMED, _waits_after_release(locked))


@transaction.atomic
def mark_one(entrant: Entrant, status: RaceStatus) -> bool:
    """Notes what became of one entrant on the day, or takes it back (`UNKNOWN`); whether that changed anything."""
    locked = _locked(entrant)
    if locked.race_status == status:
        return False
    locked.race_status = status
    locked.save(update_fields=["race_status", "updated_at"])
    revision.bump(locked.event_id)
    return True


@transaction.atomic
def withdraw(entrant: Entrant) -> bool:
    """The entry is given back, and nothing planned goes to it any more; whether it stood until now.

    As the row of a list that says so. A later list or push that confirms the entry brings it back.
    """
    locked = _locked(entrant)
    if locked.status == EntrantStatus.WITHDRAWN:
        return False
    return _set(locked, EntrantStatus.WITHDRAWN, "")


@transaction.atomic
def mark(event: Event, bibs: Collection[str], status: RaceStatus) -> Marked:
    """Marks the entrants with these bibs; bibs that are not known or not one person's are told and passed over.

    A later mark replaces an earlier one.
    """
    wanted = {bib.lower(): bib for bib in bibs}
    found = _by_bib(event, wanted)
    single = [people[0] for people in found.values() if len(people) == 1]
    to_change = sorted(person for person, before in single if before != status)
    # In id order, as every change of several rows: two of them never wait for each other in a circle.
    rows = Entrant.objects.select_for_update(no_key=True).filter(id__in=to_change).order_by("id")
    changed = Entrant.objects.filter(id__in=[row.id for row in rows]).update(
        race_status=status, updated_at=clock.now()
    )
    if changed:
        revision.bump(event.id)
    return Marked(
        changed=changed,
        as_before=len(single) - changed,
        unknown=[wanted[bib] for bib in wanted if bib not in found],
        shared=[wanted[bib] for bib, people in found.items() if len(people) > 1],
    )


def waiting(event: Event) -> dict[int, str]:
    """Who gets nothing until a person acts: ids of entrants, each with what they wait for, in words."""
    with connection.cursor() as cursor:
        cursor.execute(_LACKING, {"event": event.id, "now": clock.now(), "why": NO_VALUE})
        lacking = dict(cursor.fetchall())
        cursor.execute(_WAITING, {"event": event.id, "why": NO_GUARDIAN})
        return lacking | dict(cursor.fetchall())


# Whose own entry waits: one pass over the event's entrants by entrants_by_event.
_WAITING = f"""
SELECT e.id, CASE WHEN e.status = 'held' THEN e.hold_reason ELSE %(why)s END
FROM entrants e JOIN races r ON r.id = e.race_id JOIN events ev ON ev.id = e.event_id
LEFT JOIN guardians g ON g.entrant_id = e.id
WHERE e.event_id = %(event)s
    AND (e.status = 'held' OR (e.status <> 'withdrawn' AND {MINOR_SQL} AND g.entrant_id IS NULL))"""

_WITH_AN_ADDRESS = f"""
SELECT e.id FROM entrants e JOIN races r ON r.id = e.race_id JOIN events ev ON ev.id = e.event_id
LEFT JOIN guardians g ON g.entrant_id = e.id
WHERE e.event_id = %(event)s AND e.status <> 'withdrawn' AND e.erased_at IS NULL AND (e.email <> '' OR e.mobile <> '')
    AND {MINOR_SQL} AND g.entrant_id IS NULL
ORDER BY e.id"""

# For whom a message waits that can still be made in time: by deliveries_held, as few are held however many were sent.
_LACKING = """
SELECT DISTINCT e.id, %(why)s FROM campaigns c JOIN steps s ON s.campaign_id = c.id
JOIN deliveries d ON d.step_id = s.id AND d.held_revision IS NOT NULL
JOIN entrants e ON e.id = d.entrant_id
WHERE c.event_id = %(event)s AND e.status <> 'withdrawn'
    AND d.state = 'held' AND d.reason = 'missing_value' AND d.latest_at > %(now)s"""


def _locked(entrant: Entrant) -> Entrant:
    return Entrant.objects.select_for_update(no_key=True).get(id=entrant.id)


def _called(entrant: Entrant) -> str:
    return f"{entrant.first_name} {entrant.last_name}".strip()


def is_minor(entrant: Entrant) -> bool:
    """Under 18 on race day, or in a race for children."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {MINOR_SQL} FROM entrants e JOIN races r ON r.id = e.race_id "
            "JOIN events ev ON ev.id = e.event_id WHERE e.id = %s",
            [entrant.id],
        )
        return bool(cursor.fetchone()[0])


def _replace_contact(entrant: Entrant, contact: Contact) -> None:
    entrant.email, entrant.mobile, entrant.mobile_ok = contact.email, contact.mobile, contact.mobile_ok
    entrant.email_hash = addresses.address_hash(contact.email.lower())
    entrant.mobile_hash = addresses.address_hash(contact.mobile) if contact.mobile else None


def _waits_after_release(entrant: Entrant) -> str:
    """What the entry list says of a child in an adult race, for a released one still lacks a guardian."""
    guarded = Guardian.objects.filter(entrant=entrant).exists()
    return "" if guarded or entrant.race.for_children or not is_minor(entrant) else MINOR_REASON


def _set(entrant: Entrant, status: EntrantStatus, reason: str) -> bool:
    if (entrant.status, entrant.hold_reason) == (status, reason):
        return False
    entrant.status, entrant.hold_reason = status, reason
    entrant.save(update_fields=["status", "hold_reason", "updated_at"])
    revision.bump(entrant.event_id)
    return True


def _by_bib(event: Event, wanted: Collection[str]) -> dict[str, list[tuple[int, str]]]:
    """Entrants' ids and race statuses by bib in lower case; one query, however many bibs there are."""
    found: dict[str, list[tuple[int, str]]] = {}
    for person, bib, status in _with_bib(event).values_list("id", "bib", "race_status").iterator():
        if bib.lower() in wanted:
            found.setdefault(bib.lower(), []).append((person, status))
    return found


def _with_bib(event: Event) -> QuerySet[Entrant]:
    """Who runs with a number: one who has handed on an entry may still have the number that another has now."""
    return event.entrants.exclude(bib="").exclude(status=EntrantStatus.WITHDRAWN)
