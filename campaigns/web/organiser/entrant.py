"""One entrant's page: who they are to us, what they have agreed to, and every message in one line of time."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import audit, clock, people, privacy, start_list
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.entry_lists import clean
from campaigns.models import ConsentEvent, Entrant, Guardian, InboundText, Suppression
from campaigns.models.words import Channel, EntrantStatus, RaceStatus
from campaigns.web.organiser import fates, timeline, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show
from campaigns.web.preferences import WORDING

UNKNOWN = "unknown"
"""As a form says that nobody knows, which is stored as nothing."""


class Hold(forms.Form):
    """Why nothing is to go to somebody, for whoever looks at it next."""

    reason = forms.CharField(max_length=200, label="Why", help_text="Colleagues read this, runners do not.")


class Mark(forms.Form):
    """What became of somebody on the day."""

    race_status = forms.ChoiceField(
        choices=[(UNKNOWN, "not known"), *words.RACE_STATUS.items()], label="What became of them"
    )


class NameGuardian(forms.Form):
    """Whose address a child's is: the entry's own, when no other is given."""

    name = forms.CharField(max_length=100, label="Guardian's name")
    email = forms.CharField(
        max_length=254,
        required=False,
        label="Guardian's email",
        help_text="Leave it empty if the address in the entry is the guardian's.",
        widget=forms.EmailInput,
    )
    mobile = forms.CharField(
        max_length=30,
        required=False,
        label="Guardian's mobile",
        widget=forms.TextInput(attrs={"type": "tel"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for name, read in (("email", clean.email), ("mobile", clean.phone)):
            try:
                given[name] = read(given.get(name, ""))
            except clean.CellError as error:
                self.add_error(name, f"It {error.problem}: {error.cure}.")
        if given.get("mobile") and given["mobile"].number and not given.get("email") and not self.errors:
            self.add_error("email", "With a number goes an address: give the guardian's email too.")
        return given

    def contact(self) -> people.Contact | None:
        """None where the entry's address stays."""
        given = self.cleaned_data
        if not given["email"]:
            return None
        return people.Contact(given["email"], given["mobile"].number, given["mobile"].mobile_ok)


