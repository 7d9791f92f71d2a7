"""Adds people, gives and takes their roles, and finds what somebody is to an event."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from campaigns.accounts.powers import Power, needs_second_factor, powers_of
from campaigns.models import Event, Membership, User
from campaigns.models.words import Role


class AccountError(Exception):
    """One sentence for a person: what cannot be done, and what to do."""


@dataclass(frozen=True, slots=True)
class Member:
    """A signed-in person at one event, with all that they are to it."""

    user: User
    event: Event
    roles: frozenset[Role]

    def may(self, power: Power) -> bool:
        return power in powers_of(self.roles)

    @property
    def who(self) -> str:
        """As the audit log names them."""
        return self.user.email


def member(user: User, slug: str) -> Member | None:
    """What this person is to the event of that slug; None for a stranger. Served by memberships_once."""
    found = list(Membership.objects.filter(user=user, event__slug=slug).select_related("event__organiser"))
    if not found:
        return None
    return Member(user, found[0].event, frozenset(Role(one.role) for one in found))


def add(email: str, name: str, *, may_create_events: bool = False) -> User:
    """A new person without a password, who gets in by a link. Raises AccountError."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise AccountError(f"'{email}' is not an email address: write it like robin@example.org.") from error
    if not name.strip():
        raise AccountError("A name is missing: colleagues and the audit log show it.")
    if User.objects.filter(email=address).exists():
        raise AccountError(f"{address} has an account already: give it a role instead.")
    user = User(email=address, name=name.strip(), may_create_events=may_create_events)
    user.set_unusable_password()
    user.save()
    return user


def give(user: User, event: Event, role: Role) -> bool:
    """Gives one role; False when the person has it."""
    return Membership.objects.get_or_create(user=user, event=event, role=role)[1]


@transaction.atomic
def take(user: User, event: Event, role: Role) -> None:
    """Takes one role. Raises AccountError for the last owner: nobody could give it back."""
    owners = Membership.objects.select_for_update().filter(event=event, role=Role.OWNER)
    if role == Role.OWNER and not owners.exclude(user=user).exists():
        raise AccountError("An event needs an owner: make somebody else owner first.")
    Membership.objects.filter(user=user, event=event, role=role).delete()


def is_strong(user: User) -> bool:
    """Whether this person needs a second factor, whatever event they look at."""
    return needs_second_factor(Role(role) for role in user.memberships.values_list("role", flat=True))
