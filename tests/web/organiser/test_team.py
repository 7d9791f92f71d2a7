"""The people of an event: invited by mail, given and taken roles, and never without an owner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from reigate import make_event
from signed_in import browser_of, make_user

from campaigns.models import AuditEntry, Event, User
from campaigns.models.words import Role
from postbox import Postbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Event:
    return make_event()


@pytest.fixture
def owner(event: Event) -> User:
    return make_user(event, Role.OWNER, name="Robin Ashdown")


@pytest.fixture
def browser(owner: User) -> Client:
    return browser_of(owner)


@pytest.fixture
def box(settings: Settings) -> Iterator[Postbox]:
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        yield box


def post(browser: Client, event: Event, **fields: str) -> Any:
    return browser.post(f"/e/{event.slug}/people", fields, follow=True)


def invite(browser: Client, event: Event, email: str = "New@example.org", role: str = "editor") -> Any:
    return post(browser, event, act="invite", email=email, name="New Person", role=role)


def roles(email: str) -> list[str]:
    return sorted(User.objects.get(email=email).memberships.values_list("role", flat=True))


def test_an_invitation_is_mailed_and_lets_its_person_in(browser: Client, event: Event, box: Postbox) -> None:
    answer = invite(browser, event).content.decode()
    assert "has a mail with the way in" in answer
    assert "/join/" not in answer
    [mail] = box.emails
    assert mail.recipient == "new@example.org"
    said = mail.message.get_content()
    assert "Robin Ashdown has made you an editor of Run Reigate 2027" in said
    link = re.search(r"https://tips\.example\.org(/join/\S+)", said)
    assert link is not None
    assert "Welcome, New Person" in Client().get(link[1]).content.decode()
    assert roles("new@example.org") == ["editor"]
    assert AuditEntry.objects.get().act == "user.invite"


def test_a_forgotten_password_is_chosen_anew_by_a_link_that_an_owner_sends(
    browser: Client, event: Event, box: Postbox
) -> None:
    sam = make_user(event, Role.APPROVER, name="Sam Colley")
    sam.set_password("a password that is forgotten")
    sam.save()
    answer = post(browser, event, act="link", whom=sam.email)
    assert "Sam Colley has a mail with a new link." in answer.content.decode()
    assert "/join/" not in answer.content.decode()
    [mail] = box.emails
    assert mail.recipient == sam.email
    link = re.search(r"https://tips\.example\.org(/join/\S+)", mail.message.get_content())
    assert link is not None
    Client().post(link[1], {"password": "blue kettle marathon"})
    sam.refresh_from_db()
    assert sam.check_password("blue kettle marathon")
    assert roles(sam.email) == ["approver"]
    assert AuditEntry.objects.filter(act="user.link").exists()


def test_a_link_goes_to_colleagues_of_this_event_alone(browser: Client, event: Event, box: Postbox) -> None:
    stranger = make_user(make_event("other"), Role.OWNER, name="Una Else")
    assert (
        "Nobody of that name is here"
        in post(browser, event, act="link", whom=stranger.email).content.decode()
    )
    assert not box.emails


def test_where_no_second_factor_is_asked_for_nobody_is_said_to_lack_one(
    browser: Client, event: Event, settings: Settings
) -> None:
    make_user(event, Role.APPROVER, name="Sam Colley")
    address = f"/e/{event.slug}/people"
    assert "no second factor yet and cannot act" in browser.get(address).content.decode()
    settings.SECOND_FACTOR = False
    assert "second factor" not in browser.get(address).content.decode()


def test_without_mail_the_link_is_shown_once(browser: Client, event: Event, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    answer = invite(browser, event).content.decode()
    link = re.search(r"https://tips\.example\.org(/join/[\w-]+)", answer)
    assert link is not None
    assert Client().get(link[1]).status_code == 200
    assert "/join/" not in browser.get(f"/e/{event.slug}/people").content.decode()


def test_nobody_is_shown_a_link_into_an_account_that_others_have_made(
    browser: Client, event: Event, settings: Settings
) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    make_user(make_event("elsewhere"), Role.OWNER, name="Kim Elsewhere")
    answer = invite(browser, event, "kim.elsewhere@example.org").content.decode()
    assert "could not be sent: tell them" in answer
    assert "/join/" not in answer


def test_who_has_a_password_is_mailed_the_way_to_sign_in(browser: Client, event: Event, box: Postbox) -> None:
    known = make_user(name="Kim Known")
    known.set_password("chalk downs runner")
    known.save()
    invite(browser, event, known.email)
    assert "/sign-in" in box.emails[0].message.get_content()
    assert "is an editor already" in invite(browser, event, known.email).content.decode()


def test_roles_are_given_and_taken(browser: Client, event: Event) -> None:
    ben = make_user(event, Role.VIEWER, name="Ben")
    assert (
        "Ben is approver now"
        in post(browser, event, act="give", whom=ben.email, role="approver").content.decode()
    )
    post(browser, event, act="take", whom=ben.email, role="viewer")
    assert roles(ben.email) == ["approver"]
    assert [
        entry.detail.get("given") or entry.detail.get("taken") for entry in AuditEntry.objects.order_by("id")
    ] == [
        ["approver"],
        ["viewer"],
    ]


def test_the_last_owner_stays(browser: Client, event: Event, owner: User) -> None:
    answer = post(browser, event, act="take", whom=owner.email, role="owner").content.decode()
    assert "An event needs an owner" in answer
    assert roles(owner.email) == ["owner"]
    assert not AuditEntry.objects.exists()


def test_an_owner_who_steps_back_is_led_away(browser: Client, event: Event, owner: User) -> None:
    make_user(event, Role.OWNER)
    answer = post(browser, event, act="take", whom=owner.email, role="owner")
    assert answer.redirect_chain[-1][0] == "/events/"


def test_roles_of_strangers_are_not_changed_here(browser: Client, event: Event) -> None:
    stranger = make_user(make_event("elsewhere"), Role.OWNER, name="Kim Elsewhere")
    assert (
        "Nobody of that name"
        in post(browser, event, act="give", whom=stranger.email, role="owner").content.decode()
    )
    assert not stranger.memberships.filter(event=event).exists()


def test_an_old_code_is_asked_for_again_before_people_are_managed(event: Event, owner: User) -> None:
    browser = browser_of(owner)
    session = browser.session
    session["code_at"] = "2026-01-01T00:00:00+00:00"
    session.save()
    assert browser.get(f"/e/{event.slug}/people")["Location"].startswith("/code")


@pytest.mark.parametrize("count", [1, 40])
def test_the_list_takes_as_many_queries_for_many_as_for_few(
    count: int, browser: Client, event: Event, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        make_user(event, list(Role)[number % 5])
    with django_assert_max_num_queries(6):
        browser.get(f"/e/{event.slug}/people")
