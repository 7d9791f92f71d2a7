"""Who gets in where: owner, colleague and stranger at every address of the organisers' pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from signed_in import browser_of, make_user
from web.organiser.cases import CASES, OPEN_TO_ALL, Case, World, world

from campaigns.accounts.powers import POWERS, Power
from campaigns.models.words import Role
from campaigns.web.organiser.urls import urlpatterns

pytestmark = pytest.mark.django_db


def views() -> Iterator[tuple[str, object]]:
    """Every named address of these pages with its view."""

    def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, object]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            else:
                assert pattern.name, f"{pattern.pattern} has no name"
                yield pattern.name, pattern.callback

    return walk(urlpatterns)


VIEWS = dict(views())
BEHIND_A_DOOR = sorted(set(VIEWS) - OPEN_TO_ALL)
OF_AN_EVENT = [name for name in BEHIND_A_DOOR if getattr(VIEWS[name], "power", None)]


def ask(browser: Client, name: str, world: World) -> int:
    case = CASES[name]
    address = reverse(name, kwargs=case.fill(world))
    answer = browser.post(address) if case.posts_only else browser.get(address, case.query)
    return answer.status_code


def test_every_address_has_a_case_and_every_case_an_address() -> None:
    assert set(VIEWS) == set(CASES)


@pytest.mark.parametrize("name", BEHIND_A_DOOR)
def test_every_address_has_a_door(name: str) -> None:
    assert hasattr(VIEWS[name], "power"), f"{name}: put @page or @signed_in on its view"


@pytest.mark.parametrize("name", BEHIND_A_DOOR)
def test_nobody_gets_in_without_signing_in(name: str) -> None:
    here = world()
    case: Case = CASES[name]
    address = reverse(name, kwargs=case.fill(here))
    answer = Client().post(address) if case.posts_only else Client().get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("name", OF_AN_EVENT)
def test_to_a_stranger_an_event_is_not_there(name: str) -> None:
    here = world()
    assert ask(browser_of(make_user()), name, here) == 404


@pytest.mark.parametrize("name", OF_AN_EVENT)
def test_an_owner_of_another_event_is_a_stranger(name: str) -> None:
    here = world()
    other = world_of_another()
    assert ask(browser_of(make_user(other.event, Role.OWNER)), name, here) == 404


def world_of_another() -> World:
    from reigate import make_event, make_organiser

    return World(make_event("elsewhere", make_organiser("other", "Other Races")))


@pytest.mark.parametrize("name", OF_AN_EVENT)
@pytest.mark.parametrize("role", list(Role))
def test_each_role_gets_in_where_it_may_and_nowhere_else(name: str, role: Role) -> None:
    here = world()
    power: Power = VIEWS[name].power  # type: ignore[attr-defined]
    status = ask(browser_of(make_user(here.event, role)), name, here)
    if power in POWERS[role]:
        assert status in (200, 302, 400, 409, 422), status
    else:
        assert status == 403


@pytest.mark.parametrize("role", [Role.OWNER, Role.APPROVER, Role.REVIEWER])
def test_who_can_reach_people_is_asked_for_a_second_factor_first(role: Role) -> None:
    here = world()
    answer = browser_of(make_user(here.event, role), code=False).get(f"/e/{here.event.slug}/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/second-factor?next=")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_who_cannot_reach_people_may_go_without(role: Role) -> None:
    here = world()
    answer = browser_of(make_user(here.event, role), code=False).get(f"/e/{here.event.slug}/")
    assert answer.status_code == 200


def test_a_refusal_names_the_role_and_who_can_give_it() -> None:
    from django.test import RequestFactory

    from campaigns.accounts.members import Member
    from campaigns.web.organiser import refusals

    here = world()
    make_user(here.event, Role.OWNER, name="Robin Ashdown")
    viewer = Member(make_user(here.event, Role.VIEWER), here.event, frozenset({Role.VIEWER}))
    request = RequestFactory().get("/")
    request.user = viewer.user
    request.session = {}  # type: ignore[assignment]
    request._messages = []  # type: ignore[attr-defined]
    shown = refusals.not_yours(request, viewer, Power.APPROVE).content.decode()
    assert "owner or approver" in shown
    assert "Robin Ashdown" in shown
