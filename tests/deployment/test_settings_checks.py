"""Every check of the environment: green for a station set up as docs/deploy.md says, red for each thing left out."""

import pytest

from campaigns.checking import State
from campaigns.deployment import settings_checks

KEY = "k" * 48


@pytest.fixture
def station(settings, monkeypatch):
    """Set up for real."""
    settings.DEMO = False
    settings.PUBLIC_URL = "https://tips.example.org"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 3600
    settings.DATABASE_URL = "postgresql://aidstation:secret@db.example.org/aidstation"
    settings.REDIS_URL = "redis://redis.example.org:6379/0"
    settings.EMAIL_URL = "smtp://user:secret@mail.example.org:587?tls=starttls"
    settings.EMAIL_FROM = "Run Reigate <tips@tips.example.org>"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = f"AC{'0' * 32}", "token"
    settings.TWILIO_BASE_URL, settings.TWILIO_FROM = "", "+447700900900"
    settings.EMAIL_ESP, settings.ESP_WEBHOOK_SECRET = "postmark", "user:secret"
    settings.ALARM_EMAIL, settings.ALARM_PING_URL = ["night@example.org"], "https://ping.example.org/1"
    settings.METRICS_TOKEN = "token"
    for name in ("SECRET_KEY", "SUPPRESSION_KEY"):
        monkeypatch.delenv(f"{name}_FILE", raising=False)
        monkeypatch.setenv(name, KEY)
    return settings


def states() -> dict[str, State]:
    return {check.name: check.state for check in settings_checks.checks()}


def test_a_station_set_up_for_real_is_green(station):
    assert {name for name, state in states().items() if state != State.GOOD} == set()


@pytest.mark.parametrize(
    ("variable", "value", "red"),
    [
        ("DEMO", True, {"demo", "email_url", "twilio"}),
        ("PUBLIC_URL", "http://tips.example.org", {"public_url"}),
        ("PUBLIC_URL", "https://127.0.0.1", {"public_url"}),
        ("SESSION_COOKIE_SECURE", False, {"cookies"}),
        ("SECURE_HSTS_SECONDS", 0, {"cookies"}),
        ("DATABASE_URL", "", {"database_url"}),
        ("REDIS_URL", "", {"redis_url"}),
        ("EMAIL_URL", "", {"email_url"}),
        ("EMAIL_URL", "smtp://mail.example.org?tls=maybe", {"email_url"}),
        ("EMAIL_FROM", "Aid Station <tips@localhost>", {"email_from"}),
        ("TWILIO_AUTH_TOKEN", "", {"twilio"}),
        ("TWILIO_FROM", "", {"twilio"}),
        ("ESP_WEBHOOK_SECRET", "", {"reports"}),
    ],
)
def test_each_thing_that_is_not_right_is_red(station, variable, value, red):
    setattr(station, variable, value)
    assert {name for name, state in states().items() if state == State.WRONG} == red


@pytest.mark.parametrize(
    ("variable", "value", "yellow"),
    [
        ("EMAIL_FROM", "tips@tips.example.org", "email_from"),
        ("EMAIL_ESP", "", "reports"),
        ("ALARM_EMAIL", [], "alarm"),
        ("ALARM_PING_URL", "", "alarm"),
        ("METRICS_TOKEN", "", "metrics"),
    ],
)
def test_each_thing_that_wants_a_look_is_yellow(station, variable, value, yellow):
    setattr(station, variable, value)
    assert {name for name, state in states().items() if state == State.LOOK} == {yellow}


@pytest.mark.parametrize(
    ("variable", "name"), [("SECRET_KEY", "secret_key"), ("SUPPRESSION_KEY", "suppression_key")]
)
@pytest.mark.parametrize("value", ["", "short"])
def test_a_key_that_made_itself_or_is_short_is_red(station, monkeypatch, variable, name, value):
    monkeypatch.setenv(variable, value)
    assert {found for found, state in states().items() if state == State.WRONG} == {name}


def test_a_server_inside_our_own_home_is_the_embedded_one(station):
    from config import environment

    station.DATABASE_URL = (
        f"postgresql://aidstation@{str(environment.home()).replace('/', '%2F')}%2Frun:5432/a"
    )
    assert states()["database_url"] == State.WRONG


def test_whatever_is_not_green_has_a_cure_and_no_secret_is_told(station):
    for variable in ("DATABASE_URL", "EMAIL_URL", "TWILIO_AUTH_TOKEN", "ALARM_EMAIL"):
        setattr(station, variable, "")
    for check in settings_checks.checks():
        assert (check.state == State.GOOD) == (not check.cure)
        assert "secret" not in check.words + check.cure
        assert KEY not in check.words + check.cure
