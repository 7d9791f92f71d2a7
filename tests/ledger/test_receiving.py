"""Receiving: whatever order receipts come in, repeated or before our own commit, they come to the same."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import DUE, a_campaign, a_step, an_event, claim_at, entrants, queue, the_step

from campaigns import ledger
from campaigns.ledger.settling import Result
from campaigns.models import Campaign, Delivery, Enquiry, Outbox, Receipt
from campaigns.models.words import Channel

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

pytestmark = pytest.mark.django_db


def a_campaign_of_texts() -> Campaign:
    return a_campaign(an_event(), a_step(channel="sms", template="hydration"))


class Text:
    """One text to one or several entrants on one number, in the part of a drain and of Twilio."""

    def __init__(self, people: int = 1, loaded: Campaign | None = None, **fields) -> None:
        loaded = loaded or a_campaign_of_texts()
        self.step = the_step(loaded)
        self.rows = queue(self.step, entrants(loaded.event, people, **fields))
        self.id = self.rows[0].id

    def claim(self, at=DUE) -> None:
        self.claimed = claim_at(at, self.step, Channel.SMS).groups[0]

    def settle(self, outcome: str = "accepted", at=DUE) -> None:
        ledger.settle(
            Channel.SMS,
            [
                Result(row.delivery, row.claim, row.carrier, outcome, provider_ref="SM1", version=self.step.version_id,
                       attempts=row.attempts, latest_at=row.latest_at)
                for row in self.claimed
            ],
            at,
        )  # fmt: skip

    def report(self, standing: str, attempt: int = 1, retry_after: int = 1800, at=DUE) -> None:
        Receipt.objects.get_or_create(
            delivery=self.id, attempt=attempt, ref=f"SM{attempt}", status=standing,
            defaults={"provider": "twilio", "standing": standing, "raw": {}, "received_at": at,
                      "retry_after": retry_after if standing == "again" else None},
        )  # fmt: skip
        ledger.fold([self.id], at)

    @property
    def end(self):
        """Everything that matters of how things stand: states, reasons, queue and questions."""
        states = list(Delivery.objects.order_by("id").values_list("state", "reason", "claim"))
        waiting = list(Outbox.objects.order_by("pk").values_list("pk", "claim", "due_at", "lease_until"))
        return states, waiting, set(Enquiry.objects.values_list("pk", flat=True))

    def ends(self, *states: str) -> None:
        assert [row.state for row in Delivery.objects.order_by("id")] == list(states)


STANDINGS = ["on_its_way", "again", "not_delivered", "expired", "delivered"]
EVENTS = st.lists(st.sampled_from(STANDINGS), min_size=1, max_size=4, unique=True)


@pytest.fixture
def loaded(db) -> Campaign:
    """Shared by all examples of a property: each takes back what it did to it."""
    return a_campaign_of_texts()


class _Undone(Exception):
    pass


def outcome_of(act):
    """What an act comes to in a fresh transaction, of which nothing stays."""
    try:
        with transaction.atomic():
            raise _Undone(act())
    except _Undone as done:
        return done.args[0]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_order_repetition_and_earliness_of_receipts_comes_to_the_same(data, loaded):
    events = data.draw(EVENTS)
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=3))))
    settled_before = data.draw(st.integers(0, len(shuffled)))
    first_outcome = data.draw(st.sampled_from(["accepted", "doubtful"]))

    def play(order, settle_at, outcome):
        def act():
            text = Text(loaded=loaded)
            text.claim()
            for place in range(len(order) + 1):
                if place == settle_at:
                    text.settle(outcome)
                if place < len(order):
                    text.report(order[place])
            states, waiting, asked = text.end
            return states, [row[1:] for row in waiting], len(asked)

        return outcome_of(act)

    # However it was answered, and whenever, the receipts decide.
    assert play(shuffled, settled_before, first_outcome) == play(events, 0, "accepted")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_receipts_of_two_attempts_in_any_order_come_to_the_same(data, loaded):
    first = data.draw(st.lists(st.sampled_from(["on_its_way", "delivered"]), unique=True))
    second = data.draw(EVENTS)
    events = [("again", 1)] + [(word, 1) for word in first] + [(word, 2) for word in second]
    later = [event for event in events if event != ("again", 1)]
    shuffled = data.draw(st.permutations(later + data.draw(st.lists(st.sampled_from(events), max_size=3))))
    settled_before = data.draw(st.integers(0, len(shuffled)))

    def play(order, settle_at):
        def act():
            text = Text(loaded=loaded)
            text.claim()
            text.settle()
            text.report("again")
            text.claim(DUE + HOUR)
            for place in range(len(order) + 1):
                if place == settle_at:
                    text.settle(at=DUE + HOUR)
                if place < len(order):
                    text.report(*order[place], at=DUE + HOUR)
            states, waiting, asked = text.end
            return states, [row[1:] for row in waiting], len(asked)

        return outcome_of(act)

    assert play(shuffled, settled_before) == play(later, 0)


@pytest.mark.parametrize(
    ("reports", "state", "reason"),
    [
        (["on_its_way"], "sent", ""),
        (["delivered"], "delivered", ""),
        (["delivered", "not_delivered"], "delivered", ""),
        (["not_delivered"], "bounced", "provider_refused"),
        (["expired"], "bounced", "expired"),
        (["again"], "due", ""),
    ],
)
def test_what_each_report_makes_of_a_text(reports, state, reason):
    text = Text()
    text.claim()
    text.settle()
    for report in reports:
        text.report(report)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (state, reason)


def test_a_report_before_our_commit_waits_for_the_settle():
    text = Text()
    text.claim()
    text.report("delivered")
    text.ends("due")
    assert Outbox.objects.filter(lease_until__isnull=False).exists()
    text.settle()
    text.ends("delivered")
    assert not Outbox.objects.exists()
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize("outcome", ["doubtful", "accepted"])
def test_a_report_proves_a_doubt(outcome):
    text = Text()
    text.claim()
    text.settle("doubtful")
    text.ends("uncertain")
    text.report("on_its_way")
    text.ends("sent")
    asked = Enquiry.objects.get()
    assert (asked.ref, asked.look_at) == ("SM1", DUE + HOUR)


def test_a_phone_that_is_off_gets_one_more_try_and_no_third():
    text = Text()
    text.claim()
    text.settle()
    text.report("again")
    waiting = Outbox.objects.get()
    assert (waiting.due_at, waiting.claim) == (DUE + 30 * MINUTE, 1)
    assert not Enquiry.objects.exists()
    text.claim(DUE + HOUR)
    assert text.claimed[0].claim == 2
    text.settle(at=DUE + HOUR)
    text.report("again", attempt=2, at=DUE + HOUR)
    text.ends("bounced")
    assert not Outbox.objects.exists()


def test_a_try_that_would_come_too_late_is_not_made():
    text = Text()
    text.claim()
    text.settle()
    text.report("again", retry_after=25 * 3600)
    text.ends("bounced")


def test_a_further_try_that_may_not_be_made_any_more_ends_as_bounced_and_not_as_skipped():
    text = Text()
    text.claim()
    text.settle()
    text.report("again")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE entrants SET status = 'withdrawn'")
    assert claim_at(DUE + HOUR, text.step, Channel.SMS).groups == []
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("bounced", "withdrawn")


def test_a_failure_of_the_first_attempt_does_not_condemn_the_second():
    text = Text()
    text.claim()
    text.settle()
    text.report("again")
    text.claim(DUE + HOUR)
    text.settle(at=DUE + HOUR)
    text.report("not_delivered", attempt=1, at=DUE + HOUR)
    text.ends("sent")
    text.report("not_delivered", attempt=2, at=DUE + HOUR)
    text.ends("bounced")


def test_a_late_delivery_calls_a_further_try_off():
    text = Text()
    text.claim()
    text.settle()
    text.report("again")
    text.report("delivered")
    text.ends("delivered")
    assert not Outbox.objects.exists()


def test_those_whom_a_text_carried_share_its_fate():
    text = Text(3, mobile="+447700900001")
    text.claim()
    assert len(text.claimed) == 3
    text.settle()
    text.report("again")
    text.ends("due", "due", "due")
    text.claim(DUE + HOUR)
    assert len(text.claimed) == 3, "one text again, not three"
    text.settle(at=DUE + HOUR)
    text.report("delivered", attempt=2, at=DUE + HOUR)
    text.ends("delivered", "delivered", "delivered")


def test_a_text_that_is_on_its_way_is_asked_for_in_an_hour_once_for_a_family():
    text = Text(3, mobile="+447700900001")
    text.claim()
    text.settle()
    asked = Enquiry.objects.get()
    assert (asked.pk, asked.ref, asked.attempt, asked.look_at) == (text.id, "SM1", 1, DUE + HOUR)
