"""One message as a reader would see it, for the pages: who reads, what they see, or what is wrong with the words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.urls import reverse

from campaigns import content, preview, readers, rendering, seen
from campaigns.accounts.members import Member
from campaigns.models import Entrant, Step, Template, Version
from campaigns.models.words import Channel
from campaigns.readers import Pick
from campaigns.web.organiser import drafts, words

PICKS = [
    (Pick.USUAL, "Somebody who gets it"),
    (Pick.LONGEST, "The longest first name"),
    (Pick.ODDEST, "The oddest first name"),
    (Pick.YOUNGEST, "The youngest entrant"),
]


class Reader(forms.Form):
    """Whom the message is shown to: a name wins over a choice, and a press on one of several over both."""

    pick = forms.ChoiceField(label="Seen by", choices=PICKS, required=False)
    reader = forms.CharField(label="Or by name, bib or email address", required=False, max_length=200)
    whom = forms.CharField(required=False, max_length=30, widget=forms.HiddenInput)


@dataclass
class Problem:
    """What is wrong with the words, with the line it is on."""

    sentence: str
    line: int | None = None
    text: str = ""


@dataclass
class Look:
    """What the preview shows; `problem` instead of it, or `choices` when a name is several people's."""

    reader: Entrant | None = None
    sentence: str = ""
    shown: dict[str, Any] = field(default_factory=dict)
    frame: str = ""
    place: str = ""
    """ "3 of 10", as the line under an email's title counts; empty for what stands outside the plan's course."""
    shares_place: list[str] = field(default_factory=list)
    """Topics of the emails that leave at the same moment and so have the same place."""
    is_draft: bool = False
    problem: Problem | None = None
    choices: list[Entrant] = field(default_factory=list)


def look(member: Member, version: Version, step: Step | None, form: Reader) -> Look:
    """What the reader whom the form names sees of this version, stored or not, which `step` of the plan uses."""
    try:
        reader = _reader(member, Channel(version.template.channel), step, form)
        if isinstance(reader, list):
            return Look(choices=reader)
        found = seen.at_step(version, step, reader)
    except preview.Unreadable as error:
        return Look(problem=problem_in(error.fault, version.source))
    except preview.PreviewError as error:
        return Look(problem=Problem(str(error)))
    frame = _frame(member, version, reader)
    station, alike = rendering.place_of(step) if step else (None, [])
    place = f"{station.number} of {station.of}" if station else ""
    shared = [words.topic(name) for name in alike]
    return Look(reader, seen.sentence(found), seen.words(found), frame, place, shared, version.id is None)


def named(member: Member, template: Template, form: Reader) -> Entrant | None:
    """The one entrant whom the form means; None where that is nobody, or could be several."""
    try:
        found = _reader(member, Channel(template.channel), preview.step_of(template), form)
    except preview.PreviewError:
        return None
    return None if isinstance(found, list) else found


def problem_in(error: content.ContentError, source: str) -> Problem:
    """The compiler's sentence and the line of the source that it speaks of."""
    lines = source.split("\n")
    known = error.line is not None and 0 < error.line <= len(lines)
    return Problem(str(error), error.line, lines[error.line - 1][:200] if known and error.line else "")


def _reader(
    member: Member, channel: Channel, step: Step | None, form: Reader
) -> Entrant | list[Entrant] | None:
    """One entrant, none where nobody has entered, or several who could be meant. Raises PreviewError."""
    given = form.cleaned_data if form.is_valid() else {}
    people = member.event.entrants.select_related("race")
    if given.get("whom") and (found := people.filter(token=given["whom"]).first()):
        return found
    if word := given.get("reader", ""):
        named = preview.entrants_like(member.event, word)
        return named if len(named) > 1 else named[0]
    pick = Pick(given.get("pick") or Pick.USUAL)
    return readers.picked(member.event, pick, step, channel)


def _frame(member: Member, version: Version, reader: Entrant | None) -> str:
    """The address of the email alone; "" for a text, and while a draft cannot be kept."""
    template = version.template
    if template.channel != Channel.EMAIL:
        return ""
    query = {"whom": reader.token} if reader else {}
    if version.id:
        query["version"] = version.content_hash
    elif key := drafts.keep(member.user, template, version.source):
        query["draft"] = key
    else:
        return ""
    return f"{reverse('message-frame', args=[member.event.slug, template.channel, template.name])}?{urlencode(query)}"
