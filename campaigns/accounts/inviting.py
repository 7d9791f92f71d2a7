"""Invites somebody to an event: an account if they have none, a role, and a mail with the way in."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from campaigns import staff_mail
from campaigns.accounts import links, members
from campaigns.models import Event, User
from campaigns.models.words import LinkKind, Role

WORDS = """Hello {name},

{inviter} has made you {role} of {event} in Aid Station, which sends health messages to its runners.

{way_in}

If you know nothing of this, leave this mail alone.
"""
AGAIN = """Hello {name},

{inviter} sends you a new way into Aid Station, for {event}.

{way_in}

If you know nothing of this, leave this mail alone.
"""
JOIN = """Choose a password here; the link works once, for 7 days:

    {link}"""
SIGN_IN = """Sign in as always:

    {link}"""

A_ROLE = {
    Role.OWNER: "an owner",
    Role.EDITOR: "an editor",
    Role.REVIEWER: "a medical reviewer",
    Role.APPROVER: "an approver",
    Role.VIEWER: "a viewer",
}


@dataclass(frozen=True, slots=True)
class Invited:
    """What an invitation came to."""

    user: User
    is_new: bool
    mailed: bool
    link: str
    """To be passed on by hand where the mail failed, and only for an account that this invitation has made: whoever
    has the link is that person."""


def invite(event: Event, email: str, name: str, role: Role, inviter: User) -> Invited:
    """Gives the role and mails the way in, which is not undone if the mail fails. Raises AccountError."""
    with transaction.atomic():
        user = User.objects.filter(email=email.strip().lower()).first()
        is_new = user is None
        if user is None:
            user = members.add(email, name)
        if not members.give(user, event, role):
            raise members.AccountError(f"{user.name} is {A_ROLE[role]} already.")
        waits = not user.has_usable_password()
        link = links.make(user, LinkKind.JOIN) if waits else f"{settings.PUBLIC_URL}/sign-in"
    way_in = (JOIN if waits else SIGN_IN).format(link=link)
    words = WORDS.format(
        name=user.name, inviter=inviter.name, role=A_ROLE[role], event=event.name, way_in=way_in
    )
    letter = staff_mail.mail(1, user.email, f"You are {A_ROLE[role]} of {event.name}", words)
    mailed = bool(staff_mail.taken([letter]))
    return Invited(user, is_new, mailed, link if is_new and not mailed else "")


def send_again(event: Event, user: User, inviter: User) -> bool:
    """Mails a colleague a new link with which they choose a password, and says whether the mail left.

    It goes to their own address alone and is shown to nobody; a second factor is asked for all the same.
    """
    way_in = JOIN.format(link=links.make(user, LinkKind.JOIN))
    words = AGAIN.format(name=user.name, inviter=inviter.name, event=event.name, way_in=way_in)
    letter = staff_mail.mail(1, user.email, f"Your way into {event.name}", words)
    return bool(staff_mail.taken([letter]))
