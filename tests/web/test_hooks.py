"""The short way to the hooks: nothing there of what pages need, and all that guards an answer."""

import pytest
from django.test import Client

from campaigns.web import headers, timing

HOOKS = ["/hooks/twilio/status/x", "/hooks/twilio/inbound", "/hooks/esp/postmark", "/hooks/esp/bounce"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_asks_for_no_session_and_sets_none(hook, client: Client, db, django_assert_num_queries):
    client.cookies["aidstation"] = "x" * 32
    with django_assert_num_queries(0):
        answer = client.post(hook, b"{}", content_type="text/plain")
    assert answer.status_code in {403, 415}
    assert not answer.cookies
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("hook", HOOKS)
def test_the_answer_of_a_hook_carries_the_headers_of_every_answer(hook, client: Client):
    answer = client.post(hook, b"{}", content_type="image/png")
    assert answer.headers["Content-Security-Policy"] == headers.CONTENT_SECURITY_POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_there_is_no_hook_of_another_name(client: Client):
    assert client.post("/hooks/esp/nobody", b"{}", content_type="application/json").status_code == 404
    assert client.post("/hooks/nobody", b"{}", content_type="application/json").status_code == 404


def test_a_hook_is_counted_under_its_own_name(client: Client):
    before = timing.ANSWERS.labels("esp-event", "415")._value.get()
    client.post("/hooks/esp/postmark", b"{}", content_type="image/png")
    assert timing.ANSWERS.labels("esp-event", "415")._value.get() == before + 1


def test_an_address_that_only_looks_like_a_hook_is_a_page(client: Client, db):
    answer = client.get("/hooksandmore/")
    assert answer.status_code == 404
    assert "X-Frame-Options" in answer.headers
