"""What is watched, read from a ledger in which the thing has happened."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from people import DUE, a_campaign, a_step, an_event, entrants, queue, the_step

from campaigns import campaign, circuit, ledger
from campaigns.drain import LEASE
from campaigns.ledger import Result
from campaigns.models import Campaign
from campaigns.models.words import Channel
from campaigns.watch import figures, heartbeat
from campaigns.watch.trouble import troubles

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def waiting():
    """Five people whose email is due, and a clock that ticks."""
    loaded = a_campaign(an_event(), a_step())
    queue(the_step(loaded), entrants(loaded.event, 5))
    heartbeat.beat(heartbeat.TICK)
    return loaded


def at(moment):
    with time_machine.travel(moment, tick=False):
        return figures.read()


def names(found) -> set[str]:
    return {trouble.name for trouble in troubles(found)}


def test_what_is_due_is_counted_with_its_age(waiting):
    email = at(DUE + 2 * MINUTE).channels["email"]
    assert (email.all_due, email.late_s) == (5, 120.0)
    assert names(at(DUE + 2 * MINUTE)) == set()


def test_what_is_not_due_yet_does_not_wait(waiting):
    assert at(DUE - MINUTE).channels["email"].all_due == 0


def test_a_paused_campaign_waits_for_nobody(waiting):
    campaign.pause(Campaign.objects.get(id=waiting.id))
    found = at(DUE + 10 * MINUTE)
    assert found.channels["email"].all_due == 0
    assert names(found) == set()


def test_due_for_longer_than_five_minutes_with_nothing_leaving_is_trouble(waiting):
    assert names(at(DUE + 5 * MINUTE)) == set()
    assert names(at(DUE + 5 * MINUTE + timedelta(seconds=1))) == {"email-late"}


def test_what_waited_for_a_start_or_in_a_pause_is_no_trouble_right_after_it(waiting):
    campaign.pause(waiting)
    with time_machine.travel(DUE + timedelta(hours=2), tick=False):
        campaign.resume(waiting)
    assert "email-late" not in names(at(DUE + timedelta(hours=2, seconds=10)))
    assert at(DUE + timedelta(hours=2, seconds=10)).channels[Channel.EMAIL].late_s == 10.0
    assert "email-late" in names(at(DUE + timedelta(hours=2, minutes=6)))


def test_a_long_send_that_goes_on_is_no_trouble(waiting):
    claim_and_settle(waiting, "accepted", DUE + 9 * MINUTE)
    found = at(DUE + 9 * MINUTE + timedelta(seconds=30))
    assert found.channels["email"].accepted == 1
    assert names(found) == set()
    assert names(at(DUE + 11 * MINUTE)) == {"email-late"}


def test_attempts_count_for_a_minute_by_their_outcome(waiting):
    claim_and_settle(waiting, "recipient", DUE)
    claim_and_settle(waiting, "accepted", DUE + 2 * MINUTE)
    assert at(DUE + 2 * MINUTE).channels["email"].last_minute == {"accepted": 1}
    assert at(DUE + 4 * MINUTE).channels["email"].last_minute == {}


def test_a_claim_in_hand_has_an_age(waiting):
    claim(waiting, DUE)
    email = figures.read().channels["email"]
    assert email.claimed == 1
    assert 0 <= email.claim_age_s < 60
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox SET lease_until = lease_until - INTERVAL '100 s' WHERE claim > 0")
    assert 100 <= figures.read().channels["email"].claim_age_s < 160


def test_a_provider_that_stopped_is_trouble_after_a_minute(waiting):
    circuit.opened(Channel.EMAIL, "policy", "535 wrong password", DUE)
    assert names(at(DUE + MINUTE)) == set()
    found = at(DUE + 2 * MINUTE)
    assert found.channels["email"].stopped == "535 wrong password"
    assert names(found) == {"email-stopped"}


def test_a_clock_that_does_not_tick_is_trouble(waiting):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE heartbeats SET at = at - INTERVAL '50 s'")
    assert names(at(DUE)) == set()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE heartbeats SET at = at - INTERVAL '15 s'")
    assert names(at(DUE)) == {"clock"}


def test_the_figures_take_a_handful_of_queries(waiting, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        figures.read()


def claim(loaded, now, limit: int = 1):
    return ledger.claim(Channel.EMAIL, the_step(loaded).id, now, limit=limit, lease=LEASE, holder="h")


def claim_and_settle(loaded, outcome: str, now) -> None:
    [(delivery, number)] = claim(loaded, now).fences
    ledger.settle(
        Channel.EMAIL, [Result(delivery, number, delivery, outcome, version=the_step(loaded).version_id)], now
    )
