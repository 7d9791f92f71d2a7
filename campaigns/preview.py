"""One message as one entrant would get it, before it goes: to be looked at, or sent to a tester.

It is made on the drain's own path from the facts that the claim would give it. Links that act for the entrant are made
up: whoever tries them out changes nothing for a real person. No delivery is made, and the ledger knows nothing of it.
"""

import email
import email.policy
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from functools import cached_property
from uuid import uuid4

from django.conf import settings
from django.db.models import Q

from campaigns import clock, content, ledger, optout, people, providers, rendering, start_list
from campaigns.channels.outcomes import ChannelDown, Email, Kind, Outcome, Sms
from campaigns.ledger import Claimed
from campaigns.models import Entrant, Event, Step, Suppression, Template, Version
from campaigns.models.entrants import new_short_code, new_token
from campaigns.models.words import Channel, EntrantStatus, StepKind, StepState

MOST_CHOICES = 8
TEST_SUBJECT, TEST_TEXT = "[Test] ", "TEST: "


class PreviewError(Exception):
    """One sentence for a person: why there is nothing to see or send, and what to do."""


class Unreadable(PreviewError):
    """The words themselves cannot be used, whoever reads them; `fault` is what the compiler says."""

    def __init__(self, fault: content.ContentError) -> None:
        super().__init__(f"This message cannot be made: {fault}.")
        self.fault = fault


@dataclass(frozen=True)
class Preview:
    """A finished message; `verdict` is the claim's word for this entrant ("eligible", or why not)."""

    step: Step
    version: Version
    verdict: str
    leaves_at: datetime
    message: Email | Sms
    group: list[Claimed]
    """The entrant, then others of the family who stand in the same message."""
    maker: rendering.Message

    @cached_property
    def parsed(self) -> EmailMessage:
        """The mail as a mail program reads it."""
        assert isinstance(self.message, Email)
        return email.message_from_bytes(self.message.data, policy=email.policy.default)

    def part(self, kind: str) -> str:
        """The mail's part "plain" or "html"."""
        body = self.parsed.get_body((kind,))
        assert isinstance(body, EmailMessage)
        return str(body.get_content())


def entrant_like(event: Event, word: str) -> Entrant:
    """The one entrant whom a word means: `id:17`, a bib, an email address or part of a name. Raises PreviewError."""
    chosen = entrants_like(event, word)
    if len(chosen) > 1:
        raise PreviewError(_choices(word.strip(), chosen))
    return chosen[0]


def entrants_like(event: Event, word: str) -> list[Entrant]:
    """The entrants whom such a word may mean, one or more, at most `MOST_CHOICES` and one. Raises PreviewError."""
    word = word.strip()
    if word.lower().startswith("id:") or not word:
        try:
            return [people.find(event, word)]
        except people.PersonError as error:
            raise PreviewError(str(error)) from error
    chosen = _found(event, word) or _inside_a_name(event, word)
    if not chosen:
        raise PreviewError(f"Nobody matches '{word}': give an id (id:17), a bib, an email address or a name.")
    return chosen


def _found(event: Event, word: str) -> list[Entrant]:
    """By index, as the entrants' room finds them; the one who runs with that number, if it is one."""
    lines = start_list.search(event, word).lines
    numbered = [
        one for one in lines if one.bib.lower() == word.lower() and one.status != EntrantStatus.WITHDRAWN
    ]
    chosen = numbered if len(numbered) == 1 else lines[: MOST_CHOICES + 1]
    found = event.entrants.filter(token__in=[one.token for one in chosen])
    return list(found.select_related("race").order_by("id"))


def _inside_a_name(event: Event, word: str) -> list[Entrant]:
    """Letters from the middle of a name, for which the event's entrants are read through."""
    named = Q()
    for part in word.split():
        named &= Q(first_name__icontains=part) | Q(last_name__icontains=part)
    found = event.entrants.filter(named, erased_at=None).order_by("id")
    return list(found.select_related("race")[: MOST_CHOICES + 1])


def _choices(word: str, found: list[Entrant]) -> str:
    shown = [
        f"id:{one.id} {one.first_name} {one.last_name}".rstrip() + f" ({one.race.name})"
        for one in found[:MOST_CHOICES]
    ]
    more = " and more" if len(found) > MOST_CHOICES else ""
    return f"'{word}' could be {', '.join(shown)}{more}: give one of these ids."


