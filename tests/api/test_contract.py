"""The API against its own document, by schemathesis: what it allows, what it forbids, never a 5xx.

A longer run by hand: API_EXAMPLES=500 .venv/bin/python -m pytest tests/api/test_contract.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from campaigns.api import door

EXAMPLES = int(os.environ.get("API_EXAMPLES", "12"))
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="API_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def one_connection(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Requests run on the test's own connection, as those of Django's test client do."""
    monkeypatch.setattr(door, "PER_MINUTE", 10_000_000)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())

# The document cannot know the races of an event, nor that a name of blanks is none: such entries are refused with 422.
LEFT_OUT = [positive_data_acceptance]


@schema.parametrize()
@BOUNDED
def test_whatever_is_sent_the_answer_is_one_of_the_document(case: Any, secret: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, excluded_checks=LEFT_OUT)


@schema.parametrize()
@BOUNDED
def test_so_it_is_for_an_event_that_is_there(case: Any, secret: str, event: Any) -> None:
    if case.meta and case.meta.generation.mode == GenerationMode.POSITIVE:
        case.path_parameters["slug"] = event.slug
        if isinstance(case.body, dict):
            case.body["race"] = "half"
    case.call_and_validate(
        headers={"Authorization": f"Bearer {secret}"}, excluded_checks=[*LEFT_OUT, unsupported_method]
    )


@schema.parametrize()
@BOUNDED
def test_without_a_token_nothing_breaks(case: Any) -> None:
    answer = case.call()
    case.validate_response(answer, checks=[not_a_server_error])
    assert answer.status_code in (401, 404, 405)
