"""One alert: its words in full, whom they reach; two people arm it, one sends it, and its counts as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import alerts, audit, clock, content, live
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power, roles_with
from campaigns.alerts import Arming
from campaigns.alerts.arming import same_person
from campaigns.alerts.pressing import armed_versions
from campaigns.models import Alert, Release, User, Version
from campaigns.models.words import Channel
from campaigns.web.organiser import mail_words, refusals, words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.race_day import ALL_CLEAR, RECENT
from campaigns.web.organiser.showing import days_to_go, fragment, show

JUST_NOW = timedelta(seconds=30)
"""So long after a press its counts are asked for even where nothing waits: the first rows may not be counted yet."""

LABELS = {
    "temp": ("Temperature", "Whole degrees Celsius, for example 29"),
    "new_start": ("New start", "The time on the clock, for example 10:00"),
    "new_date": ("New date", "Year, month and day, for example 2027-10-17"),
    "reason": ("Reason", "A few words, for example: lightning near the course"),
}
"""How the words are asked for that an alert leaves open."""


class Typed(forms.Form):
    """What the alert's words leave open; each may stay empty until it is sent."""

    def __init__(self, data: Any, *, asks_for: list[str], armed: Mapping[str, str]) -> None:
        super().__init__(data)
        for name in asks_for:
            label, help_text = LABELS[name]
            numeric = {"inputmode": "numeric"} if name == "temp" else {}
            self.fields[name] = forms.CharField(
                label=label, help_text=help_text, required=False, initial=armed.get(name, ""),
                widget=forms.TextInput(attrs={"autocomplete": "off", **numeric}),
            )  # fmt: skip
        self.asks_for = asks_for

    @property
    def values(self) -> dict[str, str]:
        """What was typed in; nothing for what was left empty."""
        return {name: self.cleaned_data[name] for name in self.asks_for if self.cleaned_data[name].strip()}

    def clean(self) -> None:
        for name in self.asks_for:
            value = self.cleaned_data.get(name, "")
            try:
                _ = value.strip() and content.typed_value(name, value)
            except content.ContentError as error:
                said = str(error).replace(f"such as {name}=", "such as ")
                self.add_error(name, f"{said[:1].upper()}{said[1:]}.")


class Send(Typed):
    """The same, with the alert's name typed, and what makes a second press the same press."""

    name_typed = forms.CharField(
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"})
    )
    token = forms.CharField(widget=forms.HiddenInput(), max_length=64)

    def __init__(self, data: Any, *, alert: Alert, asks_for: list[str], armed: Mapping[str, str]) -> None:
        super().__init__(data, asks_for=asks_for, armed=armed)
        self.alert = alert
        self.fields["token"].initial = uuid4().hex
        self.shown_name = words.topic(alert.name)
        self.fields["name_typed"].label = f"Type “{self.shown_name}” to send it"
        for name in asks_for:
            self.fields[name].required = True
            self.fields[name].error_messages["required"] = "This stands in the message: type it in."
        self.order_fields([*asks_for, "name_typed", "token"])

    def clean_name_typed(self) -> str:
        if _letters(self.cleaned_data["name_typed"]) != _letters(self.alert.name):
            raise forms.ValidationError(f"This is not its name: type “{self.shown_name}”.")
        return self.alert.name


def _letters(name: str) -> str:
    """A name as it is compared: "All clear", "all-clear" and " ALL  CLEAR" are one."""
    return " ".join(name.replace("-", " ").split()).casefold()


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.SEE, fresh=True)
def alert(request: HttpRequest, member: Member, name: str) -> HttpResponse:
    """`/e/<slug>/race-day/<name>/`: shows the alert; a POST arms, confirms, disarms, tests or sends it."""
    found = _alert(member, name)
    if request.method != "POST":
        return _show(request, member, found)
    if not member.may(Power.APPROVE):
        return refusals.not_yours(request, member, Power.APPROVE)
    acts: dict[str, Callable[[HttpRequest, Member, Alert], HttpResponse]] = {
        "arm": _arm,
        "disarm": _disarm,
        "test": _test,
        "send": _send,
    }
    act = acts.get(request.POST.get("act", ""))
    return act(request, member, found) if act else redirect("alert", member.event.slug, name)


