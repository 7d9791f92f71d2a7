"""Edits of one message: each is a new version, and the steps that use it ask for approval again, they alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from campaigns import ledger, rendering
from campaigns.campaign import BOUND, EDITABLE, bound_hash, version_saying
from campaigns.models import Event, Step, Template, Version
from campaigns.models.words import StepKind, StepState

_NAME = re.compile(r"[a-z0-9-]{1,60}")


class WordingError(Exception):
    """One sentence for a person: why there is no such message, and what to do."""


class Overtaken(Exception):
    """Somebody else has saved a version since this text was opened; `newest` is theirs."""

    def __init__(self, newest: Version) -> None:
        super().__init__(f"Version {newest.number} was saved while you were writing.")
        self.newest = newest


@dataclass(frozen=True)
class Saved:
    """What came of an edit: its version, whether it is new, and the steps that wait for approval again."""

    version: Version
    is_new: bool
    waiting: list[str]


@transaction.atomic
def save(template: Template, source: str, *, over: str) -> Saved:
    """Saves a message's source as its newest version, written over the version with the content hash `over`.

    Raises Overtaken when another version is the newest by now, and ContentError; then nothing has changed.
    """
    Event.objects.select_for_update(no_key=True).get(id=template.event_id)
    newest = template.versions.latest("number")
    written = as_stored(source)
    if written != newest.source and newest.content_hash != over:
        raise Overtaken(newest)
    front = rendering.check_source(template.channel, template.name, written)
    version = version_saying(template, written, health=front.health)
    waiting = _ask_again(template)
    if waiting:
        ledger.bump_stop_signal()
    return Saved(version, version.id != newest.id, waiting)


@transaction.atomic
def create(event: Event, channel: str, name: str, source: str) -> Version:
    """A new message of the event with its first version. Raises WordingError, and ContentError for its source."""
    Event.objects.select_for_update(no_key=True).get(id=event.id)
    if not _NAME.fullmatch(name):
        raise WordingError("A message's name is 1 to 60 of a-z, 0-9 and the hyphen, such as race-week.")
    if Template.objects.filter(event=event, channel=channel, name=name).exists():
        raise WordingError(f"There is a message {channel}/{name} already: give this one another name.")
    written = as_stored(source)
    front = rendering.check_source(channel, name, written)
    made = Template.objects.create(event=event, channel=channel, name=name)
    return version_saying(made, written, health=front.health)


def as_stored(source: str) -> str:
    """The source with the line ends of a file: browsers send CRLF."""
    return source.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def _ask_again(template: Template) -> list[str]:
    """Binds the steps that use the message to its newest words; those that stood approved wait. Returns their names."""
    users = Step.objects.filter(Q(template=template) | Q(fallback_template=template)).exclude(
        kind=StepKind.ALERT
    )
    locked = users.select_for_update(of=("self",), no_key=True).select_related(
        "template", "fallback_template"
    )
    waiting = []
    for step in locked.order_by("id"):
        bound = _hash(step)
        if bound == step.content_hash:
            continue
        if step.state in EDITABLE:
            waiting.append(step.name)
            step.state = StepState.WAITING
        step.content_hash = bound
        step.save(update_fields=["content_hash", "state"])
    return waiting


def _hash(step: Step) -> str:
    fallback = step.fallback_template.versions.latest("number") if step.fallback_template else None
    fields = {name: getattr(step, name) for name in BOUND}
    return bound_hash(fields, step.template.versions.latest("number"), fallback)
