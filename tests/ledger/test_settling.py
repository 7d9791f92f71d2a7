"""Settling: each answer of a provider, the fence that keeps late ones out, and what becomes of a doubt."""

from datetime import timedelta

import pytest
from django.db import connection
from people import (
    DUE,
    LEASE,
    a_campaign,
    a_step,
    an_event,
    claim_at,
    entrants,
    fate,
    queue,
    the_step,
)

from campaigns import ledger
from campaigns.channels.smtp import DOT_TIMEOUT
from campaigns.ledger.settling import DOUBT_RESTS, LONGEST_BACK_OFF, Result, back_off
from campaigns.models import Attempt, Delivery, Outbox
from campaigns.models.words import Channel, Reason

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
TEXT = {"channel": "sms", "template": "hydration"}


class Send:
    """A step with people in its queue, claimed and settled by a test in the part of a drain."""

    def __init__(self, count: int = 1, channel: Channel = Channel.EMAIL, **fields) -> None:
        event = an_event()
        self.loaded = a_campaign(event, a_step(**TEXT) if channel == Channel.SMS else a_step())
        self.step, self.channel = the_step(self.loaded), channel
        self.people = entrants(event, count, **fields)
        queue(self.step, self.people)

    @property
    def row(self) -> Delivery:
        return Delivery.objects.order_by("id")[0]

    @property
    def waiting(self) -> Outbox:
        return Outbox.objects.get(delivery=self.row)

    def claim(self, at=DUE, limit: int = 100) -> ledger.Claim:
        return claim_at(at, self.step, self.channel, limit)

    def settle(self, claim: ledger.Claim, outcome: str, at=DUE, **words) -> None:
        results = [
            Result(
                row.delivery,
                row.claim,
                row.carrier,
                outcome,
                **{
                    "attempts": row.attempts,
                    "latest_at": row.latest_at,
                    "version": self.step.version_id,
                    **words,
                },
            )
            for group in claim.groups
            for row in group
        ]
        ledger.settle(self.channel, results, at)


@pytest.fixture
def send(db) -> Send:
    return Send()


# Each kind of answer


def test_accepted_is_sent_and_leaves_the_queue(send):
    send.settle(send.claim(), "accepted", code="250", provider_ref="4XyZ12")
    row = send.row
    assert (row.state, row.reason, row.attempts, row.sent_at) == ("sent", "", 1, DUE)
    assert (row.version_id, row.carrier_id) == (send.step.version_id, None)
    assert not Outbox.objects.exists()
    attempt = Attempt.objects.get()
    assert (attempt.number, attempt.outcome, attempt.code) == (1, "accepted", "250")
    assert attempt.provider_ref == "4XyZ12"


@pytest.mark.parametrize("outcome", ["recipient", "message"])
def test_a_refusal_is_final(send, outcome):
    send.settle(send.claim(), outcome, code="550 5.1.1")
    assert fate(send.people[0]) == ("failed", "provider_refused")
    assert (send.row.attempts, send.row.sent_at, Outbox.objects.count()) == (1, None, 0)


def test_a_policy_refusal_uses_no_attempt_and_keeps_the_place(send):
    send.settle(send.claim(), "policy", code="535")
    assert (send.row.state, send.row.attempts) == ("due", 0)
    assert (send.waiting.lease_until, send.waiting.due_at) == (None, DUE)
    assert len(send.claim().groups) == 1


def test_what_is_refused_for_now_waits_and_is_tried_again(send):
    send.settle(send.claim(), "transient", code="451")
    wait = send.waiting.due_at - DUE
    assert 15 * SECOND <= wait <= 30 * SECOND
    assert (send.row.state, send.row.attempts, send.waiting.lease_until) == ("due", 1, None)
    assert not send.claim(DUE + 14 * SECOND).groups
    assert len(send.claim(DUE + 31 * SECOND).groups) == 1


def test_a_provider_that_names_a_wait_is_obeyed(send):
    send.settle(send.claim(), "transient", retry_after=600.0)
    assert send.waiting.due_at == DUE + 600 * SECOND


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 30), (1, 60), (3, 240), (4, 480), (5, 900), (9, 900)])
def test_waits_double_with_each_attempt_up_to_a_quarter_of_an_hour(attempts, seconds):
    for _ in range(20):
        assert seconds / 2 <= back_off(attempts).total_seconds() <= seconds


