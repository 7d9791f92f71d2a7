"""An event with a token that may do everything, and a program that speaks with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.http import HttpResponse
from django.test import Client

if TYPE_CHECKING:
    from campaigns.models import Event

Ask = Callable[..., HttpResponse]


@pytest.fixture
def event(db: None) -> Event:
    from people import an_event

    return an_event()


@pytest.fixture
def secret(event: Event) -> str:
    from campaigns.api import tokens

    return tokens.make(
        event, "platform", source="platform", scopes=list(tokens.Scope), who="ann@example.org"
    )[1]


@pytest.fixture
def ask(event: Event, secret: str) -> Ask:
    """`ask("put", "entrants/1", {...})`: a request about the event, with the token unless `token` says another."""

    def asked(method: str, path: str, body: Any = None, *, token: str = secret, **more: Any) -> HttpResponse:
        address = path if path.startswith("/") else f"/api/v1/events/{event.slug}/{path}"
        if body is not None:
            more |= {"data": body, "content_type": "application/json"}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return getattr(Client(), method)(address, headers=headers, **more)

    return asked
