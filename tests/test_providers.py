"""Who carries the messages: how much is under way at once, and whether Twilio can report back."""

import pytest

from campaigns import providers


@pytest.mark.parametrize(("rate", "requests"), [(None, 40), (0.5, 2), (10, 5), (50, 21), (400, 40)])
def test_as_many_requests_are_under_way_as_fill_the_rate_and_no_more(rate, requests):
    assert providers.in_flight(rate) == requests


@pytest.mark.parametrize(
    ("public", "twilio", "reports"),
    [
        ("https://tips.example.org", "", True),
        ("https://tips.example.org", "http://127.0.0.1:8025", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8025", True),
        ("http://127.0.0.1:8000", "", False),
        ("http://localhost:8000", "", False),
    ],
)
def test_twilio_is_asked_to_report_where_it_can_reach_us(settings, public, twilio, reports):
    settings.PUBLIC_URL, settings.TWILIO_BASE_URL = public, twilio
    assert providers.reports_back() is reports
