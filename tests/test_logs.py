"""Log lines: one JSON object each, and nothing of a person in any of them."""

import json
import logging

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from reigate import make_entrant, make_event

from campaigns.logs import JsonLines


def line(message: str = "said", exc_info=None, args=(), **extra) -> dict:
    record = logging.getLogger("campaigns.test").makeRecord(
        "campaigns.test", logging.WARNING, "file.py", 1, message, args, exc_info, extra=extra
    )
    shown = JsonLines().format(record)
    assert "\n" not in shown
    return json.loads(shown)


def test_a_line_has_its_event_and_its_ids():
    shown = line("settled", step=3, deliveries=[1, 2], channel="email", complete=True)
    assert shown["event"] == "settled"
    assert (shown["step"], shown["deliveries"], shown["channel"], shown["complete"]) == (
        3,
        [1, 2],
        "email",
        True,
    )
    assert shown["level"] == "warning"


@pytest.mark.parametrize("private", ["zoe@example.com", "+447700900123", "07700 900123", "zoe%40example.com"])
def test_addresses_and_numbers_are_taken_out_of_words_and_fields(private):
    assert private not in json.dumps(line(f"550 {private} unknown", reason=f"to {private}"))


def test_what_is_not_simple_is_left_out():
    assert "entrant" not in line(entrant={"name": "Zoë"})
    assert "names" not in line(names=["Zoë"])


def test_an_error_is_told_by_its_kind_and_place_and_not_by_its_words():
    try:
        raise ValueError("Zoë Quillfeather has no bib")
    except ValueError as error:
        shown = line("Zoë failed", exc_info=(type(error), error, error.__traceback__))
    assert shown["error"] == "builtins.ValueError"
    assert "test_logs.py" in shown["where"][-1]
    assert "Zoë" not in json.dumps(shown, ensure_ascii=False)


@pytest.mark.django_db
def test_a_row_that_postgres_refuses_is_not_quoted():
    event = make_event()
    person = make_entrant(event)
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO entrants SELECT * FROM entrants WHERE id = %s", [person.id])
    except DatabaseError as error:
        shown = line("insert failed", exc_info=(type(error), error, error.__traceback__))
    assert shown["sqlstate"] == "23505"
    assert "Quillfeather" not in json.dumps(shown)


@pytest.mark.django_db
def test_a_page_that_fails_does_not_write_its_personal_link(monkeypatch, caplog):
    token = make_entrant(make_event()).token
    browser = Client(raise_request_exception=False)

    def broken(*_args, **_words):
        raise RuntimeError(token)

    monkeypatch.setattr("campaigns.web.stops.entrant_of", broken)
    answer = browser.get(f"/u/{token}")
    assert answer.status_code == 500
    said = "".join(JsonLines().format(record) for record in caplog.records)
    assert '"page": "email-stop"' in said
    assert token not in said
