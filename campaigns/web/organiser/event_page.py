"""The event itself: what runners read of it, its races and starts, who answers, who is told, how long data is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import time
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import audit, contact, events
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.content import ContentError
from campaigns.content.brand import Brand
from campaigns.entry_lists import clean
from campaigns.models import Event, Race, StaffContact
from campaigns.web.organiser import race_forms
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show

DETAILS = (
    "name", "venue", "arrive_by", "info_url", "deferral_url", "contact_email", "postal_address", "colour", "logo_url",
)  # fmt: skip


class Details(forms.ModelForm):  # type: ignore[type-arg]
    """What runners read of the event."""

    name = forms.CharField(max_length=100, label="Name", help_text="As runners read it.")
    venue = forms.CharField(max_length=200, required=False, label="Venue")
    arrive_by = forms.CharField(
        max_length=100,
        required=False,
        label="When to be there",
        help_text="Such as: 1 hour before your start.",
    )
    info_url = forms.URLField(max_length=500, required=False, label="Information page", assume_scheme="https")
    deferral_url = forms.URLField(
        max_length=500, required=False, label="Page to move or give back a place", assume_scheme="https"
    )
    contact_email = forms.CharField(
        max_length=254, required=False, label="Replies go to", help_text="A mailbox that somebody reads."
    )
    postal_address = forms.CharField(
        max_length=300,
        required=False,
        label="Postal address of the sender",
        help_text="At the foot of every email.",
    )
    colour = forms.CharField(
        max_length=7, label="The event's colour", help_text="As # and six figures, such as #14573D."
    )
    logo_url = forms.CharField(
        max_length=500, required=False, label="Logo", help_text="A web address that starts with https://."
    )

    class Meta:
        model = Event
        fields = DETAILS

    def clean_name(self) -> str:
        return _plain(self.cleaned_data["name"])

    def clean_contact_email(self) -> str:
        try:
            return clean.email(self.cleaned_data["contact_email"])
        except clean.CellError as error:
            raise forms.ValidationError(f"It {error.problem}: {error.cure}.") from error

    def clean_colour(self) -> str:
        return _branded(self.cleaned_data["colour"], "", "colour")

    def clean_logo_url(self) -> str:
        return _branded("#14573D", self.cleaned_data["logo_url"], "logo")


class Starts(forms.Form):
    """The start of each race and wave, on the clock of the event."""

    def __init__(self, event: Event, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for race in event.races.prefetch_related("waves").order_by("start", "id"):
            self.fields[f"race-{race.id}"] = _start(race.name, race.start)
            for wave in sorted(race.waves.all(), key=lambda wave: (wave.start, wave.name)):
                self.fields[f"wave-{wave.id}"] = _start(f"{race.name}, wave {wave.name}", wave.start)

    @property
    def starts(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in self.fields)

    def of(self, kind: str) -> dict[int, time]:
        """What was typed, by the number of the race or wave."""
        return {
            int(name.partition("-")[2]): start
            for name, start in self.cleaned_data.items()
            if name.startswith(f"{kind}-")
        }


class NewRace(forms.Form):
    """One more race of the event."""

    race_name = forms.CharField(max_length=50, label="Name", help_text="As runners read it, such as 5K.")
    race_start = forms.TimeField(
        label="Start", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    race_children = forms.BooleanField(
        required=False, label="For children: the address in an entry is the guardian's"
    )


class NewWave(forms.Form):
    """A wave of a race with a start of its own."""

    race = forms.ModelChoiceField(
        queryset=Race.objects.none(), label="Race", to_field_name="slug", empty_label=None
    )
    wave = forms.CharField(max_length=40, label="Wave", help_text="As the entry list writes it, such as A.")
    start = forms.TimeField(label="Start", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))

    def __init__(self, event: Event, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["race"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = event.races.order_by("start", "id")
        field.label_from_instance = lambda race: race.name  # type: ignore[method-assign, assignment]


class Staff(forms.Form):
    """One of the people who get tests of alerts and news about the sending."""

    staff_name = forms.CharField(max_length=100, label="Name")
    staff_email = forms.CharField(max_length=254, required=False, label="Email")
    staff_mobile = forms.CharField(
        max_length=30, required=False, label="Mobile", widget=forms.TextInput(attrs={"type": "tel"})
    )

    staff_copies = forms.BooleanField(required=False, label="A copy of each step by email when it goes out")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for name, read in (("staff_email", clean.email), ("staff_mobile", clean.phone)):
            try:
                given[name] = read(given.get(name, ""))
            except clean.CellError as error:
                self.add_error(name, f"It {error.problem}: {error.cure}.")
        phone = given.get("staff_mobile")
        if phone and phone.number and not phone.mobile_ok:
            self.add_error("staff_mobile", "It is not a mobile number: texts do not arrive there.")
        if not self.errors and not given["staff_email"] and not given["staff_mobile"].number:
            self.add_error("staff_email", "Give an email, a mobile or both: without one nothing can be sent.")
        elif not self.errors and given.get("staff_copies") and not given["staff_email"]:
            self.add_error("staff_email", "Copies go by email: give an address, or leave them out.")
        return given


class Terms(forms.ModelForm):  # type: ignore[type-arg]
    """How many people an alert takes, and how long data is kept after the race."""

    alert_approvers = forms.TypedChoiceField(
        label="Arming an alert takes",
        coerce=int,
        choices=[(2, "two people"), (1, "one person, where there is only one")],
        help_text="With one, nobody else has to see the words before they may go to everyone.",
    )
    contact_days = forms.IntegerField(
        min_value=1, max_value=3650, label="Days after the race that names and addresses are kept"
    )
    fact_months = forms.IntegerField(
        min_value=1, max_value=120, label="Months after the race that it is kept who got what"
    )

    class Meta:
        model = Event
        fields = ("alert_approvers", "contact_days", "fact_months")


class Code(forms.Form):
    """The code that came to the mailbox of the contact."""

    contact_code = forms.CharField(max_length=12, label="Code from that mailbox")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def event_page(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/event`: everything about the event; each part is a form of its own."""
    act = _ACTS.get(request.POST.get("act", "")) if request.method == "POST" else None
    return act(request, member) if act else _shown(request, member)


