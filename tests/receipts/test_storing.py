"""Storing a report: with one query, also where the database has ended the session since the report before."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from django.db import DataError, connection, connections
from esp_calls import SECRET, postmark
from people import a_campaign, a_step, an_event, entrants, queue, the_step
from twilio_calls import status_fields, twilio_call
from webhook_cases import Call

from campaigns import attempt_code, status_link
from campaigns.models import Delivery, Receipt
from campaigns.receipts import storing
from campaigns.receipts.storing import Reported, store_with_others


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


def a_report(ref: str, raw: str = "") -> Reported:
    return Reported("esp:postmark", 1, ref, "delivered", "delivered", raw={"Details": raw})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", [by_twilio, by_postmark])
def test_what_is_answered_is_seen_by_every_other_session(delivery, call):
    assert call(delivery).send().status_code == 204
    with psycopg.connect(_address()) as other:
        assert other.execute("SELECT count(*) FROM receipts").fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_reports_that_come_at_once_share_commits_and_each_is_stored(delivery, monkeypatch):
    insert, sizes = storing._insert, []
    monkeypatch.setattr(storing, "_insert", lambda rows: (sizes.append(len(rows)), insert(rows)))
    monkeypatch.setattr(storing._TOGETHER, "_not_before", time.monotonic() + 0.5)

    def store(number: int) -> None:
        store_with_others([(delivery.token, a_report(str(number % 30)))])
        connections["default"].close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(store, range(40)))
    assert Receipt.objects.count() == 30
    assert sum(sizes) == 40
    assert len(sizes) < 40


@pytest.mark.django_db(transaction=True)
def test_a_report_that_cannot_be_kept_takes_no_other_along(delivery):
    with pytest.raises(DataError):
        store_with_others(
            [
                (delivery.token, a_report("a")),
                (delivery.id, a_report("b", "\0")),
                (delivery.id, a_report("c")),
            ]
        )
    assert sorted(Receipt.objects.values_list("ref", flat=True)) == ["a", "c"]


@pytest.mark.django_db
def test_reports_by_id_by_token_and_of_nobody_go_in_one_statement(delivery, django_assert_num_queries):
    with django_assert_num_queries(1):
        store_with_others(
            [
                (delivery.token, a_report("a")),
                (delivery.id, a_report("b")),
                (delivery.id, a_report("a")),
                (delivery.id + 1, a_report("c")),
                (uuid4(), a_report("d")),
            ]
        )
    assert list(Receipt.objects.order_by("id").values_list("delivery", "ref")) == [
        (delivery.id, "a"),
        (delivery.id, "b"),
    ]


def _address() -> str:
    info = connection.connection.info
    return psycopg.conninfo.make_conninfo(host=info.host, port=info.port, dbname=info.dbname, user=info.user)
