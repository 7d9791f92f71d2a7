"""The room of messages: all of them, and one to read, write and try out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from django import forms
from django.contrib import messages as news
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import audit, clock, content, preview, seen, sign_off, wording
from campaigns import messages as stock
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.content.sandbox import MAX_SOURCE
from campaigns.differences import differences
from campaigns.messages import Signing
from campaigns.models import StaffContact, Template, Version
from campaigns.models.words import Channel
from campaigns.web.organiser import drafts, looking, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.errand_pages import look_called
from campaigns.web.organiser.looking import Reader
from campaigns.web.organiser.showing import fragment, show


class Draft(Reader):
    """The source of a message as it is being written, with whom it is shown to."""

    source = forms.CharField(
        label="Source",
        strip=False,
        max_length=2 * MAX_SOURCE,
        widget=forms.Textarea(attrs={"spellcheck": "true", "autocomplete": "off"}),
    )
    over = forms.CharField(widget=forms.HiddenInput)
    came_from = forms.CharField(required=False, widget=forms.HiddenInput)
    """The token of the look before approving from which the page was opened."""


@require_safe
@page(Power.SEE)
def messages(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/messages/`: every message with its version, its steps and its sign-off."""
    rows = stock.overview(member.event)
    today = clock.now().astimezone(member.event.zone).date()
    signing = [(row, row.signing(today)) for row in rows]
    lacking = sum(state in (Signing.MISSING, Signing.ENDED) for _, state in signing)
    return show(request, member, "messages.html", rows=signing, lacking=lacking)


@require_safe
@page(Power.SEE)
def message(request: HttpRequest, member: Member, channel: str, name: str) -> HttpResponse:
    """`/e/<slug>/messages/<channel>/<name>/`: the newest version to read, to write on and to see as an entrant."""
    template = template_of(member, channel, name)
    newest = newest_of(template)
    asked = {name: request.GET.get(name, "") for name in ("pick", "reader")}
    form = Draft(initial={"source": newest.source, "over": newest.content_hash, **asked})
    form.initial["came_from"] = request.GET.get("came_from", "")
    return _page(request, member, newest, form, looked_at=newest, reader=Reader(request.GET))


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def edit(request: HttpRequest, member: Member, channel: str, name: str) -> HttpResponse:
    """`/e/<slug>/messages/<channel>/<name>/edit`: saves what was written, or shows how it would look."""
    template = template_of(member, channel, name)
    if request.method != "POST":
        return redirect("message", member.event.slug, channel, name)
    newest = newest_of(template)
    form = Draft(request.POST)
    if not form.is_valid():
        return _page(request, member, newest, form, looked_at=newest, reader=Reader(request.POST))
    written = wording.as_stored(form.cleaned_data["source"])
    draft = Version(template=template, source=written, number=newest.number + 1)
    looked_at = newest if written == newest.source else draft
    if request.headers.get("HX-Request") == "true":
        return _looked_anew(request, member, newest, looked_at, form)
    if "save" not in request.POST and ("preview" in request.POST or request.POST.get("whom")):
        return _read_as(request, member, newest, looked_at, form)
    return _save(request, member, template, form, draft)


def _read_as(
    request: HttpRequest, member: Member, newest: Version, looked_at: Version, form: Draft
) -> HttpResponse:
    """The page as the one whom the form names gets it, at an address that can be loaded anew and told to others.

    Words that are not saved stand in no address, and neither does a name that is nobody's or several people's.
    """
    template = newest.template
    named = looking.named(member, template, form) if looked_at is newest else None
    if named is None:
        return _page(request, member, newest, form, looked_at=looked_at, reader=form)
    given = form.cleaned_data
    return redirect(
        address_of(member, template, whom=named.token, pick=given["pick"], came_from=given["came_from"])
    )


