"""What the database itself refuses: illegal moves, words that are not in the vocabulary, changes to history."""

from itertools import product

import pytest
from django.db import IntegrityError, transaction
from people import AT, DUE, a_campaign, an_event, entrant, queue, the_step

from campaigns import audit
from campaigns.ledger import LEGAL_MOVES
from campaigns.models import (
    AuditEntry,
    Campaign,
    Consent,
    ConsentEvent,
    Delivery,
    Entrant,
    Outbox,
    Step,
    Suppression,
    Version,
)
from campaigns.models.words import DeliveryState


@pytest.fixture
def row(db):
    event = an_event()
    return queue(the_step(a_campaign(event)), [entrant(event)])[0]


def allowed(act) -> bool:
    """Whether the database lets `act` happen; nothing of it stays."""
    try:
        with transaction.atomic():
            act()
            raise _UndoneError
    except _UndoneError:
        return True
    except IntegrityError:
        return False


class _UndoneError(Exception):
    pass


def test_the_database_allows_the_legal_moves_and_no_others(row):
    """Each state is written anew on a row of its own, so that every pair is tried."""
    found = {}
    for old, new in product(DeliveryState, DeliveryState):
        Delivery.objects.filter(id=row.id).delete()
        row.state = old
        row.save(force_insert=True)
        found[old, new] = allowed(lambda new=new: Delivery.objects.filter(id=row.id).update(state=new))
    legal = {
        (old, new)
        for old, new in product(DeliveryState, DeliveryState)
        if old == new or new in LEGAL_MOVES.get(old, ())
    }
    assert {pair for pair, yes in found.items() if yes} == legal


def test_what_has_come_to_an_end_is_never_due_again():
    """A text that was sent is, once: a report that the phone was off is worth one more try."""
    for old in ("delivered", "bounced", "failed"):
        assert "due" not in LEGAL_MOVES.get(DeliveryState(old), ())


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Delivery, "state"),
        (Delivery, "reason"),
        (Delivery, "channel"),
        (Outbox, "channel"),
        (Step, "state"),
        (Step, "purpose"),
        (Step, "kind"),
        (Campaign, "state"),
        (Entrant, "status"),
        (Entrant, "race_status"),
        (Consent, "purpose"),
    ],
)
def test_words_outside_the_vocabulary_are_refused(row, model, field):
    assert model.objects.exists()
    assert not allowed(lambda: model.objects.update(**{field: "vanished"}))


def test_a_suppression_has_a_known_scope(row):
    words = {"channel": "email", "scope": "everything", "reason": "stop", "address_hash": b"x"}
    organiser = row.step.campaign.event.organiser
    assert not allowed(lambda: Suppression.objects.create(organiser=organiser, at=AT, **words))


def test_a_second_row_for_one_step_and_entrant_is_refused(row):
    again = Delivery(step=row.step, entrant=row.entrant, channel="sms", plan_version=1)
    again.due_at = again.latest_at = DUE
    assert not allowed(again.save)


def test_versions_never_change(row):
    assert not allowed(lambda: Version.objects.update(source="Other words."))


def test_the_audit_log_is_neither_changed_nor_shortened(db):
    audit.record("ann@example.org", "campaign.start")
    assert not allowed(lambda: AuditEntry.objects.update(who="bob@example.org"))
    assert not allowed(lambda: AuditEntry.objects.all().delete())


def test_the_consent_story_never_changes_and_goes_with_its_entrant(db):
    person = entrant(an_event())
    ConsentEvent.objects.create(
        entrant=person, channel="email", purpose="tips", granted=True, source="entry list", at=AT
    )
    assert not allowed(lambda: ConsentEvent.objects.update(granted=False))
    assert allowed(lambda: Entrant.objects.filter(id=person.id).delete())
