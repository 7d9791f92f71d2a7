"""Those whom one reason holds, together: who is meant, what becomes of them, and that a yes is to just those seen."""

from __future__ import annotations

from datetime import date

import pytest
from people import an_event, entrant, entrants
from reigate import revision_of

from campaigns import held
from campaigns.entry_lists.diff import MINOR_REASON, STATUS_REASON
from campaigns.models import Entrant, Event

pytestmark = pytest.mark.django_db

CHILD = date(2012, 5, 5)
UNSURE = {"status": "held", "hold_reason": STATUS_REASON}


@pytest.fixture
def event() -> Event:
    made = an_event()
    entrants(made, 2)
    entrants(made, 3, **UNSURE)
    entrants(made, 1, status="held", hold_reason="Two entries.")
    entrants(an_event(), 5, **UNSURE)
    return made


def states(event: Event) -> list[tuple[str, str]]:
    return list(event.entrants.order_by("id").values_list("status", "hold_reason"))


def test_the_held_stand_together_by_their_reason_most_first(event):
    found = held.together(event)
    assert [(one.reason, len(one.ids)) for one in found] == [(STATUS_REASON, 3), ("Two entries.", 1)]
    assert [one.is_of_lists for one in found] == [True, False]


def test_children_without_a_guardian_are_counted_beside_them(event):
    entrant(event, born=CHILD, **UNSURE)
    entrant(event, born=CHILD, guardian=True, **UNSURE)
    assert held.together(event)[0].unguarded == 1


def test_all_of_one_reason_are_released_and_nobody_else(event):
    before = revision_of(event)
    [unsure, _] = held.together(event)
    assert held.release(event, STATUS_REASON, unsure.seen) == unsure.ids
    assert states(event) == [("confirmed", "")] * 5 + [("held", "Two entries.")]
    assert Entrant.objects.filter(status="held", hold_reason=STATUS_REASON).count() == 5, "of the other event"
    assert revision_of(event) == before + 1


def test_a_released_child_goes_on_waiting_for_a_guardian(event):
    alone = entrant(event, born=CHILD, **UNSURE)
    guarded = entrant(event, born=CHILD, guardian=True, **UNSURE)
    small = entrant(event, race="kids", born=CHILD, **UNSURE)
    held.release(event, STATUS_REASON)
    reasons = dict(event.entrants.values_list("id", "hold_reason"))
    assert [reasons[one.id] for one in (alone, guarded, small)] == [MINOR_REASON, "", ""]


def test_a_yes_is_to_just_those_who_were_seen(event):
    seen = held.together(event)[0].seen
    entrant(event, **UNSURE)
    before = states(event), revision_of(event)
    for change in (held.release, held.keep):
        with pytest.raises(held.OthersNow):
            change(event, STATUS_REASON, seen)
    assert (states(event), revision_of(event)) == before


def test_the_second_press_changes_nothing(event):
    held.release(event, STATUS_REASON)
    before = revision_of(event)
    assert held.release(event, STATUS_REASON) == []
    assert revision_of(event) == before


def test_who_has_withdrawn_or_is_erased_is_not_brought_back(event):
    entrant(event, status="withdrawn", hold_reason=STATUS_REASON)
    assert len(held.release(event, STATUS_REASON)) == 3
    assert event.entrants.filter(status="withdrawn").count() == 1


def test_the_kept_are_held_by_hand_from_then_on(event):
    assert len(held.keep(event, STATUS_REASON)) == 3
    assert states(event).count(("held", f"Kept held. {STATUS_REASON}")) == 3
    assert [one.is_of_lists for one in held.together(event)] == [False, False]
