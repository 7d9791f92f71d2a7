"""The page of API tokens: an owner's alone, and a secret that is shown once."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from reigate import make_event
from signed_in import browser_of, make_user

from campaigns.api import tokens
from campaigns.api.tokens import Scope
from campaigns.models import ApiToken, AuditEntry, Event
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Event:
    return make_event()


@pytest.fixture
def owner(event: Event) -> Client:
    return browser_of(make_user(event, Role.OWNER, name="Robin Ashdown"))


def fields(**more: object) -> dict[str, object]:
    return {"name": "entry platform", "source": "platform", "scopes": ["entrants:write"], **more}


def test_a_new_token_is_shown_once(event, owner):
    page = owner.post(f"/e/{event.slug}/api/", fields()).content.decode()
    found = re.search(r"aid_[\w-]{32}", page)
    assert found
    assert tokens.find(found[0]).name == "entry platform"
    assert found[0] not in owner.get(f"/e/{event.slug}/api/").content.decode()
    assert AuditEntry.objects.get(act="token.create").who == "robin.ashdown@example.org"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"source": "No Source"}, "The source is a short name"),
        ({"name": " "}, "This field is required"),
    ],
)
def test_what_makes_no_token_is_told_at_the_field(event, owner, wrong, said):
    assert said in owner.post(f"/e/{event.slug}/api/", fields(**wrong)).content.decode()
    assert not ApiToken.objects.exists()


def test_an_ended_token_opens_nothing(event, owner):
    made, secret = tokens.make(event, "platform", source="x", scopes=list(Scope), who="ann@example.org")
    page = owner.post(f"/e/{event.slug}/api/{made.handle}/end", follow=True).content.decode()
    assert "“platform” has ended" in page
    assert tokens.find(secret) is None
    again = owner.post(f"/e/{event.slug}/api/{made.handle}/end", follow=True).content.decode()
    assert "has ended before" in again


def test_an_owner_cannot_end_the_token_of_another_event(event, owner):
    elsewhere = make_event("elsewhere")
    made, secret = tokens.make(elsewhere, "platform", source="x", scopes=list(Scope), who="ann@example.org")
    owner.post(f"/e/{event.slug}/api/{made.handle}/end")
    assert tokens.find(secret) is not None


@pytest.mark.parametrize("role", [Role.EDITOR, Role.APPROVER, Role.VIEWER])
def test_nobody_but_an_owner_makes_one(event, role):
    assert browser_of(make_user(event, role)).post(f"/e/{event.slug}/api/", fields()).status_code == 403
    assert not ApiToken.objects.exists()
