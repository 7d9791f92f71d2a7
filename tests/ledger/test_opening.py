"""Opening: everyone a step is for gets one row, whoever opens it, however often, whatever moves meanwhile."""

import time_machine
from people import a_campaign, a_step, an_event, entrants, moment, the_step

import scheduler
from campaigns import ledger
from campaigns.models import Delivery, Outbox
from campaigns.models.words import Channel

DUE = "2027-08-03 09:00"  # 47 days before the race, 10:00 in London


def test_nothing_opens_before_its_moment(db):
    loaded = a_campaign(event := an_event())
    entrants(event, 3)
    with time_machine.travel(moment("2027-08-03 08:59:59"), tick=False):
        scheduler.tick()
    assert not Delivery.objects.exists()
    with time_machine.travel(moment(DUE), tick=False):
        due = scheduler.tick()
    assert due.channels == [Channel.EMAIL]
    assert Delivery.objects.filter(step__campaign=loaded, state="due").count() == Outbox.objects.count() == 3


def test_opening_in_chunks_gives_each_entrant_one_row(db):
    loaded = a_campaign(event := an_event())
    entrants(event, 7)
    step = the_step(loaded)
    opened = [ledger.open_chunk(step.id, moment(DUE), chunk=3) for _ in range(3)]
    assert [(chunk.rows, chunk.complete) for chunk in opened if chunk] == [(3, False), (3, False), (1, True)]
    again = ledger.open_chunk(step.id, moment(DUE), chunk=3)
    assert again and again.rows == 0
    assert Delivery.objects.count() == 7


def test_a_step_is_claimed_by_consent(db):
    loaded = a_campaign(event := an_event(), a_step())
    entrants(event, 2)
    entrants(event, 1, consents=())
    with time_machine.travel(moment(DUE), tick=False):
        scheduler.tick()
        step = the_step(loaded)
        claim = ledger.claim(Channel.EMAIL, step.id, moment(DUE), limit=10, lease=LEASE, holder="me")
    assert len(claim.groups) == 2
    assert Delivery.objects.get(reason="no_consent").state == "skipped"


from people import LEASE  # noqa: E402
