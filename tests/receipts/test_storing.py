"""Storing a report: with one query, also where the database has ended the session since the report before."""

import psycopg
import pytest
from django.db import connection, connections
from esp_calls import SECRET, postmark
from people import a_campaign, a_step, an_event, entrants, queue, the_step
from twilio_calls import status_fields, twilio_call
from webhook_cases import Call

from campaigns import attempt_code, status_link
from campaigns.models import Delivery, Receipt


@pytest.fixture
def delivery(settings) -> Delivery:
    settings.ESP_WEBHOOK_SECRET = SECRET
    loaded = a_campaign(an_event(), a_step())
    [row] = queue(the_step(loaded), entrants(loaded.event, 1))
    row.refresh_from_db()
    return row


def by_twilio(row: Delivery) -> Call:
    return twilio_call(status_link.address("", row.token, 1).partition("#")[0], status_fields())


def by_postmark(row: Delivery) -> Call:
    return postmark(attempt_code.code_of(row.token, 1))


@pytest.mark.django_db
@pytest.mark.parametrize("call", [by_twilio, by_postmark])
def test_a_report_costs_one_query(delivery, call, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert call(delivery).send().status_code == 204


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", [by_twilio, by_postmark])
def test_whether_the_session_lives_is_not_asked_before_each_report(delivery, call, monkeypatch):
    asked = []
    monkeypatch.setattr(connections["default"], "is_usable", lambda: asked.append(1) or True)
    monkeypatch.setattr(connections["default"], "health_check_enabled", True)
    monkeypatch.setattr(connections["default"], "health_check_done", False)
    assert call(delivery).send().status_code == 204
    assert asked == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", [by_twilio, by_postmark])
def test_a_report_that_finds_its_session_ended_is_stored_over_a_new_one(delivery, call):
    with psycopg.connect(_address(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    assert call(delivery).send().status_code == 204
    assert Receipt.objects.count() == 1


def _address() -> str:
    info = connection.connection.info
    return psycopg.conninfo.make_conninfo(host=info.host, port=info.port, dbname=info.dbname, user=info.user)
