"""One's own account: the password, the authenticator app, the sessions."""

from __future__ import annotations

import base64
import io

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from markupsafe import Markup

from campaigns import audit
from campaigns.accounts import members, second_factor
from campaigns.models import User
from campaigns.web.organiser import door, session
from campaigns.web.organiser.showing import show_person
from campaigns.web.organiser.signing_in import Code, NewPassword


class ChangePassword(NewPassword):
    """Asks for the old password first, for a page that somebody left open."""

    old = forms.CharField(
        strip=False,
        label="Password until now",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ["old", "password"]

    def clean_old(self) -> str:
        old: str = self.cleaned_data["old"]
        if not self.user.check_password(old):
            raise forms.ValidationError("This is not your password until now: type that one here.")
        return old


@sensitive_post_parameters("old", "password")
@require_http_methods(["GET", "HEAD", "POST"])
@door.signed_in
def account(request: HttpRequest, user: User) -> HttpResponse:
    """`/account`: changes the password, and shows how this person signs in."""
    form = ChangePassword(request.POST or None, user=user)
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        audit.record(user.email, "user.password")
        messages.success(request, "Your password is changed. Everywhere else you are signed out.")
        return redirect("account")
    return show_person(
        request, user, "account.html", form=form, has_app=second_factor.has_one(user),
        needs_app=settings.SECOND_FACTOR and members.is_strong(user),
        waived=not settings.SECOND_FACTOR and members.is_strong(user),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@door.signed_in
def second_factor_page(request: HttpRequest, user: User) -> HttpResponse:
    """`/account/second-factor`: puts a key into an authenticator app; replacing one asks for a code of the old."""
    if second_factor.has_one(user) and not session.is_fresh(request):
        return door.by_way_of("code", request.get_full_path())
    device, form = second_factor.begin(user), Code(request.POST or None)
    if form.is_valid():
        codes = second_factor.confirm(user, form.cleaned_data["code"])
        if codes is not None:
            session.code_given(request)
            audit.record(user.email, "user.second-factor")
            return show_person(request, user, "recovery_codes.html", codes=codes, onward=door.onward(request))
        form.add_error("code", "This code is not right: look at the newest one in the app and type that.")
    key = device.bin_key
    return show_person(
        request, user, "second_factor.html", form=form, picture=_picture(device.config_url),
        key=_grouped(_base32(key)), onward=door.onward(request),
    )  # fmt: skip


@require_POST
@door.signed_in
def recovery_codes(request: HttpRequest, user: User) -> HttpResponse:
    """`/account/recovery-codes`: ten new ones; the old ones end."""
    if not second_factor.has_one(user) or not session.is_fresh(request):
        return door.by_way_of("code", "/account")
    codes = second_factor.new_recovery_codes(user)
    audit.record(user.email, "user.recovery-codes")
    return show_person(request, user, "recovery_codes.html", codes=codes, onward="/account")


@require_POST
@door.signed_in
def sign_out_everywhere(request: HttpRequest, user: User) -> HttpResponse:
    """`/account/sign-out-everywhere`: ends every session of this person, this one as well."""
    second_factor.end_sessions(user)
    logout(request)
    audit.record(user.email, "user.sign-out-everywhere")
    return redirect("sign-in")


def _picture(address: str) -> Markup:
    """The key as a QR code, drawn into the page: no picture of a secret is ever fetched."""
    drawn = io.BytesIO()
    segno.make(address, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=True, border=4, omitsize=True, svgclass="qr", lineclass="qr-line",
        light="#fff", dark="#000", title="QR code for your authenticator app",
    )  # fmt: skip
    return Markup(drawn.getvalue().decode())  # noqa: S704 - segno's own SVG


def _base32(key: bytes) -> str:
    return base64.b32encode(key).decode().rstrip("=")


def _grouped(key: str) -> str:
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))
