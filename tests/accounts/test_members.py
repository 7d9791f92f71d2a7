"""Adding people, giving and taking roles."""

from __future__ import annotations

import pytest
from reigate import make_event
from signed_in import make_user

from campaigns.accounts import members
from campaigns.accounts.powers import POWERS, Power, powers_of
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db


def test_every_role_sees_and_only_a_reviewer_signs_off() -> None:
    assert all(Power.SEE in powers for powers in POWERS.values())
    assert [role for role, powers in POWERS.items() if Power.REVIEW in powers] == [Role.REVIEWER]


def test_several_roles_add_up() -> None:
    assert powers_of([Role.EDITOR, Role.REVIEWER]) == POWERS[Role.EDITOR] | POWERS[Role.REVIEWER]


@pytest.mark.parametrize(("email", "name"), [("no address", "Name"), ("", "Name"), ("a@example.org", "  ")])
def test_an_account_needs_an_address_and_a_name(email: str, name: str) -> None:
    with pytest.raises(members.AccountError):
        members.add(email, name)


def test_one_account_an_address_in_whatever_case() -> None:
    members.add("Robin@Example.org", "Robin")
    with pytest.raises(members.AccountError, match="has an account already"):
        members.add("robin@example.ORG", "Robin")


def test_the_last_owner_stays() -> None:
    event = make_event()
    first, second = make_user(event, Role.OWNER), make_user(event, Role.OWNER)
    members.take(first, event, Role.OWNER)
    with pytest.raises(members.AccountError, match="needs an owner"):
        members.take(second, event, Role.OWNER)
    assert members.member(first, event.slug) is None
    found = members.member(second, event.slug)
    assert found is not None
    assert found.may(Power.MANAGE)


def test_a_role_is_given_once() -> None:
    event = make_event()
    user = make_user(event, Role.VIEWER)
    assert not members.give(user, event, Role.VIEWER)
    assert members.give(user, event, Role.EDITOR)
