"""Small runs of the scenarios of `make chaos`: paused, and frozen past a lease."""

import pytest
from chaos.freezing import freeze
from chaos.pausing import pause

pytestmark = pytest.mark.timeout(300)


def test_a_pause_and_unsubscribes_in_mid_send_hold_at_once_and_resume_finishes_it():
    assert pause(3_000, leavers=60, rate=250).faults == []


@pytest.mark.parametrize("other_machine", [False, True])
def test_a_process_frozen_past_its_lease_in_mid_block_doubles_nothing(other_machine):
    assert freeze(past_silence=False, other_machine=other_machine, patient=False).faults == []
