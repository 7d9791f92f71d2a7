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
from uuid import uuid4

from django.conf import settings
from django.db.models import Q

from campaigns import clock, content, ledger, optout, people, providers, rendering
from campaigns.channels.outcomes import ChannelDown, Email, Kind, Outcome, Sms
from campaigns.ledger import Claimed
from campaigns.models import Entrant, Event, Step, Suppression, Template, Version
from campaigns.models.entrants import new_short_code, new_token
from campaigns.models.words import Channel, StepKind, StepState

MOST_CHOICES = 8
TEST_SUBJECT, TEST_TEXT = "[Test] ", "TEST: "


class PreviewError(Exception):
    """One sentence for a person: why there is nothing to see or send, and what to do."""


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

    @property
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
    try:
        return [people.find(event, word)]
    except people.PersonError as error:
        if word.lower().startswith("id:") or not word:
            raise PreviewError(str(error)) from error
    named = Q()
    for part in word.split():
        named &= Q(first_name__icontains=part) | Q(last_name__icontains=part)
    found = event.entrants.filter(Q(bib=word) | Q(email__iexact=word) | named).order_by("id")
    chosen = list(found.select_related("race")[: MOST_CHOICES + 1])
    if not chosen:
        raise PreviewError(f"Nobody matches '{word}': give an id (id:17), a bib, an email address or a name.")
    return chosen


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
    channel = Channel(version.template.channel)
    verdict, leaves_at, group = _group(step, channel, entrant)
    return finished(version, step, group, verdict=verdict, leaves_at=leaves_at)


def finished(
    version: Version, step: Step, group: list[Claimed], *, verdict: str, leaves_at: datetime
) -> Preview:
    """The message of this version, which need not be stored, for a group of entrants. Raises PreviewError."""
    try:
        maker = (
            rendering.message_of(step, Channel(version.template.channel), version.id)
            if version.id
            else rendering.draft_of(step, version)
        )
        made = maker.finished_email(group, leaves_at) if maker.email else maker.finished_sms(group, leaves_at)
    except content.ContentError as error:
        raise PreviewError(f"This entrant's message cannot be made: {error}.") from error
    return Preview(step, version, verdict, leaves_at, made, group, maker)


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