def _details(request: HttpRequest, member: Member) -> HttpResponse:
    form = Details(request.POST, instance=Event.objects.get(pk=member.event.pk))
    if not form.is_valid():
        return _shown(request, member, details=form)
    if form.changed_data:
        Event.objects.filter(pk=member.event.pk).update(
            **{name: form.cleaned_data[name] for name in form.changed_data}
        )
        audit.record(member.who, "event.edit", event=member.event.slug, changed=form.changed_data)
    return _done(request, member, "The event is saved.")


def _starts(request: HttpRequest, member: Member) -> HttpResponse:
    form = Starts(member.event, request.POST)
    if not form.is_valid():
        return _shown(request, member, starts=form)
    with transaction.atomic():
        changed = events.set_starts(member.event, form.of("race"), form.of("wave"))
        if changed:
            audit.record(member.who, "event.starts", event=member.event.slug, changed=changed)
    said = (
        "The starts are saved: what hangs on them moves with them."
        if changed
        else "The starts were so already."
    )
    return _done(request, member, said)


def _race(request: HttpRequest, member: Member) -> HttpResponse:
    form = NewRace(request.POST)
    if not form.is_valid():
        return _shown(request, member, race=form)
    given = form.cleaned_data
    try:
        with transaction.atomic():
            made = events.add_race(
                member.event, given["race_name"], given["race_start"], for_children=given["race_children"]
            )
            audit.record(member.who, "event.race", event=member.event.slug, race=made.slug)
    except events.EventError as error:
        form.add_error("race_name", str(error))
        return _shown(request, member, race=form)
    return _done(
        request, member, f"{made.name} starts at {made.start:%H:%M}. Audiences call it '{made.slug}'."
    )


def _wave(request: HttpRequest, member: Member) -> HttpResponse:
    form = NewWave(member.event, request.POST)
    if not form.is_valid():
        return _shown(request, member, wave=form)
    given = form.cleaned_data
    with transaction.atomic():
        events.save_waves(given["race"], {given["wave"]: given["start"]})
        audit.record(
            member.who, "event.wave", event=member.event.slug, race=given["race"].slug, waves=[given["wave"]]
        )
    return _done(request, member, f"Wave {given['wave']} starts at {given['start']:%H:%M}.")


def _staff_add(request: HttpRequest, member: Member) -> HttpResponse:
    form = Staff(request.POST)
    if not form.is_valid():
        return _shown(request, member, staff=form)
    given = form.cleaned_data
    added, new = member.event.staff.update_or_create(
        name=given["staff_name"],
        defaults={
            "email": given["staff_email"],
            "mobile": given["staff_mobile"].number,
            "copies": given["staff_copies"],
        },
    )
    audit.record(member.who, "event.staff.add", event=member.event.slug, contact=added.pk, new=new)
    return _done(request, member, f"{added.name} gets tests of alerts and news about the sending.")


