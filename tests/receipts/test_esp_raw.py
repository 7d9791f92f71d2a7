"""What is kept of a provider's event: its facts, and nobody's name, address or subject."""

import json

import pytest
from esp_calls import bounce_mail, mailgun_failed, postmark_bounce, ses_bounce

from campaigns.receipts import bounce_mail as reading
from campaigns.receipts import esp_raw

WHO = "zoe@example.com"
SAID = "smtp; 550 5.1.1 <zoe@example.com>: user zoe unknown, call +44 7700 900123"


@pytest.mark.parametrize(
    ("event", "path", "word"),
    [
        (
            json.loads(json.loads(ses_bounce("c", said=SAID).body)["Message"]),
            "bounce.bounceType",
            "Permanent",
        ),
        (json.loads(postmark_bounce("c", details=SAID).body), "Type", "HardBounce"),
        (json.loads(mailgun_failed("c", said=SAID).body)["event-data"], "delivery-status.code", "550"),
    ],
)
def test_facts_and_words_of_each_provider_are_kept_without_the_person(event, path, word):
    kept = esp_raw.kept(event, WHO)
    assert kept[path] == word
    said = json.dumps(kept)
    assert "unknown" in said
    for private in ("zoe", "@example.com", "7700", "Shoes", "900123"):
        assert private not in said


def test_a_bounce_mail_keeps_what_the_server_said():
    report = reading.read(bounce_mail("c", "5.2.2").body)
    assert report is not None
    kept = esp_raw.kept(report.said, report.recipient)
    assert (kept["Action"], kept["Status"]) == ("failed", "5.2.2")
    assert "said so" in kept["Diagnostic-Code"]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "zoe@example.com",
        {"to": "Zoë", "subject": "Shoes", "name_of_person": "Zoë"},
        {"headers": [{"name": "To", "value": "Zoë"}], "metadata": {"reason": "Zoë"}},
    ],
)
def test_what_is_not_known_to_be_harmless_is_not_kept(event):
    assert "Zo" not in json.dumps(esp_raw.kept(event, WHO))
    assert "zoe" not in json.dumps(esp_raw.kept(event, WHO))


def test_an_event_without_end_is_cut():
    deep: dict = {}
    for _ in range(2000):
        deep = {"reason": "x", "inner": deep}
    assert len(esp_raw.kept(deep, WHO)) < esp_raw.MOST
    assert len(esp_raw.kept({"reason": [{"code": n} for n in range(1000)]}, WHO)) == esp_raw.MOST
    assert esp_raw.kept({"code": "a\0b" * 1000}, WHO)["code"].count("a") <= 200