def _looked_anew(
    request: HttpRequest, member: Member, newest: Version, looked_at: Version, form: Draft
) -> HttpResponse:
    """What htmx puts in place as one writes and chooses a reader: the preview, and the test as that reader."""
    template = newest.template
    came_from = look_called(member, form.cleaned_data["came_from"])
    return fragment(
        request, member, "message_seen.html", about=template, version=newest, swapped=True,
        look=looking.look(member, looked_at, preview.step_of(template), form),
        came_from=came_from.token if came_from else "", own_address=ownaddress_of(member, template.channel),
    )  # fmt: skip


def _save(
    request: HttpRequest, member: Member, template: Template, form: Draft, draft: Version
) -> HttpResponse:
    theirs: Version | None = None
    try:
        saved = wording.save(template, draft.source, over=form.cleaned_data["over"])
    except content.ContentError as error:
        form.add_error("source", str(error))
    except wording.Overtaken as error:
        theirs = error.newest
        form.add_error(
            None,
            f"{error} Your text is below, and nothing of it is lost. Look at what differs, take over what you "
            "need, and save again: that puts your text above theirs.",
        )
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["over"] = theirs.content_hash  # type: ignore[index]
    else:
        if saved.is_new:
            audit.record(
                member.who, "template.save", event=member.event.slug, version=saved.version.id,
                waiting=len(saved.waiting),
            )  # fmt: skip
        news.success(request, _said(saved))
        return redirect(address_of(member, template, came_from=form.cleaned_data["came_from"]))
    changes = differences(theirs.source, draft.source) if theirs else []
    return _page(
        request, member, newest_of(template), form, looked_at=draft, reader=form, theirs=theirs, changes=changes
    )  # fmt: skip


def _said(saved: wording.Saved) -> str:
    if not saved.is_new:
        return f"Nothing has changed: version {saved.version.number} says this already."
    said = f"Saved as version {saved.version.number}."
    if saved.waiting:
        named = ", ".join(words.topic(name) for name in saved.waiting)
        said += f" These steps wait for approval again: {named}."
    return said + (" It needs a sign-off before it is sent." if saved.version.health else "")


@require_safe
@xframe_options_sameorigin
@page(Power.SEE)
def frame(request: HttpRequest, member: Member, channel: str, name: str) -> HttpResponse:
    """`…/frame?version=…&whom=…`: the email alone, for the frame in a page; nothing in it can reach the page."""
    template = template_of(member, channel, name)
    version = _framed(request, member, template)
    reader = member.event.entrants.select_related("race").filter(token=request.GET.get("whom", "")).first()
    if version is None or template.channel != Channel.EMAIL:
        raise Http404
    try:
        html = seen.words(seen.look(version, reader))["html"]
    except preview.PreviewError as error:
        html, status = _plainly(str(error)), 409
    else:
        status = 200
    return HttpResponse(
        html, status=status, headers={"Content-Security-Policy": _policy(member.event.logo_url)}
    )


def _framed(request: HttpRequest, member: Member, template: Template) -> Version | None:
    if key := request.GET.get("draft", ""):
        source = drafts.find(member.user, template, key)
        return None if source is None else Version(template=template, source=source, number=0)
    wanted = request.GET.get("version", "")
    return template.versions.select_related("template__event").filter(content_hash=wanted).first()


