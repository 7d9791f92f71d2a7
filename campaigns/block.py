"""A claimed block on its way: what leaves, what came back, and what becomes of every row of it; and the blocks that one
send has in hand. Knows no slots and no pacing; `drain` hands them over."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from campaigns import addresses, clock, content, ledger, optout, rendering
from campaigns.channels.outcomes import Email, Kind, Outcome, Sms
from campaigns.journal import Journal
from campaigns.models import Entrant
from campaigns.models.words import Channel, Reason, Scope, SuppressionReason

SETTLE_EVERY = 0.5
"""Seconds after which answers are settled though their block still goes on: one slow answer, or a machine that freezes,
must not leave all the others of its block in the journal alone."""


@dataclass
class Block:
    """A claim on its way: its groups by the delivery that carries each, and the outcomes that have come."""

    channel: Channel
    claim: ledger.Claim
    message: rendering.Message
    results: list[ledger.Result] = field(default_factory=list)
    refused: list[tuple[Outcome, Sequence[ledger.Claimed]]] = field(default_factory=list)
    handed: set[int] = field(default_factory=set)
    hashes: dict[int, str] = field(default_factory=dict)
    settled: int = 0
    settled_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.groups = {group[0].delivery: group for group in self.claim.groups}
        self.open = {fence[0]: fence[1] for fence in self.claim.fences}

    def emails(self, until: float = math.inf) -> Iterator[Email]:
        """The finished mails, each rendered when its turn has come; who lacks a value is held.

        After the monotonic moment `until` there are no more, but always one, so that every slice gets on.
        """
        for number, group in enumerate(self.claim.groups):
            if number and time.monotonic() > until:
                return
            try:
                yield self.message.finished_email(group, clock.now())
            except content.ContentError:
                self._hold(group)

    def texts(self) -> Iterator[Sms]:
        """The finished texts, each rendered when its turn has come; who lacks a value is held."""
        for group in self.claim.groups:
            try:
                yield self.message.finished_sms(group, clock.now())
            except content.ContentError:
                self._hold(group)

    def hand(self, carrier: int, journal: Journal) -> None:
        """Writes into the journal that a carrier's message leaves now: until its outcome it is in doubt."""
        journal.handing([(row.delivery, row.claim) for row in self.groups[carrier]], self.message.version_id)
        self.handed.add(carrier)

    def noted(self, messages: Iterable[Sms], journal: Journal) -> Iterator[Sms]:
        """The same messages, each written into the journal before the channel has it."""
        for message in messages:
            fences = [(row.delivery, row.claim) for row in self.groups[message.key]]
            self.hashes[message.key] = addresses.words_hash(message.body)
            journal.handing(fences, self.message.version_id, self.hashes[message.key])
            yield message

    def take(self, outcome: Outcome) -> None:
        """Notes what became of a carrier, for it and for those it carries."""
        group = self.groups[outcome.key]
        self.handed.discard(outcome.key)
        for row in group:
            del self.open[row.delivery]
            self.results.append(
                ledger.Result(
                    delivery=row.delivery,
                    claim=row.claim,
                    carrier=outcome.key,
                    outcome=outcome.kind,
                    code=outcome.code,
                    detail=outcome.detail,
                    provider_ref=outcome.provider_ref,
                    version=self.message.version_id,
                    attempts=row.attempts,
                    latest_at=row.latest_at,
                    retry_after=outcome.retry_after,
                    body_hash=self.hashes.get(outcome.key, ""),
                )
            )
        if outcome.kind in (Kind.RECIPIENT, Kind.MESSAGE):
            self.refused.append((outcome, group))

    def settle(self) -> None:
        """Writes the outcomes, and gives back what was not handed over. What was cut off in between is a doubt."""
        for carrier in sorted(self.handed):
            self.take(Outcome(carrier, Kind.DOUBTFUL, detail="Sending was cut off before the answer came."))
        self._settle_results()
        ledger.release(list(self.open.items()))

    def settle_known(self) -> None:
        """Writes the outcomes that have come, when they are the last or the last time is long enough ago. What failed
        is written later."""
        if self.results and (not self.open or time.monotonic() - self.settled_at > SETTLE_EVERY):
            self._settle_results()

    def _settle_results(self) -> None:
        ledger.settle(self.channel, self.results, clock.now())
        self.settled += len(self.results)
        self.results = []
        self.settled_at = time.monotonic()

    def act_on_refusals(self) -> None:
        """A bad address is not written to again; a message that a provider refuses stops its step."""
        for outcome, group in self.refused:
            if outcome.kind == Kind.MESSAGE:
                ledger.pause_step(
                    self.claim.step_id, f"The provider refuses this message: {outcome.detail or outcome.code}"
                )
            elif outcome.recognised:
                _suppress(group[0].entrant, self.channel, outcome.code)

    def _hold(self, group: Sequence[ledger.Claimed]) -> None:
        fences = [(row.delivery, row.claim) for row in group]
        ledger.hold(fences, Reason.MISSING_VALUE, clock.now(), revision=self.claim.revision)
        for delivery, _ in fences:
            del self.open[delivery]


