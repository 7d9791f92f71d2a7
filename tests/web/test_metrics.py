"""`/metrics`: who may see it, and that each thing an alert rule speaks of is there."""

import re
from pathlib import Path

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from reigate import make_entrant, make_event

from campaigns.watch import heartbeat

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]


def families(browser: Client, **headers: str) -> dict[str, list]:
    answer = browser.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {family.name: family.samples for family in text_string_to_metric_families(answer.content.decode())}


def test_this_machine_may_see_it_without_a_token(browser):
    assert "aidstation_due" in families(browser)


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.7", ""])
def test_another_machine_may_not(browser, peer):
    answer = browser.get("/metrics", REMOTE_ADDR=peer)
    assert answer.status_code == 401
    assert b"aidstation" not in answer.content


def test_a_proxy_on_this_machine_does_not_open_it(browser):
    assert browser.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 401


def test_with_a_token_only_who_brings_it_may(browser, settings):
    settings.METRICS_TOKEN = "s3cret"
    assert browser.get("/metrics").status_code == 401
    assert browser.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert (
        browser.get(
            "/metrics", REMOTE_ADDR="192.0.2.7", headers={"Authorization": "Bearer s3cret"}
        ).status_code
        == 200
    )


def test_pages_are_counted_under_their_names_and_never_by_what_was_typed(browser):
    token = make_entrant(make_event()).token
    browser.get(f"/u/{token}")
    browser.get("/nothing-here")
    browser.post("/hooks/twilio/inbound")
    shown = browser.get("/metrics").content.decode()
    assert 'aidstation_page_seconds_count{page="email-stop"}' in shown
    assert re.search(r'aidstation_page_answers_total\{page="twilio-inbound",status="415"\}', shown)
    assert token not in shown
    assert "nothing-here" not in shown


def test_without_redis_the_rest_is_shown(browser, no_redis):
    found = families(browser)
    assert found["aidstation_redis_up"][0].value == 0
    assert "aidstation_due" in found


def test_every_alert_rule_speaks_of_figures_that_exist(browser):
    heartbeat.beat(heartbeat.TICK)
    shown = {name.removesuffix("_total") for name in families(browser)}
    rules = yaml.safe_load((ROOT / "docs" / "alerts.yml").read_text())["groups"][0]["rules"]
    spoken_of = {name for rule in rules for name in re.findall(r"aidstation_\w+", rule["expr"])}
    assert spoken_of
    assert {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in spoken_of} <= shown
    for rule in rules:
        assert rule["annotations"]["summary"]
