"""Running a campaign on a virtual clock: from one moment at which something is due to the next."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

from django.db import connection

from campaigns import campaign, clock, ledger, rendering
from campaigns.block import Block
from campaigns.channels.outcomes import Email, Kind, Outcome, Sms
from campaigns.ledger.moments import Field
from campaigns.models import Campaign, Event, Outbox, SignOff, Step, Version
from campaigns.models.words import CampaignState, Channel, StepKind, StepState
from campaigns.rehearsal import reading, words
from campaigns.rehearsal.ahead import Ahead
from campaigns.rehearsal.copy import private_copy
from campaigns.rehearsal.figures import Rehearsal
from campaigns.rehearsal.what_if import Act, WhatIf, acts, when

BLOCK = 500
"""Deliveries in one claim. A claim compares its rows with each other: larger ones take longer for each."""

LEASE = timedelta(days=1)

ENDED = (CampaignState.STOPPED, CampaignState.DONE)


class RehearsalError(Exception):
    """One sentence for a person: why there is nothing to rehearse, and what to do."""


def rehearse(event: Event, what_if: WhatIf | None = None) -> Rehearsal:
    """Runs what is still to come of the event's campaign, from now to its last message.

    Unapproved steps run as if approved and signed off, a pause or hold as if it had ended. What was sent stays
    sent. Raises RehearsalError when the event has no plan, is cancelled, or its campaign has ended.
    """
    _refuse_ended(event)
    begun = clock.now()
    what_if = what_if or WhatIf()
    with private_copy(event.id):
        first = reading.first_look(event, begun)
        _wake(event.id)
        run = Run(event.id, acts(what_if, event, begun), what_if.down)
        run.go(begun)
        found = reading.last_look(event.id, begun, first, run.rendered, when(what_if, event, begun))
    found.tried = words.tried(what_if, found)
    return found


def _refuse_ended(event: Event) -> None:
    found = Campaign.objects.filter(event=event).first()
    if found is None:
        raise RehearsalError(
            f"Event '{event.slug}' has no plan yet: run `aidstation campaign load FILE --event {event.slug}`."
        )
    if event.cancelled_at is not None:
        raise RehearsalError(f"{event.name} is cancelled: nothing planned is sent any more.")
    if found.state in ENDED:
        raise RehearsalError(f"The campaign is {found.state}: nothing of it is sent any more.")


def _wake(event_id: int) -> None:
    """Lets the copy's campaign run whatever the real one waits for."""
    Event.objects.filter(id=event_id).update(incident_hold=False)
    # What a live drain has in its hands at this moment counts as waiting: it is sent first.
    Outbox.objects.update(lease_until=None, holder="")
    _sign_everything(event_id)
    found = Campaign.objects.get(event_id=event_id)
    names = list(found.steps.filter(state__in=reading.UNAPPROVED).values_list("name", flat=True))
    if names:
        campaign.approve(found, "", names)
    Campaign.objects.filter(id=found.id).update(state=CampaignState.LIVE)


def _sign_everything(event_id: int) -> None:
    """A plan is looked at before a clinician has read its words, too: the copy's sign-offs are there and never end."""
    SignOff.objects.filter(revoked_at=None).update(review_by=date.max)
    signed = SignOff.objects.filter(revoked_at=None).values("version")
    unsigned = Version.objects.filter(template__event=event_id, health=True).exclude(id__in=signed)
    SignOff.objects.bulk_create(
        SignOff(version=version, reviewer="", signed_at=clock.now(), review_by=date.max, sources=[])
        for version in unsigned
    )


class Run:
    """One run over the copy: the real tick and the real drain, with a carrier that accepts everything."""

    def __init__(self, event_id: int, to_come: list[Act], down: tuple[datetime, datetime] | None) -> None:
        self.event_id = event_id
        self.to_come = to_come
        self.down = down
        self.rendered = reading.Rendered()

    def go(self, begun: datetime) -> None:
        """Jumps from moment to moment until nothing is left to come."""
        moment: datetime | None = begun
        with ThreadPoolExecutor(1) as pool:
            ahead = Ahead(pool, self.rendered)
            while moment is not None:
                with clock.standing_at(moment):
                    self._happen(moment)
                    if not self._is_down(moment):
                        _send_all(moment, ahead)
                moment = self._next(moment)

    def _happen(self, now: datetime) -> None:
        while self.to_come and self.to_come[0][0] <= now:
            self.to_come.pop(0)[1]()

    def _is_down(self, now: datetime) -> bool:
        return self.down is not None and self.down[0] <= now < self.down[1]

    def _next(self, now: datetime) -> datetime | None:
        """When something is due next: a step's moment, what waits in the queue, or what is tried out."""
        ahead = [moment for moment, _ in self.to_come]
        ahead += self._moments(now) + _queued(now)
        if self.down:
            ahead.append(self.down[1])
        return min((moment for moment in ahead if moment > now), default=None)

    def _moments(self, now: datetime) -> list[datetime]:
        field = Field.of(Event.objects.get(id=self.event_id))
        planned = Step.objects.filter(kind=StepKind.PLANNED).exclude(state=StepState.OFF)
        return [moment for step in planned for moment in field.moments(step, now).due]


def _send_all(now: datetime, ahead: Ahead) -> None:
    """Ticks and drains in turn, as clock and workers do, until nothing more is due."""
    sent = True
    while sent:
        _tick(now)
        sent = any(_drain(channel, now, ahead) for channel in Channel)


def _drain(channel: Channel, now: datetime, ahead: Ahead) -> bool:
    """Sends all that is due on a channel, one block being rendered while the next is claimed; whether there was any."""
    found = False
    under_way: list[Block] = []
    while (step_id := ledger.next_step(channel, now)) is not None:
        claim = ledger.claim(channel, step_id, now, limit=BLOCK, lease=LEASE, holder="rehearsal")
        if not claim.groups and not claim.passed_over:
            break
        if claim.groups:
            under_way.append(_block(channel, claim, ahead))
        if len(under_way) > 1:
            _carry(under_way.pop(0))
        found = True
    for block in under_way:
        _carry(block)
    return found


def _block(channel: Channel, claim: ledger.Claim, ahead: Ahead) -> Block:
    """The drain's own block."""
    steps = Step.objects.select_related("campaign__event__organiser", "version", "fallback_version")
    message = rendering.message_of(steps.get(id=claim.step_id), channel)
    return Block(channel, claim, ahead.begin(message, claim))


def _carry(block: Block) -> None:
    """What is rendered to the last byte counts as accepted."""
    messages: Iterator[Email] | Iterator[Sms]
    messages = block.emails() if block.channel == Channel.EMAIL else block.texts()
    for message in messages:
        block.take(Outcome(message.key, Kind.ACCEPTED))
    block.settle()


def _queued(now: datetime) -> list[datetime]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(due_at) FROM outbox WHERE due_at > %s", [now])
        soonest: datetime | None = cursor.fetchone()[0]
    return [soonest] if soonest else []


def _tick(now: datetime) -> None:
    """The clock's work in the scheduler's order, to its end."""
    for steps, one_chunk in (
        (ledger.steps_to_redate(), ledger.redate_chunk),
        (ledger.steps_to_free(), ledger.free_chunk),
        (ledger.openings(now).due, _open_chunk),
    ):
        for step_id in steps:
            while not one_chunk(step_id, now):
                pass
    ledger.finish_steps()


def _open_chunk(step_id: int, now: datetime) -> bool:
    opened = ledger.open_chunk(step_id, now)
    return opened is None or opened.complete