@require_safe
@page(Power.SEE)
def entrant(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`/e/<slug>/entrants/<token>`: everything about one person."""
    return _shown(request, member, _entrant(member, token))


@require_POST
@page(Power.EDIT)
def hold(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`…/hold`: nothing goes to them until somebody releases them."""
    found, form = _entrant(member, token), Hold(request.POST)
    if not form.is_valid():
        return _shown(request, member, found, hold=form)
    try:
        with transaction.atomic():
            if people.hold(found, form.cleaned_data["reason"]):
                audit.record(member.who, "entrants.hold", event=member.event.slug, entrant=found.id)
    except people.PersonError as error:
        form.add_error(None, str(error))
        return _shown(request, member, found, hold=form)
    messages.success(request, f"Nothing goes to {found.first_name} until somebody releases them.")
    return _back(member, found)


@require_POST
@page(Power.EDIT)
def release(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`…/release`: what waited goes out if it is still in time."""
    found = _entrant(member, token)
    try:
        with transaction.atomic():
            if people.release(found):
                audit.record(member.who, "entrants.release", event=member.event.slug, entrant=found.id)
    except people.PersonError as error:
        messages.error(request, str(error))
        return _back(member, found)
    messages.success(request, f"{found.first_name} is released: what waited goes out if it is still in time.")
    return _back(member, found)


@require_POST
@page(Power.EDIT)
def mark(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`…/mark`: started, finished, did not start, did not finish, or not known."""
    found, form = _entrant(member, token), Mark(request.POST)
    if not form.is_valid():
        return _shown(request, member, found, mark=form)
    chosen = form.cleaned_data["race_status"]
    status = RaceStatus.UNKNOWN if chosen == UNKNOWN else RaceStatus(chosen)
    with transaction.atomic():
        if people.mark_one(found, status):
            audit.record(
                member.who, "entrants.mark", event=member.event.slug, entrant=found.id, status=status
            )
    messages.success(request, f"{found.first_name}: {words.RACE_STATUS.get(status, 'not known')}.")
    return _back(member, found)


@require_POST
@page(Power.EDIT)
def guardian(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`…/guardian`: whose address a child's is."""
    found, form = _entrant(member, token), NameGuardian(request.POST)
    if not form.is_valid():
        return _shown(request, member, found, guardian=form)
    contact = form.contact()
    try:
        with transaction.atomic():
            people.name_guardian(found, form.cleaned_data["name"], contact, source=f"said by {member.who}")
            audit.record(
                member.who,
                "entrants.guardian",
                event=member.event.slug,
                entrant=found.id,
                kept=contact is None,
            )
    except people.PersonError as error:
        form.add_error(None, str(error))
        return _shown(request, member, found, guardian=form)
    said = f"Messages for {found.first_name} go to {form.cleaned_data['name']} now."
    others = start_list.waiting(member.event).count
    if not others:
        messages.success(request, said)
        return _back(member, found)
    messages.success(request, f"{said} {words.count(others, 'other waits', 'others wait')}.")
    return redirect("entrants-waiting", member.event.slug)


@require_POST
@page(Power.EDIT)
def export(request: HttpRequest, member: Member, token: str) -> HttpResponse:  # noqa: ARG001 - as every view
    """`…/export`: all that is known of them, as a zip that they may be given."""
    found = _entrant(member, token)
    body = privacy.export(found)
    audit.record(member.who, "entrants.export", event=member.event.slug, entrant=found.id)
    answer = HttpResponse(body, content_type="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="entrant-{member.event.slug}.zip"'
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def erase(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`…/erase`: asks once and says what goes; then all that is known of them is gone for good."""
    found = _entrant(member, token)
    if request.method != "POST":
        sent = found.deliveries.filter(sent_at__isnull=False).count()
        return show(request, member, "entrant_erase.html", entrant=found, sent=sent)
    with transaction.atomic():
        done = privacy.erase(found)
        audit.record(
            member.who, "entrants.erase", event=member.event.slug, entrant=found.id, closed=done.closed
        )
    messages.success(request, "Erased. No entry list brings them back.")
    return redirect("entrants", member.event.slug)


def _entrant(member: Member, token: str) -> Entrant:
    found = (
        Entrant.objects.filter(event=member.event, token=token, erased_at=None)
        .select_related("race", "wave")
        .first()
    )
    if found is None:
        raise Http404
    found.event = member.event
    return found


def _back(member: Member, found: Entrant) -> HttpResponse:
    return redirect("entrant", member.event.slug, found.token)


def _shown(request: HttpRequest, member: Member, found: Entrant, **forms_sent: forms.Form) -> HttpResponse:
    now, minor = clock.now(), people.is_minor(found)
    of_age = Guardian.objects.filter(entrant=found).first() if minor else None
    theirs = {"name": of_age.name, "email": found.email, "mobile": found.mobile} if of_age else {}
    drawn = {
        "hold": Hold(auto_id="hold-%s"),
        "mark": Mark(initial={"race_status": found.race_status or UNKNOWN}, auto_id="mark-%s"),
        "guardian": NameGuardian(initial=theirs, auto_id="guardian-%s"),
    } | forms_sent
    return show(
        request, member, "entrant.html", status=422 if forms_sent else 200, entrant=found, minor=minor, guardian=of_age,
        consents=_consents(found), story=ConsentEvent.objects.filter(entrant=found).order_by("-at", "-id"),
        closed=_closed(found), texts=InboundText.objects.filter(entrant=found).order_by("-received_at")[:50],
        stops=timeline.of(found, now), fates=fates, wording=WORDING, forms=drawn, waits=_waits(found, minor, of_age),
    )  # fmt: skip


def _waits(found: Entrant, minor: bool, guardian: Guardian | None) -> str:
    """What has to be done before anything goes to them."""
    if found.status == EntrantStatus.HELD:
        return found.hold_reason or people.HELD_BY_HAND
    if found.status == EntrantStatus.WITHDRAWN:
        return ""
    return people.NO_GUARDIAN if minor and guardian is None else ""


def _consents(found: Entrant) -> list[tuple[str, Any]]:
    """Each kind of message in the words that runners choose by, with the answer if there is one."""
    answers = {(one.channel, one.purpose): one for one in found.consents.all()}
    return [(words, answers.get((channel, purpose))) for (channel, purpose), words in WORDING.items()]


def _closed(found: Entrant) -> QuerySet[Suppression]:
    """What the organiser may not send to their addresses. Served by suppressions_one_a_scope."""
    addresses = Q(channel=Channel.EMAIL, address_hash=found.email_hash or b"")
    addresses |= Q(channel=Channel.SMS, address_hash=found.mobile_hash or b"")
    return Suppression.objects.filter(addresses, organiser=found.event.organiser_id).order_by("at", "id")
