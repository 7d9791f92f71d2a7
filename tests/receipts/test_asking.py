"""Asking Twilio: a lost answer is found again and nobody is texted twice; what is not there is sent once more."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from people import DUE, a_campaign, a_step, an_event, claim_at, entrants, fate, queue, the_step

from campaigns import ledger, providers
from campaigns.drain import Drain
from campaigns.models import Delivery, Enquiry, Outbox, Receipt
from campaigns.models.words import Channel
from campaigns.receipts import asking, interpreting
from postbox import Postbox

pytestmark = pytest.mark.django_db(transaction=True)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def box(settings) -> Iterator[Postbox]:
    """A Twilio whose list dates texts by the real clock, so tests travel from now on."""
    with Postbox(delivery_delay=30) as box:
        settings.TWILIO_BASE_URL, settings.TWILIO_FROM = box.twilio_base_url, "+447700900900"
        yield box


def drain(at=DUE, seconds: float = 5) -> None:
    sending = Drain(Channel.SMS)
    with time_machine.travel(at):
        sending.run(seconds)
        if "carrier" in sending.__dict__:
            sending.carrier.close()


def ask(at) -> None:
    look_ups = providers.sms_look_ups()
    with time_machine.travel(at, tick=False):
        while asking.ask(look_ups):
            pass
    look_ups.close()


def a_send(count: int = 1, **fields):
    loaded = a_campaign(an_event(), a_step(channel="sms", template="hydration", per="entrant"))
    people = entrants(loaded.event, count, **fields)
    queue(the_step(loaded), people)
    return people


@pytest.fixture(autouse=True)
def _texts_are_dated_like_the_test(monkeypatch) -> None:
    """The postbox is another machine, as it were: its clock is put right by the way that tests travel."""
    from campaigns.channels import twilio_look_ups

    real = twilio_look_ups._found

    def dated(row):
        found = real(row)
        return twilio_look_ups.Found(found.sid, found.status, found.code, found.body, DUE)

    monkeypatch.setattr(twilio_look_ups, "_found", dated)


def states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_a_lost_answer_is_found_in_twilios_list_and_nothing_is_sent_again(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", kept=True, count=1)
    drain()
    assert fate(person)[0] == "uncertain"
    ask(DUE + 50 * SECOND)
    assert fate(person)[0] == "uncertain", "a doubt rests for a minute first"
    ask(DUE + 2 * MINUTE)
    assert fate(person) == ("sent", "")
    assert Receipt.objects.get().ref == box.texts[0].sid
    drain(DUE + 3 * MINUTE)
    assert len(box.texts) == 1


def test_what_twilio_never_had_is_looked_for_twice_and_sent_once_more(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", count=1)
    drain()
    ask(DUE + 70 * SECOND)
    assert not Outbox.objects.exists(), "looked for once"
    ask(DUE + 3 * MINUTE)
    assert Outbox.objects.get().claim == 1
    drain(DUE + 3 * MINUTE)
    assert fate(person) == ("sent", "")
    assert Delivery.objects.get().claim == 2
    assert len(box.texts) == 1


def test_a_text_that_the_list_does_not_show_yet_is_found_by_the_second_look(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", kept=True, count=1)
    box.faults.add("twilio", "lag", seconds=3600, count=1)
    drain()
    ask(DUE + 70 * SECOND)
    assert fate(person)[0] == "uncertain"
    ask(DUE + 3 * MINUTE)
    assert fate(person) == ("sent", "")
    assert len(box.texts) == 1


def test_siblings_with_the_same_words_on_one_phone_get_one_each(box):
    """Of three equal texts one was answered, one arrived unanswered, and one never arrived."""
    people = siblings(3)
    box.faults.add("twilio", "close", "create", kept=True, count=1, after=1)
    box.faults.add("twilio", "close", "create", count=1, after=1)
    drain()
    assert sorted(states()) == ["sent", "uncertain", "uncertain"]
    assert len(box.texts) == 2
    ask(DUE + 70 * SECOND)
    assert sorted(states()) == ["sent", "sent", "uncertain"]
    ask(DUE + 3 * MINUTE)
    drain(DUE + 3 * MINUTE)
    assert states() == ["sent"] * 3
    assert len(box.texts) == len(people)
    assert len({text.body for text in box.texts}) == 1


def siblings(count: int):
    """Children on their parent's phone, whose texts hold nothing of their own."""
    loaded = a_campaign(
        an_event(),
        a_step(channel="sms", template="plain", per="entrant", purpose="service"),
        folder=Path(__file__).parent / "data",
    )
    people = entrants(loaded.event, count, mobile="+447700900001")
    queue(the_step(loaded), people)
    return people


