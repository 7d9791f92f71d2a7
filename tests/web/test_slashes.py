"""An address with a slash too many leads to its page: for reading, on this host, with its question."""

from __future__ import annotations

import pytest
from django.test import Client
from reigate import make_event
from signed_in import browser_of, make_user

from campaigns.models.words import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return browser_of(make_user(make_event(), Role.EDITOR))


@pytest.mark.parametrize(
    "page", ["entrants", "entrants/waiting", "entrants/lists", "steps/new", "approve", "rehearse", "event"]
)
def test_a_page_is_found_with_a_slash_too_many(browser: Client, page: str) -> None:
    answer = browser.get(f"/e/run-reigate-2027/{page}/")
    assert answer.status_code == 302
    assert answer["Location"] == f"/e/run-reigate-2027/{page}"


def test_what_was_asked_is_kept(browser: Client) -> None:
    answer = browser.get("/e/run-reigate-2027/entrants/?q=Zo%C3%AB&after=x")
    assert answer["Location"] == "/e/run-reigate-2027/entrants?q=Zo%C3%AB&after=x"


def test_a_form_is_never_sent_on(browser: Client) -> None:
    assert browser.post("/e/run-reigate-2027/entrants/lists/new/").status_code == 404


@pytest.mark.parametrize(
    "address", ["/nowhere/", "/e/run-reigate-2027/entrants//", "//example.org/sign-in/", "//example.org/u/x/"]
)
def test_what_is_nowhere_stays_nowhere_and_no_address_leads_to_another_host(
    browser: Client, address: str
) -> None:
    assert browser.get("/", PATH_INFO=address).status_code == 404


def test_a_stranger_learns_nothing_by_it(browser: Client) -> None:
    stranger = browser_of(make_user())
    assert stranger.get("/e/run-reigate-2027/entrants/", follow=True).status_code == 404
    assert stranger.get("/e/no-such-event/entrants/", follow=True).status_code == 404