def _policy(logo: str) -> str:
    """A message brings its style in its lines, the event's own logo, and nothing that runs or leads away."""
    parts = urlsplit(logo)
    place = f" {parts.scheme}://{parts.netloc}" if parts.scheme == "https" and parts.netloc.isascii() else ""
    place = "" if set(place) & set(";,'\"") else place
    return (
        f"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'{place}; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )


def _plainly(sentence: str) -> str:
    from markupsafe import escape

    return f'<!doctype html><html lang="en-GB"><title>Preview</title><p>{escape(sentence)}</p></html>'


@require_POST
@page(Power.EDIT)
def test_send(request: HttpRequest, member: Member, channel: str, name: str) -> HttpResponse:
    """`…/test`: sends the newest version, marked as a test, to whoever asks for it and to nobody else."""
    template = template_of(member, channel, name)
    newest = newest_of(template)
    address = ownaddress_of(member, template.channel)
    reader = member.event.entrants.select_related("race").filter(token=request.POST.get("whom", "")).first()
    back = address_of(
        member, template, whom=reader.token if reader else "", came_from=request.POST.get("came_from", "")
    )
    if not address:
        news.error(request, "There is no mobile number of yours: an owner adds it to the event's staff.")
        return redirect(back)
    try:
        preview.send_test(seen.look(newest, reader), address)
    except preview.PreviewError as error:
        audit.record(
            member.who, "template.test-send", event=member.event.slug, version=newest.id, accepted=False
        )
        news.error(request, str(error))
    else:
        audit.record(
            member.who, "template.test-send", event=member.event.slug, version=newest.id, accepted=True
        )
        news.success(request, f"Version {newest.number} is on its way to {address}, marked as a test.")
    return redirect(back)


def address_of(member: Member, template: Template, **query: str) -> str:
    """The message's own page, keeping whom it is shown to and which look it was opened from."""
    kept = urlencode({name: value for name, value in query.items() if value})
    page = reverse("message", args=[member.event.slug, template.channel, template.name])
    return f"{page}?{kept}" if kept else page


def ownaddress_of(member: Member, channel: str) -> str:
    """Where a test goes: the address one signs in with, or the number of the staff contact who has it."""
    if channel == Channel.EMAIL:
        return member.user.email
    own = StaffContact.objects.filter(event=member.event, email__iexact=member.user.email).exclude(mobile="")
    return own.values_list("mobile", flat=True).first() or ""


def template_of(member: Member, channel: str, name: str) -> Template:
    """The message of this event at that address; 404 for any other."""
    found = Template.objects.filter(event=member.event, channel=channel, name=name).first()
    if found is None:
        raise Http404
    found.event = member.event
    return found


def newest_of(template: Template) -> Version:
    """The newest version, with the template that is known already."""
    newest = template.versions.latest("number")
    newest.template = template
    return newest


def standing_words(member: Member, version: Version) -> dict[str, Any]:
    """How the version's sign-off stands, for every page about it."""
    today = clock.now().astimezone(member.event.zone).date()
    signed = sign_off.standing(version.id)
    return {"signed": signed, "signing": stock.signing(version, signed, today)}


def _page(
    request: HttpRequest,
    member: Member,
    newest: Version,
    form: Draft,
    *,
    looked_at: Version,
    reader: Reader,
    **more: Any,
) -> HttpResponse:
    """The page of one message: the form on one side, on the other what a reader sees of `looked_at`.

    Opened from a look before approving it leads back there. Then, and as one person gets it, it shows the source at a
    press only.
    """
    template = newest.template
    came_from = look_called(member, str(form["came_from"].value() or ""))
    step = preview.step_of(template)
    steps, alerts = stock.users_of(template)
    form.fields["source"].widget.attrs["rows"] = 30 if template.channel == Channel.EMAIL else 14
    context = {"theirs": None, "changes": [], **more}
    return show(
        request, member, "message.html", about=template, version=newest, form=form, step=step,
        steps=steps, alerts=alerts, look=looking.look(member, looked_at, step, reader),
        reads_as=looked_at is newest and bool(reader.data.get("whom")),
        placeholders=_placeholders(alerts), came_from=came_from.token if came_from else "",
        own_address=ownaddress_of(member, template.channel),
        **standing_words(member, newest), **context,
    )  # fmt: skip


def _placeholders(alerts: list[str]) -> list[content.Placeholder]:
    """The open words that this message may use; what is typed in at the press belongs to alerts alone."""
    return [one for one in content.PLACEHOLDERS.values() if alerts or not one.typed]