def test_a_mail_server_that_is_away_for_days_breaks_no_settle(send):
    assert LONGEST_BACK_OFF / 2 <= back_off(500) <= LONGEST_BACK_OFF


def test_a_wait_past_the_latest_time_ends_as_expired(send):
    at = DUE + DAY - 10 * SECOND
    send.settle(send.claim(at), "transient", at=at)
    assert fate(send.people[0]) == ("failed", "expired")
    assert (send.row.attempts, Outbox.objects.count()) == (1, 0)


def test_a_block_with_every_kind_of_answer_is_settled_each_by_its_own(db):
    send = Send(5)
    claim = send.claim()
    kinds = ["accepted", "recipient", "policy", "transient", "doubtful"]
    results = [
        Result(row.delivery, row.claim, row.carrier, kind, latest_at=row.latest_at)
        for [row], kind in zip(claim.groups, kinds, strict=True)
    ]
    ledger.settle(Channel.EMAIL, results, DUE)
    states = list(Delivery.objects.order_by("id").values_list("state", flat=True))
    assert states == ["sent", "failed", "due", "due", "uncertain"]
    assert not Outbox.objects.filter(lease_until__isnull=False).exists()
    assert Attempt.objects.count() == 5


def test_nothing_to_settle_is_no_error(db):
    ledger.settle(Channel.EMAIL, [], DUE)
    ledger.release([])
    ledger.hold([], Reason.MISSING_VALUE, DUE)


# Families


def test_a_carrier_settles_for_those_it_carries(db):
    send = Send(3, email="family@example.org")
    send.settle(send.claim(), "accepted")
    first, *carried = Delivery.objects.order_by("id")
    assert (first.carrier_id, {row.carrier_id for row in carried}) == (None, {first.id})
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert Attempt.objects.get().delivery_id == first.id


@pytest.mark.parametrize("outcome", ["transient", "doubtful", "policy"])
def test_a_family_comes_back_together_and_is_greeted_together_again(db, outcome):
    """Were each to wait for a time of its own, the first would be sent alone and the next once more."""
    send = Send(4, email="family@example.org")
    first = send.claim()
    send.settle(first, outcome)
    [due_at] = set(Outbox.objects.values_list("due_at", flat=True))
    [group] = send.claim(due_at).groups
    assert [row.delivery for row in group] == [row.delivery for row in first.groups[0]]
    assert group[0].message_id == first.groups[0][0].message_id


# The fence


@pytest.mark.parametrize("outcome", ["recipient", "message", "policy", "transient", "doubtful"])
def test_a_stale_claim_changes_nothing(send, outcome):
    old = send.claim()
    ledger.release(old.fences)
    send.claim()
    before = Delivery.objects.values().get(), Outbox.objects.values().get()
    send.settle(old, outcome)
    assert (Delivery.objects.values().get(), Outbox.objects.values().get()) == before


def test_a_stale_release_or_hold_changes_nothing(send):
    old = send.claim()
    ledger.release(old.fences)
    send.claim()
    before = Delivery.objects.values().get(), Outbox.objects.values().get()
    ledger.release(old.fences)
    ledger.hold(old.fences, Reason.MISSING_VALUE, DUE)
    assert (Delivery.objects.values().get(), Outbox.objects.values().get()) == before


@pytest.mark.parametrize("meanwhile", ["due", "claimed", "uncertain", "unknown"])
def test_a_late_acceptance_always_wins(send, meanwhile):
    old = send.claim()
    if meanwhile in ("due", "claimed"):
        ledger.release(old.fences)
    if meanwhile == "claimed":
        send.claim()
    if meanwhile in ("uncertain", "unknown"):
        lapse(send)
        ledger.sweep(DUE)
    if meanwhile == "unknown":
        send.settle(send.claim(DUE + DOUBT_RESTS), "doubtful")
    assert send.row.state == ("due" if meanwhile == "claimed" else meanwhile)
    send.settle(old, "accepted")
    assert fate(send.people[0]) == ("sent", "")
    assert not Outbox.objects.exists()


