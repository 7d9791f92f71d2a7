"""What Twilio's statuses and error codes mean."""

import pytest

from campaigns.channels import twilio_reports
from campaigns.channels.twilio_reports import Act, Fate
from campaigns.models.receipts import Standing


@pytest.mark.parametrize(
    ("status", "code", "fate"),
    [
        ("accepted", "", "on_its_way"),
        ("queued", "", "on_its_way"),
        ("sending", "", "on_its_way"),
        ("sent", "", "on_its_way"),
        ("scheduled", "", "on_its_way"),
        ("delivered", "", "delivered"),
        ("read", "", "delivered"),
        ("undelivered", "30003", "again"),
        ("undelivered", "30008", "again"),
        ("failed", "30001", "again"),
        ("undelivered", "30005", "not_delivered"),
        ("undelivered", "30007", "not_delivered"),
        ("undelivered", "", "not_delivered"),
        ("undelivered", "99999", "not_delivered"),
        ("failed", "30036", "expired"),
        ("canceled", "", "not_delivered"),
        ("levitating", "", "on_its_way"),
    ],
)
def test_what_a_status_says_of_the_text(status, code, fate):
    assert twilio_reports.fate(status, code) == fate


def test_fates_are_the_words_that_the_database_keeps():
    assert set(Fate) == set(Standing)


def test_a_phone_that_is_off_is_tried_again_after_half_an_hour_to_an_hour():
    waits = {twilio_reports.retry_after("30003", number) for number in range(1_000)}
    assert 1800 <= min(waits) < 1900
    assert 3500 < max(waits) <= 3600
    assert twilio_reports.retry_after("30003", 7) == twilio_reports.retry_after("30003", 7)
    assert twilio_reports.retry_after("30005", 7) is None


def test_what_a_code_asks_for_beyond_its_text():
    assert twilio_reports.act("21610") == Act.STOP
    assert twilio_reports.act("30007") == Act.FILTERED
    assert twilio_reports.act("30003") is None
