"""Replaying a dead drain's journal: answered is settled, handed over is a doubt, and the rest is due again."""

import os

import pytest
import time_machine
from people import LEASE, a_campaign, an_event, entrants, moment, the_step

import scheduler
from campaigns import ledger
from campaigns.journal import Answer, Journal
from campaigns.models import Attempt, Delivery, Outbox
from campaigns.models.words import Channel

DUE = moment("2027-08-03 09:00")


@pytest.fixture
def claimed(db, tmp_path):
    """Three mails claimed by a process with a journal: the journal and the claimed rows."""
    loaded = a_campaign(event := an_event())
    entrants(event, 3)
    own = Journal.open(tmp_path)
    step = the_step(loaded)
    with time_machine.travel(DUE, tick=False):
        scheduler.tick()
        claim = ledger.claim(Channel.EMAIL, step.id, DUE, limit=10, lease=LEASE, holder=own.name)
    version = the_step(loaded).version_id
    return own, [group[0] for group in claim.groups], version


def die(own: Journal) -> None:
    """What the kernel does for a killed process: its lock is gone, its file stays."""
    os.close(own.descriptor)


def test_each_row_of_a_dead_drain_ends_as_its_journal_says(claimed, tmp_path):
    own, (sent, doubtful, untouched), version = claimed
    own.handing([(sent.delivery, sent.claim)], version)
    own.answered(sent.delivery, Answer("accepted", "250", "", "queue-1"))
    own.handing([(doubtful.delivery, doubtful.claim)], version)
    die(own)
    assert ledger.replay_the_dead(tmp_path, DUE) == 3
    states = dict(Delivery.objects.values_list("id", "state"))
    assert states == {sent.delivery: "sent", doubtful.delivery: "uncertain", untouched.delivery: "due"}
    assert Delivery.objects.get(id=sent.delivery).version_id == version
    assert Attempt.objects.get(delivery_id=sent.delivery).provider_ref == "queue-1"
    assert dict(Outbox.objects.values_list("delivery_id", "lease_until")) == {
        doubtful.delivery: None,
        untouched.delivery: None,
    }
    assert list(tmp_path.iterdir()) == []
    assert ledger.replay_the_dead(tmp_path, DUE) == 0


def test_a_living_drain_is_not_replayed(claimed, tmp_path):
    own, (sent, *_), version = claimed
    own.handing([(sent.delivery, sent.claim)], version)
    assert ledger.replay_the_dead(tmp_path, DUE) == 0
    assert set(Delivery.objects.values_list("state", flat=True)) == {"due"}
    assert Outbox.objects.filter(lease_until=None).count() == 0
    die(own)


def test_an_old_line_says_nothing_about_a_later_claim(claimed, tmp_path):
    own, (first, *_), version = claimed
    own.handing([(first.delivery, first.claim - 1)], version)
    own.answered(first.delivery, Answer("accepted", "250"))
    die(own)
    ledger.replay_the_dead(tmp_path, DUE)
    assert Delivery.objects.get(id=first.delivery).state == "due"


@pytest.mark.parametrize(
    ("outcome", "state"), [("recipient", "failed"), ("transient", "due"), ("policy", "due")]
)
def test_a_refusal_in_the_journal_is_no_doubt(claimed, tmp_path, outcome, state):
    own, (first, *_), version = claimed
    own.handing([(first.delivery, first.claim)], version)
    own.answered(first.delivery, Answer(outcome, "550"))
    die(own)
    ledger.replay_the_dead(tmp_path, DUE)
    assert Delivery.objects.get(id=first.delivery).state == state
