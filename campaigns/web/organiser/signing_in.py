"""Signing in: password, second factor, links that work once; and signing out."""

from __future__ import annotations

from django import forms
from django.contrib.auth import authenticate, logout, password_validation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import audit
from campaigns.accounts import links, second_factor
from campaigns.models import User
from campaigns.models.words import LinkKind
from campaigns.web.organiser import door, refusals, session
from campaigns.web.organiser.showing import show_person


class SignIn(forms.Form):
    email = forms.EmailField(widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class Code(forms.Form):
    code = forms.CharField(
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}
        ),
    )


class NewPassword(forms.Form):
    """A password by the rules of the settings; `user` is whose it becomes."""

    password = forms.CharField(
        strip=False,
        label="New password",
        help_text="At least 12 characters; three words that you make up are good.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, data: object = None, *, user: User) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password, self.user)
        return password

    def save(self) -> None:
        self.user.set_password(self.cleaned_data["password"])
        self.user.save(update_fields=["password"])


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """`/sign-in`: address and password. Five wrong ones from one place close the door for a quarter of an hour."""
    if door.is_in(request):
        return redirect(door.onward(request))
    form = SignIn(request.POST or None)
    if form.is_valid():
        found = authenticate(
            request, username=form.cleaned_data["email"].lower(), password=form.cleaned_data["password"]
        )
        if getattr(request, "axes_locked_out", False):
            return refusals.locked_out(request)
        if isinstance(found, User):
            return _enter(request, found)
        form.add_error(
            None, "This address and password do not belong together: try again, or ask for a new link."
        )
    return show_person(request, None, "sign_in.html", form=form, onward=door.onward(request))


@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """`/code`: the second factor, after the password and again where a page asks for a fresh one."""
    if not request.user.is_authenticated:
        return door.by_way_of("sign-in", door.onward(request))
    user = door.person(request)
    if not second_factor.has_one(user):
        return door.by_way_of("second-factor", door.onward(request))
    form = Code(request.POST or None)
    if form.is_valid():
        if second_factor.check(user, form.cleaned_data["code"]):
            session.code_given(request)
            return redirect(door.onward(request))
        form.add_error(
            "code", "This code is not right, or it was used: wait for the next one, then type that."
        )
    return show_person(request, user, "code.html", form=form, onward=door.onward(request))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """`/sign-out`: ends this session."""
    logout(request)
    return redirect("sign-in")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """`/join/<token>`: an invitation; whoever has it chooses the password of that account."""
    user = links.whose(token, LinkKind.JOIN)
    if user is None:
        return render(request, "organiser/link_ended.html", status=404)
    form = NewPassword(request.POST or None, user=user)
    if form.is_valid() and links.use(token, LinkKind.JOIN):
        form.save()
        second_factor.end_sessions(user)
        audit.record(user.email, "user.join")
        user.refresh_from_db()
        return _enter(request, user)
    return show_person(request, None, "join.html", form=form, joining=user)


@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """`/enter/<token>`: a link that signs in once. Opening it changes nothing: mail programs open links, too."""
    user = links.whose(token, LinkKind.SIGN_IN)
    if user is None:
        return render(request, "organiser/link_ended.html", status=404)
    if request.method == "POST" and links.use(token, LinkKind.SIGN_IN):
        audit.record(user.email, "user.enter-by-link")
        return _enter(request, user)
    return show_person(request, None, "enter.html", entering=user)


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    session.begin(request, user)
    if session.waits_for_code(request):
        return door.by_way_of("code", door.onward(request))
    return redirect(door.onward(request))
