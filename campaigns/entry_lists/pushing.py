"""One entry that a platform pushes as it happens: what it becomes is what its row on a list would have become.

The entry is made a row of one list and goes the same way: cleaned, staged, matched, compared, applied. Lists are for
many rows at once; a push takes about seventy small statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from campaigns import audit, clock
from campaigns.addresses import identity_hash
from campaigns.entry_lists import apply as applying
from campaigns.entry_lists import clean, staging
from campaigns.entry_lists.diff import compare
from campaigns.entry_lists.entries import Problem, Reader
from campaigns.entry_lists.imports import NOTHING_SAID, facts_of
from campaigns.entry_lists.mapping import BoundConsent, Field, Layout, Mapping
from campaigns.entry_lists.sheet import Row
from campaigns.models import Entrant, Event

REJECTED = "rejected"
LONGEST_WORDING = 500


@dataclass(frozen=True)
class Answered:
    """What the entrant was asked, and whether they said yes."""

    channel: str
    purpose: str
    granted: bool
    wording: str


@dataclass(frozen=True)
class Pushed:
    """One entry as the platform knows it. None is "the platform does not say", as a list without that column."""

    registration_id: str
    race: str
    first_name: str
    last_name: str
    email: str
    birth_date: date | None
    status: str
    phone: str | None = None
    wave: str | None = None
    bib: str | None = None
    club: str | None = None
    first_timer: bool | None = None
    consents: Sequence[Answered] = ()
    answered_at: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of it: one of an import's outcomes, or `rejected`; with the problems of its cells."""

    outcome: str
    problems: list[Problem]
    erased: bool = False


def push(event: Event, pushed: Pushed, *, source: str, who: str) -> Outcome:
    """Brings one entrant up to what was pushed, or says why not; nothing half."""
    layout, cells = _as_a_list(pushed, source)
    today = clock.now().astimezone(event.zone).date()
    reader = Reader(layout, facts_of(event), None, today=today)
    with transaction.atomic(), staging.staged_table():
        staging.stage(reader.entries(iter([Row(1, 1, cells)])), source)
        erased = staging.reject_erased(event)
        if reader.rejected or erased:
            return Outcome(REJECTED, [*reader.problems, *erased], bool(erased))
        diff = compare(event, layout, NOTHING_SAID)
        if diff.changes_something:
            applying.take_turn(event)
            diff = compare(event, layout, NOTHING_SAID)
        outcome = next(name for name, rows in diff.outcomes.items() if rows)
        if diff.changes_something:
            audit.record(who, "entrants.push", event=event.slug, source=source, outcome=outcome)
            applying.apply(event, source, clock.now())
    return Outcome(outcome, reader.problems)


def find(event: Event, source: str, registration_id: str) -> Entrant | None:
    """The entrant who was pushed or listed under that id. Served by entrants_one_identity_an_event."""
    return Entrant.objects.filter(event=event, identity=identity_hash(source, registration_id)).first()


def _as_a_list(pushed: Pushed, source: str) -> tuple[Layout, list[str]]:
    """A list of this one row, whose headings are the names of the fields."""
    said = {field: value for field, value in _cells(pushed).items() if value is not None}
    headings = [field.name.lower() for field in said]
    consents = [
        BoundConsent(len(said) + place, _wording(answered), ((answered.channel, answered.purpose),))
        for place, answered in enumerate(pushed.consents)
    ]
    cells = [*said.values(), *("yes" if answered.granted else "no" for answered in pushed.consents)]
    mapping = Mapping(
        source=source,
        title=source,
        marks=(),
        columns={field: (heading,) for field, heading in zip(said, headings, strict=True)},
        statuses={"confirmed": "confirmed", "held": "held", "withdrawn": "withdrawn"},
    )
    places = {field: (place,) for place, field in enumerate(said)}
    return Layout(
        mapping,
        (*headings, *(f"consents.{place}" for place in range(len(consents)))),
        places,
        tuple(consents),
    ), cells


def _cells(pushed: Pushed) -> dict[Field, str | None]:
    return {
        Field.REGISTRATION_ID: pushed.registration_id,
        Field.RACE: pushed.race,
        Field.FIRST_NAME: pushed.first_name,
        Field.LAST_NAME: pushed.last_name,
        Field.EMAIL: pushed.email,
        Field.BIRTH_DATE: pushed.birth_date.isoformat() if pushed.birth_date else "",
        Field.STATUS: pushed.status,
        Field.PHONE: pushed.phone,
        Field.WAVE: pushed.wave,
        Field.BIB: pushed.bib,
        Field.CLUB: pushed.club,
        Field.FIRST_TIMER: None if pushed.first_timer is None else "yes" if pushed.first_timer else "no",
        Field.ANSWERED_AT: pushed.answered_at.isoformat() if pushed.answered_at else None,
    }


def _wording(answered: Answered) -> str:
    """The question on one line; what cannot be read of it is left out, for the yes counts all the same."""
    return clean.text(answered.wording.replace("\ufffd", ""), LONGEST_WORDING)
