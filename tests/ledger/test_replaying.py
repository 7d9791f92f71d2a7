"""Replaying a dead drain's journal: answered is settled, handed over is a doubt, and the rest is due again."""

import os

import pytest
import time_machine
from django.db import connection
from people import LEASE, a_campaign, a_step, an_event, entrants, moment, the_step

import scheduler
from campaigns import ledger
from campaigns.journal import Answer, Journal
from campaigns.ledger.settling import DOUBT_RESTS
from campaigns.models import Attempt, Delivery, Enquiry, Outbox
from campaigns.models.words import Channel

DUE = moment("2027-08-03 09:00")


@pytest.fixture
def claimed(db, tmp_path):
    """Three mails claimed by a process with a journal: the journal and the claimed rows."""
    return block_of_three(tmp_path, a_campaign(an_event()), Channel.EMAIL)


@pytest.fixture
def claimed_texts(db, tmp_path):
    """The same of texts."""
    loaded = a_campaign(an_event(), a_step(channel="sms", template="hydration"))
    return block_of_three(tmp_path, loaded, Channel.SMS)


def block_of_three(folder, loaded, channel):
    entrants(loaded.event, 3)
    own = Journal.open(folder)
    step = the_step(loaded)
    with time_machine.travel(DUE, tick=False):
        scheduler.tick()
        claim = ledger.claim(channel, step.id, DUE, limit=10, lease=LEASE, holder=own.name)
    return own, [group[0] for group in claim.groups], the_step(loaded).version_id


def fall_silent() -> None:
    """The machine is gone for longer than its lease and its time to come back: its block is in doubt."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox SET lease_until = clock_timestamp() - interval '11 minutes'")
    ledger.sweep(DUE)


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


# A machine that comes back after its block was swept


def note_answers(own, accepted, refused, unanswered, version):
    for row in (accepted, refused, unanswered):
        own.handing([(row.delivery, row.claim)], version)
    own.answered(accepted.delivery, Answer("accepted", "250", "", "ref-1"))
    own.answered(refused.delivery, Answer("recipient", "550 5.1.1"))


def test_the_answers_of_a_machine_that_comes_back_late_end_its_doubts(claimed, tmp_path):
    """They were thrown away with the file, and those people got the mail twice."""
    own, (accepted, refused, unanswered), version = claimed
    note_answers(own, accepted, refused, unanswered, version)
    fall_silent()
    die(own)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"uncertain"}
    assert ledger.replay_the_dead(tmp_path, DUE) == 1
    states = dict(Delivery.objects.values_list("id", "state"))
    assert states == {
        accepted.delivery: "sent",
        refused.delivery: "uncertain",
        unanswered.delivery: "uncertain",
    }
    tried = Attempt.objects.get(delivery_id=accepted.delivery)
    assert (tried.outcome, tried.provider_ref) == ("accepted", "ref-1")
    assert set(Outbox.objects.values_list("delivery_id", flat=True)) == {
        refused.delivery,
        unanswered.delivery,
    }


def test_a_late_answer_to_a_text_names_it_to_those_who_ask_for_others(claimed_texts, tmp_path):
    """A text that is accounted for by its sid is not taken for a sibling's that is in doubt."""
    own, (accepted, refused, unanswered), version = claimed_texts
    note_answers(own, accepted, refused, unanswered, version)
    fall_silent()
    die(own)
    ledger.replay_the_dead(tmp_path, DUE)
    assert Delivery.objects.get(id=accepted.delivery).state == "sent"
    assert dict(Enquiry.objects.values_list("delivery_id", "ref")) == {
        accepted.delivery: "ref-1",
        refused.delivery: "",
        unanswered.delivery: "",
    }
    assert Attempt.objects.get(delivery_id=accepted.delivery).provider_ref == "ref-1"


@pytest.mark.parametrize("outcome", ["accepted", "recipient", "doubtful"])
def test_a_late_answer_comes_when_the_message_is_being_sent_again(claimed, tmp_path, outcome):
    own, (first, *_), version = claimed
    own.handing([(first.delivery, first.claim)], version)
    own.answered(first.delivery, Answer("accepted", "250"))
    fall_silent()
    step, later = Delivery.objects.get(id=first.delivery).step_id, DUE + DOUBT_RESTS
    [again, *_] = ledger.claim(Channel.EMAIL, step, later, limit=10, lease=LEASE, holder="other").fences
    die(own)
    ledger.replay_the_dead(tmp_path, DUE)
    ledger.settle(Channel.EMAIL, [ledger.Result(*again, first.delivery, outcome)], later)
    row = Delivery.objects.get(id=first.delivery)
    assert (row.id, row.state, row.sent_at) == (again[0], "sent", DUE)
    assert not Outbox.objects.filter(delivery_id=first.delivery).exists()


def test_a_late_answer_to_an_earlier_hand_over_ends_no_later_doubt(claimed, tmp_path):
    """It may have been accepted and refused by the phone since: only the doubt's own hand-over counts."""
    own, (first, *_), version = claimed
    own.handing([(first.delivery, first.claim)], version)
    own.answered(first.delivery, Answer("accepted", "250"))
    fall_silent()
    Delivery.objects.filter(id=first.delivery).update(claim=first.claim + 1)
    die(own)
    assert ledger.replay_the_dead(tmp_path, DUE) == 0
    assert Delivery.objects.get(id=first.delivery).state == "uncertain"
