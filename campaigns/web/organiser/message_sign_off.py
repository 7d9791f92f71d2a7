"""Signing a message off: a medical reviewer reads its claims with their sources and stands for one version."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages as news
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import audit, clock, content, preview, rendering, sign_off
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.content.front_matter import Claim, Reference
from campaigns.models import Version
from campaigns.web.organiser import looking, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.errand_pages import look_it_came_from
from campaigns.web.organiser.messages import address_of, newest_of, standing_words, template_of
from campaigns.web.organiser.showing import show

FOR_A_YEAR = timedelta(days=365)


class Signature(forms.Form):
    """Who stands for the version that was read, and until when."""

    reviewer = forms.CharField(
        label="Your name, as emails print it",
        max_length=sign_off.LONGEST_NAME,
        help_text="For example: Dr A B, GP",
    )
    registration = forms.CharField(
        label="Role or registration",
        max_length=sign_off.LONGEST_NAME,
        required=False,
        help_text="For example: GMC 1234567",
    )
    review_by = forms.DateField(
        label="Look at it again by",
        help_text="After this day it is not sent any more until somebody signs again.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    read = forms.BooleanField(label="I have read this version and stand for the advice in it.")
    version = forms.CharField(widget=forms.HiddenInput)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.REVIEW)
def sign_off_page(request: HttpRequest, member: Member, channel: str, name: str) -> HttpResponse:
    """`…/sign-off`: the claims of the newest version with their sources, and the form that signs it."""
    newest = newest_of(template_of(member, channel, name))
    came_from = look_it_came_from(request, member)
    form = Signature(request.POST or None, initial=_initial(member, newest))
    if form.is_valid() and _signed(member, newest, form):
        news.success(
            request,
            f"Version {newest.number} is signed off until {form.cleaned_data['review_by']:%-d %b %Y}.",
        )
        return redirect(address_of(member, newest.template, came_from=came_from))
    claims, unnamed = _claims(newest)
    return show(
        request, member, "message_sign_off.html", about=newest.template, version=newest, form=form, came_from=came_from,
        claims=claims, unnamed=unnamed, history=newest.sign_offs.order_by("-id"),
        look=looking.look(member, newest, preview.step_of(newest.template), looking.Reader({})), stops=_stops(newest),
        **standing_words(member, newest),
    )  # fmt: skip


def _initial(member: Member, newest: Version) -> dict[str, object]:
    today = clock.now().astimezone(member.event.zone).date()
    return {
        "reviewer": member.user.name,
        "review_by": today + FOR_A_YEAR,
        "version": newest.content_hash,
    }


def _signed(member: Member, newest: Version, form: Signature) -> bool:
    given = form.cleaned_data
    if given["version"] != newest.content_hash:
        form.add_error(
            None, f"Version {newest.number} was saved while you were reading: read that one and sign it."
        )
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = newest.content_hash  # type: ignore[index]
        return False
    try:
        with transaction.atomic():
            sign_off.sign(
                newest, reviewer=given["reviewer"], registration=given["registration"],
                review_by=given["review_by"], who=member.who,
            )  # fmt: skip
            audit.record(
                member.who, "template.sign-off", event=member.event.slug, version=newest.id,
                review_by=str(given["review_by"]),
            )  # fmt: skip
    except sign_off.SignOffError as error:
        form.add_error("review_by" if "past" in str(error) else "reviewer", str(error))
        return False
    return True


@require_POST
@page(Power.REVIEW)
def revoke(request: HttpRequest, member: Member, channel: str, name: str) -> HttpResponse:
    """`…/revoke`: ends the sign-off at once; what a drain has in hand is given back."""
    newest = newest_of(template_of(member, channel, name))
    try:
        with transaction.atomic():
            stopped = sign_off.revoke(newest, member.who)
            audit.record(member.who, "template.revoke", event=member.event.slug, version=newest.id)
    except sign_off.SignOffError as error:
        news.error(request, str(error))
    else:
        named = ", ".join(words.topic(step) for step in stopped)
        said = f" These steps wait for approval again: {named}." if named else ""
        news.success(request, f"The sign-off of version {newest.number} has ended.{said}")
    return redirect(address_of(member, newest.template, came_from=look_it_came_from(request, member)))


def _claims(version: Version) -> tuple[list[tuple[Claim, list[Reference]]], list[Reference]]:
    """Each claim with where it was read, and the sources that no claim names."""
    try:
        front = rendering.outline_of(version.id).front
    except content.ContentError:
        return [], []
    by_id = {source.id: source for source in front.sources if source.id}
    claims = [(claim, [by_id[each] for each in claim.sources]) for claim in front.claims]
    named = {each for claim in front.claims for each in claim.sources}
    return claims, [source for source in front.sources if source.id not in named]


def _stops(version: Version) -> list[str]:
    return [words.topic(name) for name in sign_off.stops(version).values_list("name", flat=True)]
