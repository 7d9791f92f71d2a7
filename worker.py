"""The Celery application. Tasks carry no people and no messages: each is a few lines that call campaigns."""

import contextlib
import os
import threading
import warnings
from datetime import datetime
from functools import cache
from typing import Any, Self

import django
from celery import Celery
from celery.app.amqp import AMQP
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging, worker_process_init
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

import scheduler  # noqa: E402
from campaigns import clock, errands, logs, notices, privacy, providers, tallies  # noqa: E402
from campaigns.alerts import reaching  # noqa: E402
from campaigns.channels.twilio_look_ups import TwilioLookUps  # noqa: E402
from campaigns.drain import Drain  # noqa: E402
from campaigns.entry_lists import uploads  # noqa: E402
from campaigns.models.words import Channel  # noqa: E402
from campaigns.receipts import asking, forwarding, interpreting  # noqa: E402
from campaigns.slots import free_slots, hold_slot  # noqa: E402
from campaigns.watch import heartbeat  # noqa: E402
from config.environment import SERVICE_VARIABLE  # noqa: E402

SLOTS = {Channel.EMAIL: 8, Channel.SMS: 2}
"""Drains of a channel at once, over all machines."""

ALERT_SLOTS = {Channel.EMAIL: 4, Channel.SMS: 2}
"""Drains of a channel that take alerts alone, over all machines. The clock's worker has a thread for each and two
more (`cli/processes.py`): with every one of them at a server that hangs, the ticks go on."""

QUEUES = ("clock", "alerts", "email", "sms", "errands")


def broker_url(redis_url: str) -> str:
    """The Redis address as Celery's transport spells it: a unix socket has a scheme of its own there."""
    path, _, database = redis_url.removeprefix("unix://").partition("?db=")
    return (
        f"redis+socket://{path}?virtual_host={database or 0}"
        if redis_url.startswith("unix://")
        else redis_url
    )


# Nothing is unpickled here: what Celery warns of when it runs as root does not arise.
warnings.filterwarnings("ignore", category=SecurityWarning)


LONGEST_WAIT_FOR_REDIS = 2
"""Seconds between tries to connect to a Redis that is away. Kombu's own wait grows to half a minute."""


class PatientConnection(Connection):
    """A connection that tries again at short intervals, so that sending goes on when Redis does."""

    def ensure_connection(self, *args: Any, **options: Any) -> Self:
        """As kombu's own, with waits that do not grow."""
        return super().ensure_connection(*args, **{"interval_max": LONGEST_WAIT_FOR_REDIS, **options})


class Amqp(AMQP):
    """Celery's way of making connections; its `Connection` is the class that it makes them of."""

    Connection = PatientConnection


# Celery's own Django fix-up closes the database connection before and after every task.
app = Celery("aidstation", fixups=[], amqp=Amqp)
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "health_check_interval": 10,
        # A task is done with when it is taken, so nothing notes in Redis which are in hand. Such a note that could not
        # be removed while Redis was away kept its place for ever, and with all its places taken a worker listened no
        # more and never learned that its connection was gone.
        "ack_emulation": False,
        "queue_order_strategy": "sorted",
        "client_name": os.environ.get(SERVICE_VARIABLE),
    },
    # Each queue has an exchange and a routing key of its own: a bare Queue("alerts") binds to the default one.
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
    task_default_queue="clock",
    task_default_exchange="clock",
    task_default_routing_key="clock",
    task_create_missing_queues=False,
    accept_content=["json"],
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=False,
    task_time_limit=1200,  # longer than a lease: no answer is cut off
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    beat_schedule=scheduler.SCHEDULE,
    timezone="UTC",
)


@setup_logging.connect
def own_log_lines(**_: Any) -> None:
    """Celery leaves logging to us."""
    logs.speak()


@worker_process_init.connect
def start_clean(**_: Any) -> None:
    """A child must not speak on its parent's database session."""
    connection.close()


@app.task(name="tick")
def tick() -> None:
    """Looks at what is due and wakes the drains that have something to do."""
    connection.close_if_unusable_or_obsolete()
    due = scheduler.tick()
    heartbeat.beat(heartbeat.TICK)
    for channel in due.alerts:
        wake_alerts(channel)
    for channel in due.channels:
        for _ in range(WAKE[channel]):
            enqueue(drain, channel, queue=channel, expires=2)
    if interpreting.is_due():
        enqueue(interpret, queue="clock", expires=2)
    if asking.is_due(clock.now()):
        enqueue(ask, queue="sms", expires=2)
    if forwarding.is_due():
        enqueue(forward, queue="email", expires=2)
    if tallies.is_due(clock.now()) or reaching.is_due(clock.now()):
        enqueue(tally, queue="clock", expires=2)
    for errand_id in errands.waiting(clock.now()):
        wake_errands(errand_id)
    for upload_id in uploads.waiting():
        enqueue(read_list, upload_id, queue="errands", expires=2)
    if due.more:
        enqueue(tick, queue="clock", expires=1)
    if due.next_moment:
        enqueue(tick, queue="clock", expires=2, eta=due.next_moment)


@app.task(name="interpret")
def interpret() -> None:
    """Interprets reports that have come back, for at most a piece of time."""
    connection.close_if_unusable_or_obsolete()
    if interpreting.interpret(clock.now()):
        enqueue(interpret, queue="clock", expires=2)


@app.task(name="tally")
def tally() -> None:
    """Counts again what has moved, for at most a piece of time; the next tick sees what is left."""
    connection.close_if_unusable_or_obsolete()
    tallies.tally(clock.now())
    reaching.refresh(clock.now())


