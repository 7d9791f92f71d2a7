"""Words for people: every closed word has some."""

import pytest

from campaigns import said
from campaigns.models.words import Channel, Reason
from campaigns.web.organiser import fates


def test_every_reason_and_channel_can_be_said():
    assert said.REASONS.keys() == set(Reason.values) - {""}
    assert said.CHANNELS.keys() == set(Channel.values)
    assert fates.REASONS.keys() == set(Reason) - {Reason.NONE, Reason.NO_CONSENT}


@pytest.mark.parametrize(
    ("channel", "purpose", "to_what"),
    [
        ("sms", "service", "texts"),
        ("sms", "tips", "tips by text"),
        ("email", "tips", "tips by email"),
        ("email", "sponsor", "sponsors’ messages by email"),
    ],
)
def test_what_nobody_agreed_to_is_named(channel, purpose, to_what):
    assert said.reason("no_consent", channel, purpose) == f"they have not agreed to {to_what}"
    assert said.reason("too_late", channel, purpose) == said.REASONS["too_late"]
    assert fates.verdict("no_consent", channel, purpose).endswith(to_what)


def test_where_to_write_to_is_not_known_by_its_name():
    assert said.reason("no_address", "sms", "tips") == "no mobile number"
    assert said.reason("no_address", "email", "tips") == "no email address"