def test_a_late_acceptance_does_not_undo_an_end(send):
    old = send.claim()
    ledger.release(old.fences)
    send.settle(send.claim(), "recipient")
    send.settle(old, "accepted")
    assert fate(send.people[0]) == ("failed", "provider_refused")


def test_settled_twice_is_settled_once(send):
    claim = send.claim()
    send.settle(claim, "accepted")
    before = Delivery.objects.values().get()
    for outcome in ("accepted", "transient", "recipient", "doubtful"):
        send.settle(claim, outcome, at=DUE + HOUR)
    assert Delivery.objects.values().get() == before
    assert Attempt.objects.count() == 1


# Doubt


def lapse(send: Send) -> None:
    """The claim's lease has run out."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox SET lease_until = clock_timestamp() - interval '11 minutes'")


def test_a_doubtful_email_rests_and_is_sent_once_more_under_the_same_message_id(send):
    claim = send.claim()
    send.settle(claim, "doubtful")
    assert (send.row.state, send.row.attempts) == ("uncertain", 1)
    assert not send.claim(DUE + DOUBT_RESTS - SECOND).groups
    [[again]] = send.claim(DUE + DOUBT_RESTS).groups
    assert again.message_id == claim.groups[0][0].message_id != ""
    assert again.claim == 2


def test_an_email_doubtful_twice_ends_as_unknown_and_is_not_sent_again(send):
    send.settle(send.claim(), "doubtful")
    send.settle(send.claim(DUE + DOUBT_RESTS), "doubtful", at=DUE + DOUBT_RESTS)
    assert send.row.state == "unknown"
    assert send.row.settled_at == DUE + DOUBT_RESTS
    assert not Outbox.objects.exists()
    assert Attempt.objects.count() == 2


def test_a_resend_that_is_accepted_ends_the_doubt(send):
    send.settle(send.claim(), "doubtful")
    send.settle(send.claim(DUE + DOUBT_RESTS), "accepted")
    assert fate(send.people[0]) == ("sent", "")


def test_a_resend_that_is_refused_for_now_stays_in_doubt_and_is_tried_again(send):
    send.settle(send.claim(), "doubtful")
    send.settle(send.claim(DUE + DOUBT_RESTS), "transient", at=DUE + DOUBT_RESTS)
    assert send.row.state == "uncertain"
    assert len(send.claim(DUE + HOUR).groups) == 1


def test_a_doubt_is_not_sent_again_after_its_latest_time_or_an_unsubscribe(send):
    send.settle(send.claim(), "doubtful")
    assert not send.claim(DUE + DAY).groups
    assert send.row.state == "unknown"
    assert not Outbox.objects.exists()


def test_a_doubtful_text_is_never_sent_again_blindly(db):
    send = Send(channel=Channel.SMS)
    send.settle(send.claim(), "doubtful")
    assert send.row.state == "uncertain"
    assert not Outbox.objects.exists()
    assert not send.claim(DUE + HOUR).groups


# Held for a person


def test_a_held_row_leaves_the_queue_and_waits_for_a_person(send):
    ledger.hold(send.claim().fences, Reason.MISSING_VALUE, DUE)
    assert fate(send.people[0]) == ("held", "missing_value")
    assert (send.row.attempts, Outbox.objects.count()) == (0, 0)


def test_a_doubt_that_cannot_be_rendered_any_more_ends_as_unknown(send):
    """It may have arrived: it is not held to be sent again as if nothing had happened."""
    send.settle(send.claim(), "doubtful")
    ledger.hold(send.claim(DUE + DOUBT_RESTS).fences, Reason.MISSING_VALUE, DUE + DOUBT_RESTS)
    assert send.row.state == "unknown"
    assert not Outbox.objects.exists()


def test_a_paused_step_says_why_and_tells_the_drains(send):
    before = ledger.stop_epoch()
    ledger.pause_step(send.step.id, "The provider refuses this message: 552 too big")
    step = the_step(send.loaded)
    assert (step.state, step.state_reason) == ("paused", "The provider refuses this message: 552 too big")
    assert ledger.stop_epoch() > before


# Sweeping


def test_a_lease_that_runs_is_left_alone(send):
    send.claim()
    assert ledger.sweep(DUE + DAY) == 0
    assert send.waiting.lease_until is not None


def test_an_expired_lease_becomes_a_doubt_and_never_simply_due(send):
    claim = send.claim()
    lapse(send)
    assert ledger.sweep(DUE) == 1
    assert (send.row.state, send.waiting.lease_until, send.waiting.due_at) == (
        "uncertain",
        None,
        DUE + DOUBT_RESTS,
    )
    before = Delivery.objects.values().get(), Outbox.objects.values().get()
    send.settle(claim, "transient")
    assert (Delivery.objects.values().get(), Outbox.objects.values().get()) == before
    assert ledger.sweep(DUE) == 0


def test_a_lease_that_expires_on_a_resend_ends_as_unknown(send):
    send.claim()
    lapse(send)
    ledger.sweep(DUE)
    send.claim(DUE + DOUBT_RESTS)
    lapse(send)
    assert ledger.sweep(DUE + DOUBT_RESTS) == 1
    assert (send.row.state, send.row.settled_at) == ("unknown", DUE + DOUBT_RESTS)
    assert not Outbox.objects.exists()


def test_an_expired_lease_of_a_text_waits_for_evidence_out_of_the_queue(db):
    send = Send(channel=Channel.SMS)
    send.claim()
    lapse(send)
    assert ledger.sweep(DUE) == 1
    assert (send.row.state, Outbox.objects.count()) == ("uncertain", 0)


def test_a_lease_is_longer_than_a_slice_and_the_longest_answer():
    from campaigns.drain import HAND_OVER_UNTIL, SLICE
    from campaigns.drain import LEASE as DRAIN_LEASE

    assert HAND_OVER_UNTIL > SLICE
    assert DRAIN_LEASE.total_seconds() > HAND_OVER_UNTIL + DOT_TIMEOUT + 60
    assert LEASE < DRAIN_LEASE


def test_no_task_is_ended_before_its_lease():
    from campaigns.drain import LEASE as DRAIN_LEASE
    from worker import app

    assert app.conf.task_time_limit > DRAIN_LEASE.total_seconds()


def test_the_answer_to_the_dot_is_awaited_for_the_ten_minutes_of_rfc_5321():
    assert DOT_TIMEOUT >= 600


# Steps that have nothing left


def test_a_step_is_done_when_its_queue_is_empty_and_not_before(db):
    send = Send(2)
    type(send.step).objects.update(state="sending", opened_revision=1, first_opened_revision=1)
    send.settle(send.claim(limit=1), "accepted")
    ledger.finish_steps()
    assert the_step(send.loaded).state == "sending"
    send.settle(send.claim(), "recipient")
    ledger.finish_steps()
    assert the_step(send.loaded).state == "done"


@pytest.mark.parametrize("state", ["waiting", "approved", "paused", "off"])
def test_only_a_sending_step_becomes_done(db, state):
    send = Send(0)
    type(send.step).objects.update(state=state, opened_revision=1, first_opened_revision=1)
    ledger.finish_steps()
    assert the_step(send.loaded).state == state


# A commit whose answer is lost with the connection is asked for once more


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("outcome", ["accepted", "recipient", "transient", "doubtful", "policy"])
def test_the_same_outcomes_once_more_change_nothing(db, channel, outcome):
    """An email's doubt settled twice counted as a second doubt: it ended as unknown and was never sent again."""
    send = Send(2, channel)
    claim = send.claim()
    send.settle(claim, outcome)
    once = ledger_of(send)
    send.settle(claim, outcome, DUE + SECOND)
    assert ledger_of(send) == once


def ledger_of(send: Send) -> list[tuple]:
    """What tells how a delivery goes on, of each of the step's."""
    return [
        *Delivery.objects.filter(step=send.step)
        .order_by("id")
        .values_list("id", "state", "reason", "attempts"),
        *Outbox.objects.order_by("delivery_id").values_list("delivery_id", "claim", "lease_until"),
        *Attempt.objects.order_by("delivery_id").values_list("delivery_id", "number", "outcome"),
    ]