@require_safe
@page(Power.SEE)
def alert_figures(request: HttpRequest, member: Member, name: str) -> HttpResponse:
    """`/e/<slug>/race-day/<name>/figures`: how far the newest press has come, for htmx."""
    found = _alert(member, name)
    return fragment(request, member, "alert_figures.html", alert=found, **_progress(found, clock.now()))


def _alert(member: Member, name: str) -> Alert:
    found = (
        Alert.objects.filter(campaign__event=member.event, name=name)
        .select_related(
            "campaign__event__organiser",
            "email_template",
            "sms_template",
            "email_version__template__event",
            "sms_version__template__event",
        )
        .first()
    )
    if found is None:
        raise Http404
    return found


def _show(request: HttpRequest, member: Member, found: Alert, form: forms.Form | None = None) -> HttpResponse:
    now = clock.now()
    newest = alerts.newest(found)
    state = alerts.arming(found, newest)
    versions = armed_versions(found) if state == Arming.ARMED else newest
    asks_for = alerts.asks_for(found, versions)
    if form is None:
        form = (
            Send(None, alert=found, asks_for=asks_for, armed=found.values)
            if state == Arming.ARMED
            else Typed(None, asks_for=asks_for, armed=found.values)
        )
    return show(
        request, member, "alert.html", alert=found, state=state, form=form,
        open_words=[LABELS[name][0].lower() for name in asks_for if name not in found.values],
        not_yet=_not_yet(found, now) if state == Arming.ARMED else [],
        is_mine=same_person(found.armed_by, member.who), seconds=_who_may_confirm(member, found, state),
        blocks=mail_words.blocks,
        **_words(found, versions, now), **_progress(found, now),
    )  # fmt: skip


def _not_yet(found: Alert, now: datetime) -> list[str]:
    """What somebody should know who sends it on another day than that of the race, or says all clear of nothing."""
    said = [words.race_is(days_to_go(found.campaign.event, now))]
    others = Release.objects.filter(alert__campaign=found.campaign_id).exclude(alert=found.pk)
    if found.name == ALL_CLEAR and not others.exists():
        said.append("No warning has been sent before it.")
    return [sentence for sentence in said if sentence]


def _who_may_confirm(member: Member, found: Alert, state: Arming) -> list[str]:
    """The names of those who may be the second person."""
    if state != Arming.CONFIRMING:
        return []
    may = User.objects.filter(
        memberships__event=member.event, memberships__role__in=roles_with(Power.APPROVE), is_active=True
    ).distinct()
    return [one.name for one in may.order_by("name") if not same_person(one.email, found.armed_by)]


def _words(found: Alert, versions: Mapping[Channel, Version], now: datetime) -> dict[str, Any]:
    """What will be sent, to how many, how long it takes and what it costs."""
    known = alerts.known(found.campaign.event, now)
    try:
        shown = [alerts.shown(found, versions[channel], found.values, now) for channel in sorted(versions)]
        sendings = alerts.sendings(found, versions, found.values, known=known)
    except content.ContentError as error:
        shown, sendings, problem = [], [], str(error)
    else:
        problem = ""
    slowest = max((one.seconds or 0.0 for one in sendings), default=0.0)
    return {
        "shown": shown,
        "sendings": sendings,
        "problem": problem,
        "slowest": slowest,
        "ends": now + timedelta(seconds=slowest),
        "expires": now + found.expires,
        # A count of the same revision is as true as one made now.
        "counted_at": min(
            now if one.revision == found.campaign.event.revision else one.counted_at for one in known.values()
        ),
    }


def _progress(found: Alert, now: datetime) -> dict[str, Any]:
    """The newest press with a line a channel; nothing once it is older than a day."""
    release = found.releases.order_by("-number").first()
    if release is None or now - release.pressed_at > RECENT:
        return {"release": None, "lines": [], "moves": False}
    lines = live.lines(found.campaign.event, list(release.steps.order_by("position")), now)
    moves = any(line.left for line in lines) or now - release.pressed_at < JUST_NOW
    return {"release": release, "lines": lines, "moves": moves}