def preview(version: Version, entrant: Entrant) -> Preview:
    """The message of this version as `entrant` would get it at its moment, or now if that has passed.

    Raises PreviewError where no step uses the message or a value is missing.
    """
    step = step_of(version.template)
    if step is None:
        raise PreviewError(
            f"No step of the plan uses {version.template.channel}/{version.template.name}: "
            "its moment and purpose are not known."
        )
    return of_step(version, step, entrant)


def of_step(version: Version, step: Step, entrant: Entrant) -> Preview:
    """The same for who knows already which step uses the message. Raises PreviewError."""
    channel = Channel(version.template.channel)
    verdict, leaves_at, group = _group(step, channel, entrant)
    return finished(version, step, group, verdict=verdict, leaves_at=leaves_at)


def finished(
    version: Version, step: Step, group: list[Claimed], *, verdict: str, leaves_at: datetime
) -> Preview:
    """The message of this version, which need not be stored, for a group of entrants. Raises PreviewError."""
    maker = _maker(version, step)
    try:
        made = maker.finished_email(group, leaves_at) if maker.email else maker.finished_sms(group, leaves_at)
    except content.ContentError as error:
        raise PreviewError(f"This entrant's message cannot be made: {error}.") from error
    return Preview(step, version, verdict, leaves_at, made, group, maker)


def _maker(version: Version, step: Step) -> rendering.Message:
    """What makes the message: compiled once in a process for a version, and each time for words not stored."""
    try:
        if version.id is None:
            return rendering.draft_of(step, version)
        return rendering.message_of(step, Channel(version.template.channel), version.id)
    except content.ContentError as error:
        raise Unreadable(error) from error


def step_of(template: Template) -> Step | None:
    """The first step of the plan that uses the message."""
    steps = Step.objects.filter(Q(template=template) | Q(fallback_template=template)).exclude(
        kind=StepKind.ALERT
    )
    used = steps.order_by("position").select_related("campaign__event__organiser")
    return used.exclude(state=StepState.OFF).first() or used.first()


def _group(step: Step, channel: Channel, entrant: Entrant) -> tuple[str, datetime, list[Claimed]]:
    """The claim's word, the moment, and the entrant first among those of the family who get the same message."""
    kin = ledger.kin(entrant.id, channel)
    foreseen = list(ledger.foresee(step, clock.now(), channel=channel, only=kin))
    own = next(row for row in foreseen if row.facts.entrant == entrant.id)
    others = [
        row.facts
        for row in foreseen
        if row.family is not None
        and (row.family, row.leaves_at, row.verdict) == (own.family, own.leaves_at, "eligible")
        and row.facts.entrant != entrant.id
    ]
    harmless = replace(own.facts, token=uuid4(), entrant_token=new_token(), short_code=new_short_code())
    return own.verdict, own.leaves_at, [harmless, *(others if own.verdict == "eligible" else [])]


def as_test(found: Preview, to: str) -> Email | Sms:
    """The same message, marked as a test and addressed to a tester."""
    if isinstance(found.message, Sms):
        return replace(found.message, to=to, body=f"{TEST_TEXT}{found.message.body}", status_callback="")
    pieces = found.maker.pieces(found.group, found.leaves_at)
    marked = replace(pieces, subject=f"{TEST_SUBJECT}{pieces.subject}")
    tester = replace(found.group[0], address=to, message_id=f"{uuid4().hex}@{settings.MESSAGE_ID_DOMAIN}")
    return found.maker.mail(marked, [tester, *found.group[1:]], clock.now())


def send_test(found: Preview, to: str) -> Outcome:
    """Hands a test over by the real channel, outside the ledger; `to` is normalised. Raises PreviewError."""
    channel = Channel(found.version.template.channel)
    if problem := providers.problem(channel):
        raise PreviewError(problem)
    organiser = found.step.campaign.event.organiser_id
    closed = Suppression.objects.filter(
        organiser=organiser, channel=channel, address_hash=optout.hash_of(channel, to)
    )
    if closed.exists():
        raise PreviewError("This address is suppressed: nothing is sent to it, not even a test.")
    try:
        outcome = _carried(as_test(found, to))
    except (ChannelDown, content.ContentError) as error:
        raise PreviewError(f"The test could not be sent: {error}") from error
    if outcome.kind != Kind.ACCEPTED:
        raise PreviewError(f"The provider did not accept the test: {outcome.detail or outcome.code}")
    return outcome


def _carried(message: Email | Sms) -> Outcome:
    """What became of one message on a connection of its own."""
    if isinstance(message, Email):
        with closing(providers.email()) as by_mail:
            return next(iter(by_mail.send([message], lambda: True)))
    with closing(providers.sms()) as by_text:
        return next(iter(by_text.send([message], lambda: True)))