@dataclass
class InHand:
    """The blocks of one send: the one whose messages leave, and those before it that still wait for answers."""

    journal: Journal
    shut: bool = False
    """Whether the provider refused a message for a reason that concerns everyone."""
    claiming: bool = False
    """Whether a further claim was asked for that is not one of these blocks yet."""
    accepted: bool = False
    settled: int = 0
    """How many rows have their outcomes in the database."""
    last: Block = field(init=False)
    _blocks: list[Block] = field(default_factory=list)
    _of: dict[int, Block] = field(default_factory=dict)

    def add(self, block: Block) -> Block:
        """Takes a block in hand: it is the last now, whose messages leave."""
        self.last = block
        self._blocks.append(block)
        self._of.update(dict.fromkeys(block.groups, block))
        return block

    @property
    def got_through(self) -> bool:
        """Whether the provider took a message and refused none for a reason that concerns everyone."""
        return self.accepted and not self.shut

    def hand(self, carrier: int) -> None:
        """Writes into the journal that a carrier's message leaves now: until its outcome it is in doubt."""
        self._of[carrier].hand(carrier, self.journal)

    def take(self, outcome: Outcome) -> None:
        """Notes what became of a carrier."""
        self._of[outcome.key].take(outcome)
        self.accepted |= outcome.kind == Kind.ACCEPTED

    def settle_known(self) -> None:
        """Writes the outcomes that have come of each block that has all of them, or has waited for long enough; with
        all of them it is out of hand."""
        for block in list(self._blocks):
            block.settle_known()
            if not block.open:
                self._end(block)

    def settle(self) -> None:
        """Writes what is left of every block, and forgets the journal: each row is settled, held or given back."""
        for block in self._blocks:
            block.settle()
        self.journal.clear()

    def end(self) -> None:
        """Acts on what the last answers say of addresses and messages, now that they are written."""
        for block in list(self._blocks):
            self._end(block)

    def _end(self, block: Block) -> None:
        self._blocks.remove(block)
        self.settled += block.settled
        for carrier in block.groups:
            del self._of[carrier]
        block.act_on_refusals()


@transaction.atomic
def _suppress(entrant_id: int, channel: Channel, code: str) -> None:
    """The provider knows no such address, or its owner told the provider to stop."""
    entrant = Entrant.objects.select_related("event").get(id=entrant_id)
    address_hash = entrant.email_hash if channel == Channel.EMAIL else entrant.mobile_hash
    if address_hash is None:
        return
    reason = SuppressionReason.HARD_BOUNCE if channel == Channel.EMAIL else SuppressionReason.BAD_NUMBER
    if code == REPLIED_STOP:
        reason = SuppressionReason.STOP
    optout.suppress_hash(entrant.event.organiser_id, channel, bytes(address_hash), Scope.ALL, reason)


REPLIED_STOP = "21610"
"""Twilio's code for a number that has replied STOP to this sender."""
