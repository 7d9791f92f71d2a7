"""All messages of one entrant in one line of time: sent, waiting, planned, and what is not for them and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from campaigns import ledger, view_link
from campaigns.models import Attempt, Delivery, Entrant, Step
from campaigns.models.words import Channel, DeliveryState, StepKind
from campaigns.web.organiser import fates, words


@dataclass(frozen=True, slots=True)
class Stop:
    """One message at its place in time."""

    at: datetime
    topic: str
    channel: str
    word: str
    """The state in a word; `colour` only repeats it."""
    colour: str
    why: str = ""
    code: str = ""
    """Of the link that shows an email that was sent."""
    message: tuple[str, str] | None = None
    """Channel and name of the message, to read it as this person will, or would."""
    tries: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def is_faint(self) -> bool:
        """Whether it is of no concern to this person."""
        return self.word in ("not for them", "not sent")


def of(entrant: Entrant, now: datetime) -> list[Stop]:
    """Everything, earliest first. Served by deliveries_by_entrant and attempts_one_a_claim."""
    rows = list(Delivery.objects.filter(entrant=entrant).select_related("step").order_by("id"))
    tries: dict[int, list[Attempt]] = {}
    for one in Attempt.objects.filter(delivery__in=[row.id for row in rows]).order_by("number"):
        tries.setdefault(one.delivery_id, []).append(one)
    planned = ledger.prospects(entrant, now)
    told = _messages(entrant)
    # What is in the queue is asked of the plan, which knows whether it still goes.
    asked = {one.step for one in planned}
    queued = {row.step.name: tries.get(row.id, []) for row in rows if row.state == DeliveryState.DUE}
    stops = [_had(row, tries.get(row.id, [])) for row in rows if row.step.name not in asked & queued.keys()]
    stops += [_ahead(one, now, queued.get(one.step), told.get((one.step, one.channel))) for one in planned]
    return sorted(stops, key=lambda stop: stop.at)


def _had(row: Delivery, tries: list[Attempt]) -> Stop:
    word, colour = fates.STATES[DeliveryState(row.state)]
    sees = row.sent_at and row.channel == Channel.EMAIL and row.version_id
    return Stop(
        at=row.sent_at or row.due_at,
        topic=_topic(row.step.name, row.step.kind),
        channel=row.channel,
        word=word,
        colour=colour,
        why=fates.delivery(row),
        code=view_link.code_of(row.token) if sees else "",
        tries=_tries(tries),
    )


def _messages(entrant: Entrant) -> dict[tuple[str, str], tuple[str, str]]:
    """By step and channel, what the step sends there."""
    steps = Step.objects.filter(campaign__event=entrant.event).select_related("template", "fallback_template")
    both = ((step, one) for step in steps for one in (step.fallback_template, step.template) if one)
    return {(step.name, one.channel): (one.channel, one.name) for step, one in both}


def _ahead(
    one: ledger.Prospect, now: datetime, queued: list[Attempt] | None, message: tuple[str, str] | None
) -> Stop:
    if not one.goes:
        word, colour, why = "not for them", "plain", fates.verdict(one.verdict, one.channel, one.purpose)
        if one.verdict in ("held", "minor", "missing_value"):
            word, colour = "waits", "amber"
    elif not one.approved:
        word, colour, why = "not approved yet", "amber", ""
    elif queued is not None:
        word, colour, why = "in the queue", "water", ""
    else:
        word, colour, why = "to come", "pine", "" if one.due_at > now else "as soon as it is its turn"
    return Stop(
        one.due_at, words.topic(one.step), one.channel, word, colour, why,
        message=message, tries=_tries(queued or []),
    )  # fmt: skip


def _tries(tries: list[Attempt]) -> list[tuple[datetime, str]]:
    return [(one.at, fates.attempt(one)) for one in tries]


def _topic(name: str, kind: str) -> str:
    """An alert's step is named for its press: "heat#1-email"."""
    return f"Alert: {words.topic(name.partition('#')[0])}" if kind == StepKind.ALERT else words.topic(name)
