"""The page of an event's API tokens: an owner makes and ends them; a new one is shown once."""

from __future__ import annotations

from django import forms
from django.contrib import messages as news
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import audit
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.api import tokens
from campaigns.api.tokens import MEANINGS, Scope
from campaigns.models import ApiToken
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show


class NewToken(forms.Form):
    """What a token is called, whose entries it pushes, and what it may do."""

    name = forms.CharField(
        label="Which program gets it",
        max_length=tokens.LONGEST_NAME,
        help_text="For example: entry platform, live",
    )
    source = forms.CharField(
        label="Source of its entries",
        max_length=tokens.LONGEST_NAME,
        initial="api",
        help_text="A short name. Entries on lists from the same source, with the same ids, are the same entries.",
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(scope.value, meaning) for scope, meaning in MEANINGS.items()],
        widget=forms.CheckboxSelectMultiple,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.MANAGE)
@sensitive_variables("secret")
def api_tokens(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/api/`: the tokens, and the form that makes one. The answer to that form alone shows its secret."""
    form = NewToken(request.POST or None)
    made, secret = _made(member, form) if form.is_valid() else (None, "")
    return show(
        request, member, "api_tokens.html", form=NewToken() if made else form, made=made, secret=secret,
        rows=ApiToken.objects.filter(event=member.event).order_by("ended_at", "-id"), meanings=MEANINGS,
    )  # fmt: skip


def _made(member: Member, form: NewToken) -> tuple[ApiToken | None, str]:
    given = form.cleaned_data
    try:
        made, secret = tokens.make(
            member.event, given["name"], source=given["source"], scopes=[Scope(each) for each in given["scopes"]],
            who=member.who,
        )  # fmt: skip
    except tokens.TokenError as error:
        form.add_error("source" if "source" in str(error) else "name", str(error))
        return None, ""
    audit.record(member.who, "token.create", event=member.event.slug, token=made.id, scopes=made.scopes)
    return made, secret


@require_POST
@page(Power.MANAGE)
def end(request: HttpRequest, member: Member, handle: str) -> HttpResponse:
    """`/e/<slug>/api/<handle>/end`: ends a token at once."""
    found = ApiToken.objects.filter(event=member.event, handle=handle).first()
    try:
        ended = tokens.end(member.event, found.name if found else "", member.who)
    except tokens.TokenError:
        news.warning(request, "This token has ended before.")
    else:
        audit.record(member.who, "token.end", event=member.event.slug, token=ended.id)
        news.success(
            request, f"The token “{ended.name}” has ended: requests with it are refused from now on."
        )
    return redirect("api-tokens", member.event.slug)
