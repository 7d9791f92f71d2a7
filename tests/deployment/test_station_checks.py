"""Every check of the running station, broken one by one."""

import pytest
from django.db import connection
from people import an_event
from reigate import make_event

from campaigns import circuit, clock, ledger
from campaigns.checking import State
from campaigns.cli.processes import WORKERS
from campaigns.deployment import station_checks
from campaigns.models import Event, StaffContact, User
from campaigns.models.words import Channel
from campaigns.watch import heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(monkeypatch):
    """Everything runs; only who listens to Redis is said, since no worker runs here."""
    listening = [{"cmd": "brpop"}] * len(WORKERS)
    monkeypatch.setattr("redis.Redis.client_list", lambda _self: listening)
    for name in (heartbeat.TICK, "watch", heartbeat.BACKUP):
        heartbeat.beat(name)
    User.objects.create(email="ada@example.org", name="Ada")
    event = make_event()
    Event.objects.filter(id=event.id).update(contact_confirmed=event.contact_email)
    StaffContact.objects.create(event=event, name="Kim", email="kim@example.org")
    return listening


def wrongs() -> set[str]:
    return {check.name for check in station_checks.checks() if check.state == State.WRONG}


def older(name: str, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE heartbeats SET at = at - %s * INTERVAL '1 s' WHERE name = %s", [seconds, name])


def test_a_station_that_runs_is_green(station):
    assert {check.name for check in station_checks.checks() if check.state != State.GOOD} == set()


def test_a_migration_that_is_not_applied_is_red(station):
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'campaigns' AND name ="
            " (SELECT max(name) FROM django_migrations WHERE app = 'campaigns')"
        )
    assert wrongs() == {"migrations"}


def test_a_worker_that_is_missing_is_red(station):
    station.pop()
    assert wrongs() == {"workers"}


def test_a_redis_that_is_away_is_red(station, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    import redis

    def away(_self):
        raise redis.ConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("redis.Redis.client_list", away)
        assert wrongs() == {"workers"}


@pytest.mark.parametrize(("name", "seconds", "red"), [
    (heartbeat.TICK, 15, {"tick"}),
    (heartbeat.TICK, 70, {"tick", "sending"}),
    ("watch", 70, {"watch"}),
    (heartbeat.BACKUP, 27 * 3600, {"backup"}),
])  # fmt: skip
def test_what_has_not_happened_for_too_long_is_red(station, name, seconds, red):
    older(name, seconds)
    assert wrongs() == red


def test_what_never_happened_is_red(station):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM heartbeats")
    assert wrongs() == {"tick", "watch", "backup", "sending"}


def test_a_stopped_provider_is_red(station):
    from datetime import timedelta

    circuit.opened(Channel.EMAIL, "policy", "535 wrong password", clock.now() - timedelta(minutes=5))
    assert wrongs() == {"sending"}


def test_a_disk_without_room_is_red(station, monkeypatch):
    monkeypatch.setattr(station_checks, "journal_room", lambda: 10_000_000)
    assert wrongs() == {"journal_room"}


def test_a_restore_that_is_not_reconciled_wants_a_look(station):
    ledger.hold_back(clock.now(), clock.now())
    assert {check.name for check in station_checks.checks() if check.state == State.LOOK} == {"restored"}


def test_nobody_to_sign_in_is_red(station):
    User.objects.update(is_active=False)
    assert wrongs() == {"accounts"}


def test_an_event_without_confirmed_contact_or_staff_is_red(station):
    an_event(slug="another", contact_confirmed="")
    assert wrongs() == {"contact", "staff"}


def test_a_postgres_clock_that_is_off_is_red(station, monkeypatch):
    import time

    real = time.time
    monkeypatch.setattr("campaigns.deployment.station_checks.time.time", lambda: real() + 30)
    assert wrongs() == {"database_clock"}
