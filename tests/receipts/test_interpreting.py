"""Interpreting: each report acts once, and codes that concern more than one text do what they ask for."""

from datetime import timedelta

import pytest
from people import DUE, a_campaign, a_step, an_event, claim_at, entrants, queue, the_step

from campaigns import ledger
from campaigns.ledger.settling import Result
from campaigns.models import Circuit, Delivery, Receipt, Step, Suppression
from campaigns.models.words import Channel
from campaigns.receipts import interpreting
from campaigns.receipts.storing import store
from campaigns.receipts.twilio_status import read_report

pytestmark = pytest.mark.django_db


def sent_texts(count: int, settled: bool = True, **fields) -> list[Delivery]:
    """Deliveries of one step as texts that Twilio has taken."""
    loaded = a_campaign(an_event(), a_step(channel="sms", template="hydration", per="entrant"))
    step = the_step(loaded)
    queue(step, entrants(loaded.event, count, **fields))
    if settled:
        groups = claim_at(DUE, step, Channel.SMS).groups
        results = [Result(row.delivery, row.claim, row.carrier, "accepted", provider_ref=f"SM{row.delivery}",
                          version=step.version_id) for group in groups for row in group]  # fmt: skip
        ledger.settle(Channel.SMS, results, DUE)
    return list(Delivery.objects.filter(step=step).order_by("id"))


def report(delivery: Delivery, status: str = "undelivered", code: str = "") -> None:
    store(
        delivery.id,
        read_report(sid=f"SM{delivery.id}", status=status, code=code, attempt=1, spread=delivery.id, raw={}),
    )


def interpret() -> None:
    while interpreting.interpret(DUE):
        pass


def states(rows: list[Delivery]) -> list[str]:
    return [Delivery.objects.get(id=row.id).state for row in rows]


def test_what_waits_is_interpreted_once():
    rows = sent_texts(3)
    for row in rows:
        report(row, "delivered")
    assert interpreting.is_due()
    interpret()
    assert states(rows) == ["delivered"] * 3
    assert not interpreting.is_due()
    first = set(Receipt.objects.values_list("interpreted_at", flat=True))
    interpreting.interpret(DUE + timedelta(hours=1))
    assert set(Receipt.objects.values_list("interpreted_at", flat=True)) == first == {DUE}


def test_a_report_on_what_a_drain_has_in_hand_waits_and_stops_no_other():
    [other] = sent_texts(1)
    [mine] = sent_texts(1, settled=False)
    claim_at(DUE, mine.step, Channel.SMS)
    report(mine, "delivered")
    report(other, "delivered")
    interpret()
    assert states([mine, other]) == ["due", "delivered"]
    assert Receipt.objects.get(delivery=mine.id).interpreted_at is None


@pytest.mark.parametrize(
    ("code", "reason"), [("30005", "bad_number"), ("30006", "bad_number"), ("21610", "stop")]
)
def test_a_number_that_is_none_or_said_stop_is_not_written_to_again(code, reason):
    [row] = sent_texts(1)
    report(row, code=code)
    interpret()
    assert states([row]) == ["bounced"]
    stop = Suppression.objects.get()
    assert (stop.channel, stop.scope, stop.reason) == ("sms", "all", reason)
    assert bytes(stop.address_hash) == bytes(row.entrant.mobile_hash)


def test_a_phone_that_is_off_is_suppressed_by_nothing():
    [row] = sent_texts(1)
    report(row, code="30003")
    interpret()
    assert states([row]) == ["due"]
    assert 30 <= (row.outbox.due_at - DUE).total_seconds() / 60 <= 60
    assert not Suppression.objects.exists()


def test_a_number_that_blocks_us_twice_is_not_written_to_again():
    first, second = sent_texts(2, mobile="+447700900001")
    report(first, code="30004")
    interpret()
    assert not Suppression.objects.exists()
    report(second, code="30004")
    interpret()
    assert Suppression.objects.get().reason == "bad_number"


def test_words_that_networks_take_for_spam_stop_their_step_and_suppress_nobody():
    rows = sent_texts(20)
    for row in rows[:2]:
        report(row, code="30007")
    interpret()
    assert Step.objects.get().state != "paused", "two may be chance"
    report(rows[2], code="30007")
    interpret()
    step = Step.objects.get()
    assert step.state == "paused"
    assert "spam" in step.state_reason
    assert states(rows[:3]) == ["bounced"] * 3
    assert not Suppression.objects.exists()


def test_an_account_that_is_suspended_opens_the_circuit():
    [row] = sent_texts(1)
    report(row, "failed", "30002")
    interpret()
    assert Circuit.objects.get(channel="sms").opened_at == DUE


def test_a_text_that_expired_on_its_way_says_so():
    [row] = sent_texts(1)
    report(row, "failed", "30036")
    interpret()
    row.refresh_from_db()
    assert (row.state, row.reason) == ("bounced", "expired")


def test_a_report_on_what_has_been_erased_since_is_done_with():
    [row] = sent_texts(1)
    report(row, "delivered")
    Receipt.objects.update(delivery=-1)
    interpret()
    assert not interpreting.is_due()
