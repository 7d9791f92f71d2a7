"""Words for people: every closed word has some."""

from campaigns import said
from campaigns.models.words import Channel, Reason
from campaigns.web.organiser import fates


def test_every_reason_and_channel_can_be_said():
    assert said.REASONS.keys() == set(Reason.values) - {""}
    assert said.CHANNELS.keys() == set(Channel.values)
    assert fates.REASONS.keys() == set(Reason) - {Reason.NONE}
