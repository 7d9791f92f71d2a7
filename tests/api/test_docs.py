"""The document and its page: served from here, without a script, and speaking of every address there is."""

from __future__ import annotations

from django.test import Client
from markupsafe import escape

from campaigns.api.docs import EXAMPLES, document, operations
from campaigns.api.schemas import EntryIn


def test_the_page_tells_every_act_and_needs_nothing_from_elsewhere():
    answer = Client().get("/api/v1/docs")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "<script" not in page
    for one in operations(document()):
        assert f'id="{one.id}"' in page
        assert one.summary in page
        assert str(escape(one.words.split("\n")[0])) in page


def test_the_document_is_open_api_and_open_to_all():
    found = Client().get("/api/v1/openapi.json").json()
    assert found["openapi"].startswith("3.")
    assert set(found["paths"]) == {
        "/api/v1/events/{slug}/entrants/{external_id}",
        "/api/v1/events/{slug}/status",
        "/api/v1/events/{slug}/deliveries",
    }


def test_the_example_on_the_page_is_an_entry_that_fits():
    EntryIn.model_validate(EXAMPLES["EntryIn"])