@app.task(name="errand")
def run_errand(errand_id: int) -> None:
    """Runs what somebody asked for in a page."""
    connection.close_if_unusable_or_obsolete()
    errands.run(errand_id)


def wake_errands(errand_id: int) -> None:
    """Has the worker of errands look at once; without Redis the tick finds it."""
    enqueue(run_errand, errand_id, queue="errands", expires=60)


@app.task(name="list")
def read_list(upload_id: int) -> None:
    """Reads an entry list that somebody has uploaded, or brings it in once they have said yes to it."""
    connection.close_if_unusable_or_obsolete()
    uploads.run(upload_id)


@app.task(name="forward")
def forward() -> None:
    """Mails the texts that people wrote to those who answer them."""
    connection.close_if_unusable_or_obsolete()
    forwarding.forward()


@app.task(name="ask")
def ask() -> None:
    """Asks Twilio what became of texts, for one slice: not on the clock, for it may hang."""
    connection.close_if_unusable_or_obsolete()
    if providers.problem(Channel.SMS) or not ASKING.acquire(blocking=False):
        return
    try:
        more = asking.ask(own_look_ups())
    finally:
        ASKING.release()
    if more:
        enqueue(ask, queue="sms", expires=2)


ASKING = threading.Lock()
"""One thread of a process asks; were all of them to wait for a Twilio that hangs, nothing would be sent."""


@app.task(name="notify")
def notify() -> None:
    """Tells the people behind each event what they should know: not on the clock, for a mail server may hang."""
    connection.close_if_unusable_or_obsolete()
    notices.note(clock.now())
    notices.send(clock.now())


@app.task(name="drain")
def drain(channel: str) -> None:
    """Sends what is due on a channel for one slice, if one of its slots is free, and goes on if there is more."""
    connection.close_if_unusable_or_obsolete()
    slot = hold_slot(Channel(channel), SLOTS[Channel(channel)])
    if slot is None:
        return
    try:
        more = own_drain(Channel(channel), slot if channel == Channel.SMS else None).run()
    finally:
        free_slots()
    if more:
        enqueue(drain, channel, queue=channel, expires=2)


@app.task(name="alert")
def drain_alerts(channel: str) -> None:
    """As `drain`, for alerts alone."""
    connection.close_if_unusable_or_obsolete()
    slot = hold_slot(Channel(channel), ALERT_SLOTS[Channel(channel)], alerts=True)
    if slot is None:
        return
    try:
        more = own_alert_drain(Channel(channel), slot).run()
    finally:
        free_slots()
    if more:
        enqueue(drain_alerts, channel, queue="alerts", expires=2)


@app.task(name="retain")
def retain() -> None:
    """Removes a piece of what has been kept long enough, and goes on if there is more."""
    connection.close_if_unusable_or_obsolete()
    uploads.drop_old(clock.now())
    if privacy.retain(clock.now()).more:
        enqueue(retain, queue="clock", expires=60)
    enqueue(forget, queue="sms", expires=60)


@app.task(name="forget")
def forget() -> None:
    """Has the provider of texts remove those of people who are erased: not on the clock, for it may hang."""
    connection.close_if_unusable_or_obsolete()
    if not providers.problem(Channel.SMS):
        privacy.forget_texts(own_forgetter())


@cache
def own_look_ups() -> TwilioLookUps:
    """This process's way of asking Twilio; its one connection is asked in turn."""
    return providers.sms_look_ups()


@cache
def own_forgetter() -> privacy.Forget:
    """This process's way of removing texts at their provider."""
    return providers.sms().forget


def wake_alerts(channel: Channel) -> None:
    """Has every drain for alerts look at once; the ordinary ones take alerts first at their next block."""
    for _ in range(ALERT_SLOTS[channel]):
        if not enqueue(drain_alerts, channel, queue="alerts", expires=2):
            return  # whoever presses would wait for some seconds each time


def get_ready() -> None:
    """Pays beforehand what the first wake of a process costs: the way to Redis, and making its queues known there.

    Without Redis the first wake pays it.
    """
    with contextlib.suppress(OperationalError), app.producer_or_acquire() as producer:
        producer.connection.ensure_connection(max_retries=1)
        for queue in app.amqp.queues.values():
            producer.maybe_declare(queue)


WAKE = {Channel.EMAIL: 2, Channel.SMS: 2}
"""Drains that a tick wakes: more find their own way, each that has more to do queues itself anew."""


@cache
def own_drain(channel: Channel, slot: int | None) -> Drain:  # noqa: ARG001 - one drain a slot
    """This process's drain, whose connections outlive a task.

    Texts have a thread for each slot and a drain for each: who holds the slot is the only one who uses it, and
    while one waits for the last answers of its block, the other sends.
    """
    return Drain(channel)


@cache
def own_alert_drain(channel: Channel, slot: int) -> Drain:  # noqa: ARG001 - one drain a slot
    """This process's drain for alerts in a slot: who holds the slot is the only one who uses it."""
    return Drain(channel, alerts_only=True)


def enqueue(task: Any, *args: str | int, queue: str, expires: int, eta: datetime | None = None) -> bool:
    """Queues a task once, to be run at `eta`, which is no more than seconds ahead, or at once.

    False when Redis is away, and nothing is lost: the next tick sees what is due.
    """
    try:
        task.apply_async(args, queue=queue, expires=expires, eta=eta, retry=False)
    except OperationalError:
        return False
    return True
