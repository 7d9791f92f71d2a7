"""The people behind an event who sign in: who they are to it, and inviting others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import audit
from campaigns.accounts import inviting, members, second_factor
from campaigns.accounts.members import AccountError, Member
from campaigns.accounts.powers import MEANINGS, Power, needs_second_factor
from campaigns.models import Membership, User
from campaigns.models.words import Role
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show

ROLE_WORDS = {
    Role.OWNER: "owner",
    Role.EDITOR: "editor",
    Role.REVIEWER: "medical reviewer",
    Role.APPROVER: "approver",
    Role.VIEWER: "viewer",
}


@dataclass(frozen=True, slots=True)
class Colleague:
    """One person, all that they are to the event, and how they sign in."""

    user: User
    roles: list[Role]
    has_app: bool

    @property
    def lacks_app(self) -> bool:
        """Whether their roles ask for a second factor that they have not set up yet."""
        return settings.SECOND_FACTOR and not self.has_app and needs_second_factor(self.roles)

    @property
    def others(self) -> list[Role]:
        """The roles that they might be given."""
        return [role for role in Role if role not in self.roles]


class Invite(forms.Form):
    """Who is to come, and as what."""

    email = forms.EmailField(max_length=254, label="Their email")
    name = forms.CharField(
        max_length=100, label="Their name", help_text="Colleagues and the audit log show it."
    )
    role = forms.ChoiceField(
        label="What they may do",
        initial=Role.EDITOR,
        choices=[(role.value, f"{ROLE_WORDS[role].capitalize()}: {MEANINGS[role]}") for role in Role],
        widget=forms.RadioSelect,
    )


class Change(forms.Form):
    """A role of somebody who is here already."""

    whom = forms.EmailField()
    role = forms.ChoiceField(choices=Role.choices)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.MANAGE, fresh=True)
def team(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/people`: everybody with a role; invites, gives and takes."""
    act = _ACTS.get(request.POST.get("act", "")) if request.method == "POST" else None
    return act(request, member) if act else _shown(request, member, Invite())


def _invite(request: HttpRequest, member: Member) -> HttpResponse:
    form = Invite(request.POST)
    if not form.is_valid():
        return _shown(request, member, form)
    given = form.cleaned_data
    role = Role(given["role"])
    try:
        invited = inviting.invite(member.event, given["email"], given["name"], role, member.user)
    except AccountError as error:
        form.add_error("email", str(error))
        return _shown(request, member, form)
    audit.record(
        member.who,
        "user.invite",
        event=member.event.slug,
        user=invited.user.pk,
        role=role,
        new=invited.is_new,
    )
    if invited.mailed:
        messages.success(
            request, f"{invited.user.name} is {ROLE_WORDS[role]} now and has a mail with the way in."
        )
        return redirect("team", member.event.slug)
    if not invited.link:
        messages.warning(
            request,
            f"{invited.user.name} is {ROLE_WORDS[role]} now, but the mail could not be sent: tell them.",
        )
        return redirect("team", member.event.slug)
    return show(request, member, "team_link.html", invited=invited)


def _give(request: HttpRequest, member: Member) -> HttpResponse:
    def give(user: User, role: Role) -> str:
        members.give(user, member.event, role)
        return f"{user.name} is {ROLE_WORDS[role]} now."

    return _changed(request, member, "given", give)


def _take(request: HttpRequest, member: Member) -> HttpResponse:
    def take(user: User, role: Role) -> str:
        members.take(user, member.event, role)
        return f"{user.name} is not {ROLE_WORDS[role]} any more."

    return _changed(request, member, "taken", take)


def _send_again(request: HttpRequest, member: Member) -> HttpResponse:
    user = User.objects.filter(
        email=request.POST.get("whom", "").lower(), memberships__event=member.event, is_active=True
    ).first()
    if user is None:
        messages.error(request, "Nobody of that name is here any more: look at the list below.")
        return redirect("team", member.event.slug)
    mailed = inviting.send_again(member.event, user, member.user)
    audit.record(member.who, "user.link", event=member.event.slug, user=user.pk, mailed=mailed)
    if mailed:
        messages.success(request, f"{user.name} has a mail with a new link.")
    else:
        messages.error(request, f"The mail to {user.name} could not be sent: try again later.")
    return redirect("team", member.event.slug)


def _changed(
    request: HttpRequest, member: Member, what: str, change: Callable[[User, Role], str]
) -> HttpResponse:
    form = Change(request.POST)
    user = (
        form.is_valid()
        and User.objects.filter(
            email=form.cleaned_data["whom"].lower(), memberships__event=member.event
        ).first()
    )
    if not user:
        messages.error(request, "Nobody of that name is here any more: look at the list below.")
        return redirect("team", member.event.slug)
    role = Role(form.cleaned_data["role"])
    try:
        with transaction.atomic():
            said = change(user, role)
            audit.record(member.who, "user.role", event=member.event.slug, user=user.pk, **{what: [role]})
    except AccountError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    still = members.member(member.user, member.event.slug)
    if still is None:
        return redirect("events")
    return redirect("team" if still.may(Power.MANAGE) else "course", member.event.slug)


_ACTS = {"invite": _invite, "give": _give, "take": _take, "link": _send_again}


def _shown(request: HttpRequest, member: Member, form: Invite) -> HttpResponse:
    return show(
        request, member, "team.html", status=422 if form.is_bound else 200, form=form, colleagues=_colleagues(member),
        role_words=ROLE_WORDS, meanings=MEANINGS,
    )  # fmt: skip


def _colleagues(member: Member) -> list[Colleague]:
    found: dict[User, list[Role]] = {}
    for one in (
        Membership.objects.filter(event=member.event).select_related("user").order_by("user__name", "id")
    ):
        found.setdefault(one.user, []).append(Role(one.role))
    apps = second_factor.who_has_one(found)
    return [Colleague(user, roles, user.pk in apps) for user, roles in found.items()]
