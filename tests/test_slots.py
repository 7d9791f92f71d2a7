"""Only so many send on a channel at once, and who is gone holds no slot."""

import threading
import time

import pytest
from people import elsewhere

from campaigns.models.words import Channel
from campaigns.slots import free_slots, hold_slot

pytestmark = pytest.mark.django_db(transaction=True)


def test_there_are_only_so_many_slots_and_a_lost_connection_frees_its_own():
    go_on, held = threading.Event(), threading.Semaphore(0)

    def hold_and_wait() -> int | None:
        got = hold_slot(Channel.EMAIL, 2)
        held.release()
        assert go_on.wait(10)
        return got

    holders = [elsewhere(hold_and_wait) for _ in range(2)]
    for _ in holders:
        assert held.acquire(timeout=10)
    try:
        assert hold_slot(Channel.EMAIL, 2) is None
        assert hold_slot(Channel.SMS, 1) == 0, "each channel has slots of its own"
        assert hold_slot(Channel.EMAIL, 2, alerts=True) == 0, "alerts have slots of their own"
        free_slots()
    finally:
        go_on.set()
    assert {holder.result(10) for holder in holders} == {0, 1}
    wait_until_free()
    free_slots()


def wait_until_free() -> None:
    for _ in range(200):
        if hold_slot(Channel.EMAIL, 2) is not None:
            return
        time.sleep(0.01)
    raise AssertionError("a closed connection still holds a slot")


def test_freed_slots_are_free_for_others():
    assert hold_slot(Channel.EMAIL, 1) == 0
    assert elsewhere(lambda: hold_slot(Channel.EMAIL, 1)).result(5) is None
    free_slots()
    assert elsewhere(lambda: hold_slot(Channel.EMAIL, 1)).result(5) == 0
