"""`aidstation user`: the people who sign in to the pages, and what they are to each event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from campaigns.cli import output, ready
from campaigns.cli.output import Refused

if TYPE_CHECKING:
    from campaigns.models import User

ROLES = ("owner", "editor", "reviewer", "approver", "viewer")


@click.group()
def user() -> None:
    """People who sign in: owners, editors, medical reviewers, approvers and viewers of events."""


@user.command()
@click.argument("email")
@click.option("--name", required=True, help="As colleagues and the audit log show it.")
@click.option("--event", "slug", default="", metavar="SLUG", help="The event that they are somebody at.")
@click.option(
    "--role", type=click.Choice(ROLES), default="owner", show_default=True, help="What they are to it."
)
@click.option("--may-create-events", is_flag=True, help="They may make new events in the pages.")
@output.json_option
@output.as_option
def create(
    email: str, name: str, slug: str, role: str, may_create_events: bool, as_json: bool, who: str
) -> None:
    """Make an account for EMAIL and print the link that lets its person choose a password."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit
    from campaigns.accounts import links, members
    from campaigns.cli.event import event_named
    from campaigns.models.words import LinkKind, Role

    event = event_named(slug) if slug else None
    try:
        with transaction.atomic():
            made = members.add(email, name, may_create_events=may_create_events)
            if event:
                members.give(made, event, Role(role))
            audit.record(who, "user.create", event=slug, user=made.pk, role=role if event else "")
            link = links.make(made, LinkKind.JOIN)
    except members.AccountError as error:
        output.refuse(error)
    _say_link(as_json, email, link, "lets them choose a password; it works once, for 7 days")


@user.command()
@click.argument("email")
@click.option("--event", "slug", required=True, metavar="SLUG", help="The event.")
@click.option(
    "--give", "given", multiple=True, type=click.Choice(ROLES), help="A role to give; may be repeated."
)
@click.option("--take", "taken", multiple=True, type=click.Choice(ROLES), help="A role to take away.")
@output.json_option
@output.as_option
def role(
    email: str, slug: str, given: tuple[str, ...], taken: tuple[str, ...], as_json: bool, who: str
) -> None:
    """Give or take what EMAIL is to an event."""
    ready.prepare()
    from django.db import transaction

    from campaigns import audit
    from campaigns.accounts import members
    from campaigns.cli.event import event_named
    from campaigns.models.words import Role

    found, event = _named(email), event_named(slug)
    try:
        with transaction.atomic():
            for name in given:
                members.give(found, event, Role(name))
            for name in taken:
                members.take(found, event, Role(name))
            audit.record(who, "user.role", event=slug, user=found.pk, given=given, taken=taken)
    except members.AccountError as error:
        output.refuse(error)
    roles = sorted(found.memberships.filter(event=event).values_list("role", flat=True))
    if as_json:
        output.print_json({"email": found.email, "event": slug, "roles": roles})
    else:
        click.echo(f"{found.email} is {', '.join(roles) or 'nobody'} at {slug}.")


@user.command("login-link")
@click.argument("email")
@output.json_option
@output.as_option
def login_link(email: str, as_json: bool, who: str) -> None:
    """Print a link that signs EMAIL in once, within 15 minutes; a second factor is still asked for."""
    ready.prepare()
    from campaigns import audit
    from campaigns.accounts import links
    from campaigns.models.words import LinkKind

    found = _named(email)
    kind = LinkKind.SIGN_IN if found.has_usable_password() else LinkKind.JOIN
    link = links.make(found, kind)
    audit.record(who, "user.login-link", user=found.pk)
    said = (
        "signs them in once, within 15 minutes" if kind == LinkKind.SIGN_IN else "lets them choose a password"
    )
    _say_link(as_json, found.email, link, said)


@user.command("reset-otp")
@click.argument("email")
@output.json_option
@output.as_option
def reset_otp(email: str, as_json: bool, who: str) -> None:
    """Forget the authenticator app and recovery codes of EMAIL, for a lost phone, and end their sessions."""
    ready.prepare()
    from campaigns import audit
    from campaigns.accounts import second_factor

    found = _named(email)
    second_factor.reset(found)
    audit.record(who, "user.reset-otp", user=found.pk)
    if as_json:
        output.print_json({"email": found.email, "second_factor": False})
    else:
        click.echo(f"{found.email} sets up a new app at the next sign-in; all their sessions have ended.")


@user.command("list")
@output.json_option
def list_users(as_json: bool) -> None:
    """Who can sign in, and what they are to which event."""
    ready.prepare()
    from campaigns.models import User

    rows: list[dict[str, Any]] = [
        {
            "email": found.email,
            "name": found.name,
            "active": found.is_active,
            "has_password": found.has_usable_password(),
            "roles": [f"{one.event.slug}: {one.role}" for one in found.memberships.all()],
        }
        for found in User.objects.prefetch_related("memberships__event").order_by("email")
    ]
    if as_json:
        output.print_json(rows)
        return
    for row in rows:
        waiting = "" if row["has_password"] else " (has not chosen a password yet)"
        click.echo(f"{row['email']}  {row['name']}{waiting}  {', '.join(row['roles']) or 'no event'}")
    if not rows:
        click.echo("Nobody yet: aidstation user create EMAIL --name NAME --event SLUG")


def _named(email: str) -> User:
    from campaigns.models import User

    found = User.objects.filter(email=email.strip().lower()).first()
    if found is None:
        raise Refused(f"There is no account {email}: see them with `aidstation user list`.")
    return found


def _say_link(as_json: bool, email: str, link: str, does: str) -> None:
    if as_json:
        output.print_json({"email": email, "link": link})
    else:
        click.echo(f"This link {does}:\n{link}")
