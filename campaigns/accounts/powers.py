"""What each role may do. Pure: no Django model, no request."""

from collections.abc import Iterable
from enum import StrEnum

from campaigns.models.words import Role


class Power(StrEnum):
    """One kind of act; the value is how a refusal names it."""

    SEE = "see this event"
    EDIT = "change the event, its entrants and its messages"
    REVIEW = "sign off messages"
    HALT = "pause, stop and hold messages"
    APPROVE = "approve and start steps, and arm and send alerts"
    MANAGE = "invite people and choose what they may do"


POWERS: dict[Role, frozenset[Power]] = {
    Role.OWNER: frozenset(set(Power) - {Power.REVIEW}),
    Role.EDITOR: frozenset({Power.SEE, Power.EDIT, Power.HALT}),
    Role.REVIEWER: frozenset({Power.SEE, Power.REVIEW}),
    Role.APPROVER: frozenset({Power.SEE, Power.HALT, Power.APPROVE}),
    Role.VIEWER: frozenset({Power.SEE}),
}
"""An owner does not sign off: that is a clinician's, and an owner who is one takes that role as well."""

STRONG = frozenset({Power.APPROVE, Power.MANAGE, Power.REVIEW})
"""Whoever holds one of these needs a second factor to sign in."""

MEANINGS = {
    Role.OWNER: "Everything but signing off: event, people, plan, approval, alerts.",
    Role.EDITOR: "Changes the event, entrants and messages; may pause, may not approve.",
    Role.REVIEWER: "Reads messages as a clinician and signs them off.",
    Role.APPROVER: "Approves and starts steps; arms and sends alerts.",
    Role.VIEWER: "Looks, and changes nothing.",
}


def powers_of(roles: Iterable[Role]) -> frozenset[Power]:
    """All that somebody with these roles may do."""
    return frozenset().union(*(POWERS[role] for role in roles))


def roles_with(power: Power) -> list[Role]:
    """The roles that bring a power, for the sentence that refuses."""
    return [role for role, powers in POWERS.items() if power in powers]


def needs_second_factor(roles: Iterable[Role]) -> bool:
    """Whether these roles may do what a stolen password alone must not allow."""
    return bool(powers_of(roles) & STRONG)