def _staff_remove(request: HttpRequest, member: Member) -> HttpResponse:
    found = StaffContact.objects.filter(event=member.event, name=request.POST.get("who", "")).first()
    if found is not None:
        audit.record(member.who, "event.staff.remove", event=member.event.slug, contact=found.pk)
        found.delete()
    return _done(request, member, "Removed.")


def _terms(request: HttpRequest, member: Member) -> HttpResponse:
    if not member.may(Power.MANAGE):
        messages.error(
            request, "Only an owner changes how many people an alert takes and how long data is kept."
        )
        return redirect("event", member.event.slug)
    form = Terms(request.POST, instance=Event.objects.get(pk=member.event.pk))
    if not form.is_valid():
        return _shown(request, member, terms=form)
    changed = {name: form.cleaned_data[name] for name in form.changed_data}
    if changed:
        Event.objects.filter(pk=member.event.pk).update(**changed)
        audit.record(member.who, "event.terms", event=member.event.slug, **changed)
    return _done(request, member, "Saved.")


def _contact_ask(request: HttpRequest, member: Member) -> HttpResponse:
    try:
        contact.ask(member.event)
    except contact.ContactError as error:
        messages.error(request, str(error))
        return redirect("event", member.event.slug)
    return _done(request, member, f"A code is on its way to {member.event.contact_email}.")


def _contact_confirm(request: HttpRequest, member: Member) -> HttpResponse:
    form = Code(request.POST)
    if not form.is_valid():
        return _shown(request, member, code=form)
    try:
        contact.confirm(member.event, form.cleaned_data["contact_code"])
    except contact.ContactError as error:
        form.add_error("contact_code", str(error))
        return _shown(request, member, code=form)
    audit.record(member.who, "event.contact", event=member.event.slug, confirmed=True)
    return _done(request, member, "Somebody reads that mailbox: replies can go there.")


def _change(request: HttpRequest, member: Member) -> HttpResponse:
    """One of `race_forms.CHANGES`, by the word of its form."""
    act = request.POST["act"]
    form = race_forms.CHANGES[act](member.event, list(member.event.races.all()), request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                return _done(request, member, form.save(member.who))
        except events.EventError as error:
            form.add_error(None, str(error))
    return _shown(request, member, **{act: form})


_ACTS: dict[str, Callable[[HttpRequest, Member], HttpResponse]] = {
    "details": _details,
    "starts": _starts,
    "race": _race,
    "wave": _wave,
    **dict.fromkeys(race_forms.CHANGES, _change),
    "staff": _staff_add,
    "staff-remove": _staff_remove,
    "terms": _terms,
    "contact-ask": _contact_ask,
    "contact-confirm": _contact_confirm,
}


def _done(request: HttpRequest, member: Member, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect("event", member.event.slug)


def _shown(request: HttpRequest, member: Member, **sent: forms.BaseForm) -> HttpResponse:
    event = member.event
    races = list(event.races.order_by("start", "id"))
    drawn: dict[str, forms.BaseForm] = {
        "details": Details(instance=event),
        "starts": Starts(event),
        "race": NewRace(),
        "wave": NewWave(event, auto_id="wave-%s"),
        **{act: change(event, races, auto_id=f"{act}-%s") for act, change in race_forms.CHANGES.items()},
        "staff": Staff(),
        "terms": Terms(instance=event),
        "code": Code(),
    } | sent
    return show(
        request, member, "event.html", status=422 if sent else 200, forms=drawn, wrong=list(sent.values()),
        staff=list(event.staff.all()), confirmed=contact.is_confirmed(event), band=Brand(event.colour).band,
    )  # fmt: skip


def _start(label: str, start: time) -> forms.TimeField:
    return forms.TimeField(
        label=label, initial=start, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )


def _plain(text: str) -> str:
    try:
        return clean.text(text)
    except clean.CellError as error:
        raise forms.ValidationError(f"It {error.problem}: {error.cure}.") from error


def _branded(colour: str, logo: str, what: str) -> str:
    try:
        Brand(colour, logo)
    except ContentError as error:
        raise forms.ValidationError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    return colour if what == "colour" else logo
