"""Bringing in an entry list: upload, columns, what it would change, a yes. Files are read by a worker, never here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import audit, clock, start_list
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.entry_lists import uploads
from campaigns.entry_lists.elsewhere import Elsewhere
from campaigns.entry_lists.mapping import REQUIRED, Field
from campaigns.entry_lists.mapping_files import NEVER_READ, from_document
from campaigns.entry_lists.sheet import ListError
from campaigns.models import AuditEntry, Entrant, Event, ListUpload
from campaigns.models.words import UploadState
from campaigns.web.organiser import onward
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import fragment, show

LARGEST_DROP = 0.05
"""A complete list that leaves out a larger share of the entrants may be half a list: that is asked apart."""

SHOWN_IMPORTS = 50

MEANINGS = {
    Field.FIRST_NAME: "first name",
    Field.LAST_NAME: "last name",
    Field.EMAIL: "email",
    Field.PHONE: "phone",
    Field.BIRTH_DATE: "birth date",
    Field.RACE: "race",
    Field.WAVE: "wave",
    Field.BIB: "bib",
    Field.CLUB: "club",
    Field.FIRST_TIMER: "first time at this distance",
    Field.STATUS: "status of the entry",
    Field.REGISTRATION_ID: "number of the registration",
    Field.ANSWERED_AT: "when they answered",
}

GRANTS = {
    "yes:email tips": "a yes to tips by email",
    "yes:email tips+email sponsor": "a yes to tips and sponsors by email",
    "yes:email sponsor": "a yes to sponsors by email",
    "yes:sms service+sms tips": "a yes to texts about the race and tips",
    "yes:sms service": "a yes to texts about the race",
    "yes:sms service+sms sponsor": "a yes to texts of sponsors",
    "yes:email tips+sms service+sms tips": "a yes to tips by email and text",
}
"""What a column may allow, by the value of its choice. Every text needs a yes to texts about the race."""

STATUSES = [("confirmed", "confirmed"), ("withdrawn", "withdrawn"), ("held", "held until somebody looks")]


class Upload(forms.Form):
    """A file, and whether everybody is on it."""

    file = forms.FileField(
        label="The list, as CSV or Excel (.xlsx)",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        error_messages={"empty": "This file is empty: export the entry list again."},
    )
    complete = forms.BooleanField(
        required=False,
        label="Everybody is on this list",
        help_text="Then whoever is missing from it is withdrawn. You see how many before anything changes.",
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > uploads.LARGEST:
            raise forms.ValidationError(
                f"This file is larger than {uploads.LARGEST >> 20} MB: export the list without pictures."
            )
        return file


class Columns(forms.Form):
    """What each heading of a list is."""

    dates = forms.ChoiceField(
        required=False,
        label="Dates with figures alone, such as 03/04/1980",
        choices=[
            ("", "as the list itself proves"),
            ("day-first", "the day stands first"),
            ("month-first", "the month stands first"),
        ],
    )
    complete = forms.BooleanField(required=False, label="Everybody is on this list")

    def __init__(self, upload: ListUpload, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.upload, self.known = upload, upload.columns
        self.initial["dates"] = upload.dates or self.known.get("dates", "")
        self.initial["complete"] = upload.complete
        self.headings = [one for one in self.known.get("headings", []) if not NEVER_READ.search(one)]
        for number, heading in enumerate(self.headings):
            self.fields[f"column-{number}"] = _choice(heading, self._now(heading))
        self.statuses = list(upload.result.get("unknown_statuses", {}))
        for number, word in enumerate(self.statuses):
            self.fields[f"status-{number}"] = forms.ChoiceField(
                label=f"“{word}” means", choices=STATUSES, initial="held"
            )

    @property
    def columns(self) -> Iterator[forms.BoundField]:
        return (self[f"column-{number}"] for number in range(len(self.headings)))

    @property
    def status_words(self) -> Iterator[forms.BoundField]:
        return (self[f"status-{number}"] for number in range(len(self.statuses)))

    def _now(self, heading: str) -> str:
        allowed = self.known.get("allowed", {}).get(heading)
        if allowed:
            value = f"yes:{'+'.join(allowed)}"
            return value if value in GRANTS else ""
        return str(self.known.get("read", {}).get(heading, ""))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        chosen = {heading: given.get(f"column-{number}", "") for number, heading in enumerate(self.headings)}
        missing = [MEANINGS[wanted] for wanted in REQUIRED if wanted not in chosen.values()]
        if missing:
            raise forms.ValidationError(
                f"No column is the {' or the '.join(missing)} yet: say which one it is. Without it nobody can be "
                "written to at the right time."
            )
        given["mapping"] = self._mapping(chosen, given)
        try:
            from_document(given["mapping"], "The choice of columns")
        except ListError as error:
            raise forms.ValidationError(str(error)) from error
        return given

    def _mapping(self, chosen: dict[str, str], given: dict[str, Any]) -> dict[str, Any]:
        """What a mapping file with these choices would hold."""
        document: dict[str, Any] = {
            "source": self.known["source"],
            "title": self.known["title"],
            "columns": {
                heading: value for heading, value in chosen.items() if value and not value.startswith("yes:")
            },
            "consent": [
                {"heading": heading, "allows": value.removeprefix("yes:").split("+")}
                for heading, value in chosen.items()
                if value.startswith("yes:")
            ],
            "statuses": self.known.get("statuses", {})
            | {word: given[f"status-{number}"] for number, word in enumerate(self.statuses)},
        }
        return document | ({"dates": given["dates"]} if given["dates"] else {})


class Confirm(forms.Form):
    """A yes to what was shown; one more where many would be withdrawn, or the list names another event."""

    digest = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, upload: ListUpload, event: Event, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        absent, standing = upload.result["beside"]["absent"], upload.result["standing"]
        self.initial["digest"] = upload.digest
        self.another = uploads.says_it_is_for(upload)
        if self.another:
            self.fields["meant"] = forms.BooleanField(
                label=f"Yes, this list is for {event.name}",
                error_messages={
                    "required": f"Say that this list is for {event.name}, or choose another file."
                },
            )
        if absent and absent > standing * LARGEST_DROP:
            self.fields["drop"] = forms.BooleanField(
                label=f"Yes, withdraw {absent:,} of {standing:,} entrants: this is the whole list",
                error_messages={
                    "required": "Say that this is the whole list, or read it again as one that is not complete."
                },
            )


@require_safe
@page(Power.SEE)
def lists(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/entrants/lists`: what waits for a yes, and every list that was brought in, also by command."""
    waiting = ListUpload.objects.filter(event=member.event).exclude(state__in=uploads.ENDED)
    # An event of that name may have stood here before; its lists are not this one's.
    brought = AuditEntry.objects.filter(
        event=member.event.slug, act="entrants.import", at__gte=member.event.created_at
    ).order_by("-id")
    return show(
        request, member, "lists.html", waiting=waiting.defer("body").order_by("-id"),
        brought=list(brought[:SHOWN_IMPORTS]), who_waits=start_list.waiting_count(member.event),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def new(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/entrants/lists/new`: takes the file; nothing of it is looked at here."""
    form = Upload(request.POST or None, request.FILES or None)
    if not Entrant.objects.filter(event=member.event).exists():
        del form.fields["complete"]
    if form.is_valid():
        file = form.cleaned_data["file"]
        listed = uploads.take(
            member.event,
            member.who,
            file.name or "list",
            file.chunks(),
            complete=form.cleaned_data.get("complete", False),
        )
        audit.record(
            member.who, "entrants.upload", event=member.event.slug, upload=listed.id, bytes=file.size
        )
        return redirect("list", member.event.slug, listed.token)
    return show(request, member, "list_new.html", form=form)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def listed(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """`…/lists/<token>`: whatever this list needs next, and what became of it."""
    upload = _upload(member, token)
    act = _ACTS.get(request.POST.get("act", "")) if request.method == "POST" else None
    if act is not None:
        return act(request, member, upload)
    return _shown(request, member, upload)


@require_safe
@page(Power.EDIT)
def progress(request: HttpRequest, member: Member, token: str) -> HttpResponse:
    """How far the worker is; when it is a person's turn again, the page is loaded anew."""
    upload = _upload(member, token)
    answer = fragment(request, member, "list_progress.html", upload=upload)
    if upload.state not in uploads.WORKERS_TURN:
        answer.headers["HX-Refresh"] = "true"
    return answer


def _choose_columns(request: HttpRequest, member: Member, upload: ListUpload) -> HttpResponse:
    form = Columns(upload, request.POST)
    if not form.is_valid():
        return _shown(request, member, upload, columns=form)
    given = form.cleaned_data
    uploads.read_anew(upload, mapping=given["mapping"], dates=given["dates"], complete=given["complete"])
    return redirect("list", member.event.slug, upload.token)


def _decide_pairs(request: HttpRequest, member: Member, upload: ListUpload) -> HttpResponse:
    """Each pair is the same person, another one, or stays for later."""
    same, different = set(upload.same), set(upload.different)
    for row, *_ in upload.result.get("pairs", []):
        {"same": same, "different": different}.get(request.POST.get(f"pair-{row}", ""), set()).add(row)
    uploads.read_anew(upload, same=sorted(same), different=sorted(different))
    return redirect("list", member.event.slug, upload.token)


def _confirm(request: HttpRequest, member: Member, upload: ListUpload) -> HttpResponse:
    if upload.state != UploadState.COMPARED:
        return redirect("list", member.event.slug, upload.token)
    form = Confirm(upload, member.event, request.POST)
    if not form.is_valid():
        return _shown(request, member, upload, confirm=form)
    if not uploads.confirm(upload, form.cleaned_data["digest"], member.who):
        messages.warning(request, "This list was compared anew since you looked: nothing is brought in yet.")
    return redirect("list", member.event.slug, upload.token)


def _drop(request: HttpRequest, member: Member, upload: ListUpload) -> HttpResponse:
    if uploads.drop(upload):
        audit.record(member.who, "entrants.upload.drop", event=member.event.slug, upload=upload.id)
        messages.success(request, "The list is dropped, and its file is gone. Nothing was changed.")
        return redirect("lists", member.event.slug)
    return redirect("list", member.event.slug, upload.token)


_ACTS = {"columns": _choose_columns, "pairs": _decide_pairs, "confirm": _confirm, "drop": _drop}


def _choice(heading: str, now: str) -> forms.ChoiceField:
    fields = [(wanted.value, said) for wanted, said in MEANINGS.items()]
    return forms.ChoiceField(
        label=heading,
        required=False,
        initial=now,
        choices=[("", "not read"), ("What it is", fields), ("What it allows", list(GRANTS.items()))],
    )


def _upload(member: Member, token: str) -> ListUpload:
    found = ListUpload.objects.filter(event=member.event, token=token).defer("body").first()
    if found is None:
        raise Http404
    return found


def _shown(request: HttpRequest, member: Member, upload: ListUpload, **sent: forms.Form) -> HttpResponse:
    drawn: dict[str, Any] = {"columns": None, "confirm": None}
    ended = upload.state == UploadState.DONE
    nothing = upload.state == UploadState.COMPARED and not upload.result["changes_something"]
    if upload.state in (UploadState.UNCLEAR, UploadState.COMPARED):
        drawn["columns"] = Columns(upload, auto_id="%s")
    if upload.state == UploadState.COMPARED:
        drawn["confirm"] = Confirm(upload, member.event)
    return show(
        request, member, "list.html", status=422 if sent else 200, upload=upload, forms=drawn | sent,
        pairs=_pairs(upload), wrong=bool(sent),
        elsewhere=[Elsewhere(*one).words for one in upload.result.get("elsewhere", [])],
        onward=onward.after_a_list(member.event, clock.now()) if ended or nothing else None,
    )  # fmt: skip


def _pairs(upload: ListUpload) -> list[tuple[int, str, Entrant]]:
    """Rows that may be an entrant who leaves, with that entrant."""
    found = upload.result.get("pairs", []) if upload.state == UploadState.COMPARED else []
    people = Entrant.objects.in_bulk([entrant for _, entrant, _ in found])
    return [(row, differs, people[entrant]) for row, entrant, differs in found if entrant in people]
