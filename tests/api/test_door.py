"""Who gets in: tokens, scopes, events, rates; and that every refusal has the one shape."""

from __future__ import annotations

import pytest
from api.entries import entry
from people import an_event
from redis import RedisError

from campaigns.api import door, tokens
from campaigns.api.tokens import Scope
from campaigns.models import ApiToken, Entrant
from campaigns.web import redis_client

CALLS = [
    ("put", "entrants/A-1", Scope.ENTRANTS_WRITE),
    ("get", "entrants/A-1", Scope.ENTRANTS_WRITE),
    ("delete", "entrants/A-1", Scope.ENTRANTS_WRITE),
    ("get", "status", Scope.STATUS_READ),
    ("get", "deliveries", Scope.DELIVERIES_READ),
]


def body_for(method: str) -> dict | None:
    return entry() if method == "put" else None


def shape(answer, status: int) -> str:
    """The sentence of a refusal, after a look at its shape."""
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert set(found) == {"status", "title", "detail", "problems"}
    assert found["status"] == status
    return found["detail"]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_nothing_opens_without_an_open_token(event, ask, secret, method, path, scope):
    for token in ("", "aid_wrong", secret[:-1], secret.upper()):
        answer = ask(method, path, body_for(method), token=token)
        assert "open token" in shape(answer, 401)
        assert answer["WWW-Authenticate"].startswith("Bearer")
    tokens.end(event, "platform", "ann@example.org")
    shape(ask(method, path, body_for(method)), 401)
    assert not Entrant.objects.exists()


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_each_act_needs_its_scope(event, ask, method, path, scope):
    others = [other for other in Scope if other != scope]
    _, token = tokens.make(event, "other", source="platform", scopes=others, who="ann@example.org")
    assert scope.value in shape(ask(method, path, body_for(method), token=token), 403)
    assert not Entrant.objects.exists()


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_a_token_of_another_event_knows_nothing_of_this_one(event, ask, method, path, scope):
    elsewhere = an_event()
    _, token = tokens.make(elsewhere, "other", source="platform", scopes=list(Scope), who="ann@example.org")
    detail = shape(ask(method, path, body_for(method), token=token), 404)
    assert event.name not in detail
    unknown = f"/api/v1/events/nowhere/{path}"
    assert shape(ask(method, unknown, body_for(method), token=token), 404) == detail


def test_a_token_above_its_rate_waits(event, ask, monkeypatch):
    monkeypatch.setattr(door, "PER_MINUTE", 2)
    assert [ask("get", "status").status_code for _ in range(2)] == [200, 200]
    answer = ask("get", "status")
    assert "go on in" in shape(answer, 429)
    assert 1 <= int(answer["Retry-After"]) <= 60
    _, other = tokens.make(event, "other", source="x", scopes=list(Scope), who="ann@example.org")
    assert ask("get", "status", token=other).status_code == 200


def test_without_redis_no_entry_is_lost(ask, monkeypatch):
    def away() -> None:
        raise RedisError

    monkeypatch.setattr(redis_client, "client", away)
    assert ask("put", "entrants/A-1", entry()).status_code == 201


def test_an_address_that_is_not_there_answers_in_the_same_shape(ask):
    for path in ("/api/v1/nothing", "/api/v2/events/x/status", "/api/"):
        shape(ask("get", path), 404)


def test_a_method_that_is_not_there_says_which_are(ask):
    answer = ask("post", "status")
    shape(answer, 405)
    assert answer["Allow"] == "GET"


def test_only_a_hash_is_kept(event, secret):
    kept = ApiToken.objects.values_list().get(event=event)
    assert secret not in str(kept)
    assert secret.removeprefix("aid_") not in str(kept)


def test_a_use_is_noted_once_an_hour(ask):
    ask("get", "status")
    used = ApiToken.objects.get().last_used_at
    ask("get", "status")
    assert ApiToken.objects.get().last_used_at == used is not None