def _arm(request: HttpRequest, member: Member, found: Alert) -> HttpResponse:
    form = Typed(request.POST, asks_for=alerts.asks_for(found), armed=found.values)
    if not form.is_valid():
        return _show(request, member, found, form)
    try:
        state = alerts.arm(found, member.who, form.values)
    except alerts.AlertError as error:
        form.add_error(None, _for_a_page(error))
        return _show(request, member, found, form)
    found.refresh_from_db()
    audit.record(
        member.who, "alert.arm", event=member.event.slug, alert=found.name, state=state, values=found.values,
        hash=found.armed_hash,
    )  # fmt: skip
    said = "is armed" if state == Arming.ARMED else "waits for a second person now"
    messages.success(request, f"{words.topic(found.name)} {said}.")
    return redirect("alert", member.event.slug, found.name)


def _disarm(request: HttpRequest, member: Member, found: Alert) -> HttpResponse:
    was_armed = alerts.disarm(found)
    audit.record(member.who, "alert.disarm", event=member.event.slug, alert=found.name, was_armed=was_armed)
    messages.success(request, f"{words.topic(found.name)} is not armed any more.")
    return redirect("alert", member.event.slug, found.name)


def _test(request: HttpRequest, member: Member, found: Alert) -> HttpResponse:
    try:
        results = alerts.send_test(found, {})
    except alerts.AlertError as error:
        messages.error(request, _for_a_page(error))
        return redirect("alert", member.event.slug, found.name)
    failed = [one for one in results if one.problem]
    audit.record(
        member.who, "alert.test", event=member.event.slug, alert=found.name, sent=len(results) - len(failed),
        failed=len(failed),
    )  # fmt: skip
    for one in failed:
        messages.error(request, f"The test to {one.name} by {one.channel} did not leave: {one.problem}")
    if results and not failed:
        messages.success(request, f"{words.count(len(results), 'test')} sent to the staff.")
    return redirect("alert", member.event.slug, found.name)


def _send(request: HttpRequest, member: Member, found: Alert) -> HttpResponse:
    form = Send(request.POST, alert=found, asks_for=alerts.asks_for(found), armed=found.values)
    if not form.is_valid():
        return _show(request, member, found, form)
    try:
        pressed = _press(member, found, form)
    except alerts.AlertError as error:
        form.add_error(None, _for_a_page(error))
        return _show(request, member, found, form)
    if pressed.repeated:
        at = words.short_moment(pressed.release.pressed_at, member.event.zone)
        messages.info(request, f"This is the same press as that of {at}: it goes out once.")
    else:
        reached = " and ".join(
            f"{words.count(one.entrants, 'entrant')} by {words.CHANNELS[one.channel]}"
            for one in pressed.sendings
        )
        at = words.clock(pressed.release.pressed_at, member.event.zone)
        messages.success(request, f"You sent {words.topic(found.name)} at {at}, to {reached}.")
    return redirect("alert", member.event.slug, found.name)


def _press(member: Member, found: Alert, form: Send) -> alerts.Pressed:
    import worker  # it brings Celery, which no other page needs

    audited: alerts.Pressed | None = None
    try:
        audited = alerts.press(
            found, member.who, name_typed=form.cleaned_data["name_typed"], values=form.values, expires=None,
            token=form.cleaned_data["token"], wake=worker.wake_alerts,
        )  # fmt: skip
        return audited
    finally:
        _note_press(member, found, audited)


def _note_press(member: Member, found: Alert, pressed: alerts.Pressed | None) -> None:
    release: Release | None = pressed.release if pressed else None
    audit.record(
        member.who, "alert.send", event=member.event.slug, alert=found.name,
        release=str(release) if release else None, repeated=bool(pressed and pressed.repeated),
        values=release.values if release else {},
        entrants={one.channel: one.entrants for one in pressed.sendings} if pressed else {},
    )  # fmt: skip


def _for_a_page(error: alerts.AlertError) -> str:
    """The domain's sentences name commands; on a page the button stands right here."""
    return str(error).replace(", with --as", "").replace(" with `aidstation alert arm`", "")