def test_a_second_doubt_that_no_list_settles_ends_as_unknown(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", count=2)
    drain()
    ask(DUE + 70 * SECOND)
    ask(DUE + 3 * MINUTE)
    drain(DUE + 3 * MINUTE)
    assert fate(person)[0] == "uncertain"
    ask(DUE + 5 * MINUTE)
    ask(DUE + 7 * MINUTE)
    assert fate(person) == ("unknown", "")
    assert not Outbox.objects.exists()
    assert not Enquiry.objects.exists()


def test_a_doubt_past_its_latest_time_is_not_sent_again(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", count=1)
    drain()
    ask(DUE + 25 * HOUR)
    ask(DUE + 26 * HOUR)
    assert fate(person) == ("unknown", "")
    assert box.texts == []


def test_a_receipt_that_came_meanwhile_is_read_before_the_text_is_sent_again(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", count=1)
    drain()
    ask(DUE + 70 * SECOND)
    Receipt.objects.create(
        provider="twilio", delivery=Delivery.objects.get().id, attempt=1, ref="SM1", status="sent",
        standing="on_its_way", raw={}, received_at=DUE,
    )  # fmt: skip
    ask(DUE + 3 * MINUTE)
    assert fate(person) == ("sent", "")
    assert not Outbox.objects.exists()


def test_nothing_is_decided_while_another_text_to_the_number_is_under_way(box):
    first, second = siblings(2)
    Outbox.objects.filter(delivery__entrant=second).update(due_at=DUE + HOUR)
    box.faults.add("twilio", "close", "create", count=1)
    drain()
    claim_at(DUE + HOUR, Delivery.objects.get(entrant=second).step, Channel.SMS)
    ask(DUE + HOUR)
    ask(DUE + 2 * HOUR)
    assert fate(first)[0] == "uncertain"
    assert Enquiry.objects.get().looks == 0


def test_a_twilio_that_does_not_answer_decides_nothing(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", count=1)
    drain()
    box.faults.add("twilio", "refuse", "list", code=503)
    for minutes in (2, 4, 6, 8):
        ask(DUE + minutes * MINUTE)
    assert fate(person)[0] == "uncertain"
    assert Enquiry.objects.get().looks == 0


def test_a_killed_drain_leaves_words_by_which_its_text_is_found(box, settings, tmp_path):
    """The line before the POST holds a hash of the words; the words themselves it does not."""
    settings.JOURNAL_FOLDER = tmp_path
    [person] = a_send()
    sending = Drain(Channel.SMS)
    with time_machine.travel(DUE):
        claim = claim_at(DUE, Delivery.objects.get().step, Channel.SMS)
        Outbox.objects.update(holder=sending.journal.name)
        block = sending._prepared(claim, 0)
        for message in block.noted(block.texts(), sending.journal):
            sending.carrier._answer(
                message
            )  # the POST got through; the process dies before it has the answer
    [body] = {text.body for text in box.texts}
    assert body not in sending.journal.path.read_text()
    os.close(sending.journal.descriptor)
    ledger.replay_the_dead(tmp_path, DUE)
    assert fate(person)[0] == "uncertain"
    assert Enquiry.objects.get().body_hash
    ask(DUE + 2 * MINUTE)
    assert fate(person) == ("sent", "")
    assert len(box.texts) == 1


def test_the_texts_of_a_lost_machine_are_found_without_their_words(box):
    [person] = a_send()
    box.faults.add("twilio", "close", "create", kept=True, count=1)
    drain()
    Enquiry.objects.update(body_hash="")
    ask(DUE + 2 * MINUTE)
    assert fate(person) == ("sent", "")


def test_a_text_that_nothing_reported_for_an_hour_is_asked_for_by_its_sid(box):
    [person] = a_send()
    drain()
    ask(DUE + 50 * MINUTE)
    assert not Receipt.objects.exists()
    box.texts[0].status = "delivered"
    ask(DUE + 2 * HOUR)
    interpreting.interpret(DUE + 2 * HOUR)
    assert fate(person) == ("delivered", "")
    assert not Enquiry.objects.exists()


def test_a_text_still_on_its_way_is_asked_for_once_more_when_it_must_have_ended(box):
    [person] = a_send()
    drain()
    ask(DUE + 2 * HOUR)
    again = Enquiry.objects.get()
    assert again.look_at - again.since == asking.LONGEST_VALIDITY
    ask(DUE + 11 * HOUR)
    interpreting.interpret(DUE + 11 * HOUR)
    assert fate(person)[0] == "sent"
    assert not Enquiry.objects.exists()


def test_a_text_that_twilio_has_no_more_is_not_asked_for_again(box):
    a_send()
    drain()
    box.texts[0].deleted = True
    ask(DUE + 2 * HOUR)
    assert not Enquiry.objects.exists()
