"""The tasks of the worker that alerts hang on."""

from datetime import timedelta

import pytest
import redis
from celery import Celery
from django.conf import settings

import scheduler
import worker
from campaigns import clock
from campaigns.cli.processes import COMMANDS
from campaigns.models.words import Channel


@pytest.mark.parametrize("channel", list(Channel))
def test_a_press_wakes_every_drain_for_alerts_of_the_channel(monkeypatch, channel):
    woken = []
    monkeypatch.setattr(
        worker, "enqueue", lambda task, *words, **more: woken.append((task.name, *words, more)) is None
    )
    worker.wake_alerts(channel)
    assert woken == [("alert", channel, {"queue": "alerts", "expires": 2})] * worker.ALERT_SLOTS[channel]


def test_a_tick_is_queued_for_the_very_moment_that_comes_before_the_next_one(db, monkeypatch):
    moment, queued = clock.now() + timedelta(seconds=0.4), []
    monkeypatch.setattr(worker.scheduler, "tick", lambda: scheduler.Due([], more=False, next_moment=moment))
    monkeypatch.setattr(worker.connection, "close_if_unusable_or_obsolete", lambda: None)
    monkeypatch.setattr(worker.tick, "apply_async", lambda *_, **how: queued.append(how))
    worker.tick()
    assert [(how["queue"], how["eta"], how["retry"]) for how in queued] == [("clock", moment, False)]


def test_a_press_without_a_broker_tries_once(monkeypatch):
    tried = []
    monkeypatch.setattr(worker, "enqueue", lambda *words, **more: tried.append(words) is not None)
    worker.wake_alerts(Channel.EMAIL)
    assert len(tried) == 1


def test_who_got_ready_wakes_over_the_connection_that_is_there():
    """A press paid a third of a second for the first word to Redis."""
    worker.get_ready()
    with redis.Redis.from_url(settings.REDIS_URL) as looking:
        before = looking.info("stats")["total_connections_received"]
        worker.wake_alerts(Channel.EMAIL)
        assert looking.info("stats")["total_connections_received"] == before
        assert looking.delete("alerts") == 1


def test_without_a_broker_getting_ready_is_left_to_the_first_wake(monkeypatch):
    nowhere = Celery("nowhere", fixups=[], amqp=worker.Amqp, broker="redis://127.0.0.1:1")
    monkeypatch.setattr(worker, "app", nowhere)
    worker.get_ready()


def test_the_clock_has_threads_left_when_every_alert_hangs():
    threads = int(COMMANDS["clock"][COMMANDS["clock"].index("--concurrency") + 1])
    assert threads == sum(worker.ALERT_SLOTS.values()) + 2


def test_each_slot_of_an_alert_has_a_drain_of_its_own():
    first, second = (worker.own_alert_drain(Channel.SMS, slot) for slot in (0, 1))
    assert first is not second
    assert first is worker.own_alert_drain(Channel.SMS, 0)
    assert first.alerts_only
