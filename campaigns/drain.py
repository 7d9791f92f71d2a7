"""Draining a channel: claim a block, render it, hand it over, settle it, again, for at most one slice of time."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns import circuit, clock, content, ledger, providers, rendering
from campaigns.block import Block, InHand
from campaigns.channels.outcomes import ChannelDown, Email, Kind, Outcome, Sms
from campaigns.channels.pacing import Grant, Pacing
from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.twilio import TwilioChannel
from campaigns.journal import Answer, Journal, JournalFull
from campaigns.ledger.marks import Mark, Marks
from campaigns.models import Step
from campaigns.models.words import Channel

SLICE = 2.0
"""Seconds after which a drain ends and, if there is more, is queued anew: nothing else waits longer behind it."""

BLOCK = {Channel.EMAIL: 500, Channel.SMS: 200}
"""Most deliveries in one claim: about what a plain mail server, or Twilio without a rate, takes in half a second."""

EACH_CONNECTION = 8
"""Emails of a block for each connection, where many are allowed: the first of a block costs a far server two round
trips, and while the last are on their way the other connections have nothing to do."""

BLOCK_LASTS = 0.5
"""Seconds of a channel's rate that one claim may hold."""

FIRST_EMAILS, FEWEST_EMAILS = 100, 20
"""Emails in a process's first claim, and in one for the slowest of mail servers."""

HAND_OVER_UNTIL = 150.0
"""Seconds after the claim was asked for in which a message of it may still be handed over; the rest of the lease is for
the server's answer."""

LEASE = timedelta(seconds=900)
"""Longer than a message may still be handed over and the longest wait for its answer together."""

STOP_SIGNAL_AGE = 0.5
"""Seconds: how old the last look at the stop signal may be when a message is handed over."""


@dataclass
class StopSignal:
    """Whether a block may still be handed over: nothing was paused, stopped or held, and its time is not up.

    The deadline is on a clock that goes on while the machine sleeps: a machine that was paused wakes up with a block
    that another may have by then.
    """

    deadline: float = field(default_factory=lambda: awake() + HAND_OVER_UNTIL)
    epoch: int = field(default_factory=ledger.stop_epoch)
    looked_at: float = field(default_factory=time.monotonic)
    risen: bool = False

    def may_continue(self) -> bool:
        """Asked before each hand-over; looks at the database when its last look is too old."""
        if not self.risen and time.monotonic() - self.looked_at > STOP_SIGNAL_AGE:
            self.risen = ledger.stop_epoch() != self.epoch
            self.looked_at = time.monotonic()
        return not self.risen and awake() < self.deadline

    def unchanged(self) -> bool:
        """Asked before a further claim: what was read of steps and messages still counts."""
        self.risen = self.risen or ledger.stop_epoch() != self.epoch
        return not self.risen


def awake() -> float:
    """Seconds on a clock that no clock change turns back and that counts sleep, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Drain:
    """One process's way of sending on one channel; its connection to the provider outlives a slice.

    Every drain takes alerts first. One with `alerts_only` takes nothing else, so that it never stands behind a tip.
    Used by one thread at a time.
    """

    def __init__(self, channel: Channel, *, alerts_only: bool = False) -> None:
        self.channel = channel
        self.alerts_only = alerts_only
        self.unknown = circuit.UnknownRefusals()
        self.in_hand = False
        """Whether a claim was asked for and its end is not in the database: also where its answer never came."""
        self.fitting = FIRST_EMAILS
        self.slice_ends = 0.0
        self.served: int | None = None
        """The step that it took from last."""
        self.marks = Marks()
        self.made: dict[tuple[int, int], rendering.Message] = {}
        """Messages of steps that this slice has read, each under the stop signal's number at that time."""

    @cached_property
    def carrier(self) -> SmtpChannel | TwilioChannel:
        """The connection to the provider, made with the first message. Raises ChannelDown when it is not set up."""
        problem = providers.problem(self.channel)
        if problem:
            raise ChannelDown(Kind.POLICY, "", problem)
        return providers.email() if self.channel == Channel.EMAIL else providers.sms()

    @cached_property
    def journal(self) -> Journal:
        """This process's own file. Raises OSError."""
        return Journal.open(settings.JOURNAL_FOLDER)

    @cached_property
    def pacing(self) -> Pacing:
        return shared_pacing(self.channel)

    @cached_property
    def alert_pacing(self) -> Pacing:
        return shared_pacing(self.channel, urgent=True)

    def run(self, seconds: float = SLICE) -> bool:
        """Sends for at most about `seconds`; True when there is more to do at once."""
        self.slice_ends = time.monotonic() + seconds
        self.made.clear()
        if not self._recovered():
            return False
        while time.monotonic() < self.slice_ends:
            if not self._block():
                return False
        return ledger.next_step(self.channel, clock.now(), alerts_only=self.alerts_only) is not None

    def _recovered(self) -> bool:
        """Settles what this process could not settle when it lost its database, and what dead ones left here.

        False when there is no journal to be had: nothing goes out that is not written down first.
        """
        now = clock.now()
        try:
            if self.in_hand or self.journal.pending:
                ledger.replay(self.journal.name, self.journal.read(), now)
                self.journal.clear()
                self.in_hand = False
            ledger.replay_the_dead(settings.JOURNAL_FOLDER, now)
        except OSError as error:
            said = f"The journal cannot be written ({error.strerror}): see to {settings.JOURNAL_FOLDER}."
            circuit.opened(self.channel, Kind.POLICY, said, now)
            return False
        return True

    def _block(self) -> bool:
        """One block of one step; False when there is nothing that may be sent now."""
        now = clock.now()
        turn = self._turn(now)
        if turn is None or turn.allowed.nothing:
            return False
        allowed, grant = turn.allowed, turn.pacing.grant(turn.allowed.limit or self._block_size())
        if not grant.count:
            circuit.unused(self.channel, allowed, now)
            time.sleep(min(grant.start_delay, STOP_SIGNAL_AGE))
            return True
        signal = StopSignal()
        claim = self._claimed(turn, self._limit(turn, grant), now)
        if claim.groups:
            self._send(claim, Send(turn, grant, signal, InHand(self.journal)))
        else:
            self.in_hand = False
            circuit.unused(self.channel, allowed, now)
        return bool(claim.groups or claim.passed_over or turn.behind)

    def _claimed(self, turn: "Turn", limit: int, now: datetime) -> ledger.Claim:
        self.served, self.in_hand = turn.step, True
        claim = ledger.claim(
            self.channel,
            turn.step,
            now,
            limit=limit,
            lease=LEASE,
            holder=self.journal.name,
            behind=turn.behind,
        )
        if not turn.urgent:
            self.marks.note(turn.step, claim.mark)
        return claim

    def _block_size(self) -> int:
        return self.fitting if self.channel == Channel.EMAIL else BLOCK[self.channel]

    def _limit(self, turn: "Turn", grant: Grant) -> int:
        """How many to claim. Texts wait for their slots one by one, so a block of them may outlast its grant.

        With blocks of a quarter of a second, a slow answer at the end of each would cost more than the block.
        """
        if self.channel == Channel.EMAIL or turn.allowed.limit:
            return grant.count  # a slot that is granted and not used is lost to everyone
        return min(turn.pacing.most(BLOCK_LASTS) or BLOCK[self.channel], BLOCK[self.channel])

    def _turn(self, now: datetime) -> "Turn | None":
        """Whose turn it is: an alert's, else the longest due step's."""
        alert = ledger.next_step(self.channel, now, alerts_only=True)
        if alert is not None:
            return Turn(alert, circuit.alert_allowance(self.channel, now), self.alert_pacing, urgent=True)
        step = None if self.alerts_only else self._planned_step(now)
        if step is None:
            return None
        allowed = circuit.allowance(self.channel, now)
        return Turn(step, allowed, self.pacing, behind=self.marks.of(step))

    def _planned_step(self, now: datetime) -> int | None:
        """With nothing left behind the marks it is asked again from the front."""
        behind = self.marks.all()
        step = ledger.next_step(self.channel, now, after=self.served, behind=behind)
        if step is None and behind:
            self.marks.clear()
            step = ledger.next_step(self.channel, now, after=self.served)
        return step

    def _send(self, claim: ledger.Claim, send: "Send") -> None:
        """Renders and hands over a block, and those that follow it; whatever happens, every row is settled, held or
        released."""
        block = send.hand.add(self._prepared(claim, send.signal.epoch))
        begun = time.monotonic()
        try:
            self._note(self._outcomes(block, send), send)
            if send.hand.got_through:
                circuit.closed(self.channel)
        except ChannelDown as down:
            circuit.opened(self.channel, down.kind, down.detail, clock.now())
        except JournalFull as full:
            circuit.opened(self.channel, Kind.POLICY, str(full), clock.now())
        finally:
            send.hand.settle()
            self.in_hand = send.hand.claiming
        send.hand.end()
        if not send.grant.interval:  # under a rate the time says nothing of the mail server
            self._fit(send.hand.settled, time.monotonic() - begun)

    def _mails(self, block: Block, send: "Send") -> Iterator[Email]:
        """A block's mails, then those of the next, and so on."""
        following: Block | None = block
        while following is not None:
            begun = time.monotonic()
            yield from following.emails(self._until(send.grant))
            following = self._following(send, time.monotonic() - begun)

    def _following(self, send: "Send", taken: float) -> Block | None:
        """The next block, claimed while the last mails of the one before, which took `taken` seconds, are on their
        way: a far server's answers to them are not waited for.

        None where that is for the next send to decide: under a rate, while a provider is tried out, before an alert,
        after a stop, and when the slice is over.
        """
        left = self.slice_ends - time.monotonic()
        if not send.goes_on or left <= 0 or not send.signal.unchanged():
            return None
        self._fit(len(send.hand.last.groups), taken)
        now = clock.now()
        turn = self._turn(now)
        if turn is None or turn.urgent or turn.allowed.nothing or turn.allowed.limit:
            return None
        send.hand.claiming = True
        claim = self._claimed(turn, self._fitting_into(left), now)
        block = send.hand.add(self._prepared(claim, send.signal.epoch)) if claim.groups else None
        send.hand.claiming = False
        return block

    def _fitting_into(self, seconds: float) -> int:
        """No more than a slice still has time for: the rest would have been claimed in vain."""
        return max(FEWEST_EMAILS, min(self.fitting, int(self.fitting * seconds / BLOCK_LASTS)))

    def _fit(self, sent: int, seconds: float) -> None:
        """The next block is what the mail server takes in half a second: what a slice cuts off was claimed in vain."""
        fitting = int(sent * BLOCK_LASTS / max(seconds, 0.001))
        most = max(BLOCK[Channel.EMAIL], EACH_CONNECTION * settings.EMAIL_CONNECTIONS)
        self.fitting = max(FEWEST_EMAILS, min(fitting, most))

    def _prepared(self, claim: ledger.Claim, epoch: int) -> Block:
        """A claim and its message; when a fault of ours comes in between, the claim is given back at once."""
        try:
            return Block(self.channel, claim, self._made(claim.step_id, epoch))
        except BaseException:
            ledger.release(claim.fences)
            raise

    def _made(self, step_id: int, epoch: int) -> rendering.Message:
        """Read once for the blocks of a slice, and anew when an edited plan has raised the stop signal."""
        if (step_id, epoch) not in self.made:
            step = Step.objects.select_related(
                "campaign__event__organiser", "version", "fallback_version", "release"
            ).get(id=step_id)
            self.made[step_id, epoch] = rendering.message_of(step, self.channel)
        return self.made[step_id, epoch]

    def _outcomes(self, block: Block, send: "Send") -> Iterator[Outcome]:
        """Hands a block to its channel: a mail is noted right before its body, a text before the channel has it."""
        carrier, pacing, may_continue = self.carrier, send.turn.pacing, send.signal.may_continue
        if isinstance(carrier, SmtpChannel):
            return carrier.send(
                self._mails(block, send),
                may_continue,
                turns=pacing.turns(send.grant),
                handing=send.hand.hand,
            )
        in_turn = pacing.in_turn(block.texts(), units, may_continue, send.grant)
        return carrier.send(block.noted(in_turn, self.journal), may_continue)

    def _until(self, grant: Grant) -> float:
        """The monotonic moment after which no further mail of a block is begun.

        Under a rate a block knows how long it takes, and what the slice cut off of its grant would be lost to everyone.
        """
        return self.slice_ends + (BLOCK_LASTS if grant.interval else 0.0)

    def _note(self, outcomes: Iterator[Outcome], send: "Send") -> None:
        """Notes each outcome as it comes; a fault of ours stops the send and is raised when no answer is owed."""
        fault: Exception | None = None
        for outcome in outcomes:
            send.hand.take(outcome)
            try:
                self._act_on(outcome, send)
                send.hand.settle_known()
            except Exception as error:
                fault, send.signal.risen = fault or error, True
        if fault is not None:
            raise fault

    def _act_on(self, outcome: Outcome, send: "Send") -> None:
        self.journal.answered(
            outcome.key, Answer(outcome.kind, outcome.code, outcome.detail, outcome.provider_ref)
        )
        if outcome.kind == Kind.POLICY or self.unknown.too_many(outcome):
            circuit.opened(self.channel, Kind.POLICY, _words(outcome), clock.now())
            send.signal.risen = send.hand.shut = True
        if outcome.kind == Kind.MESSAGE:
            send.signal.risen = True  # the words would be refused for everyone after this one


@dataclass(frozen=True)
class Turn:
    """The step whose turn it is, how much of it may be claimed, and the pacing that its kind has.

    `behind` is where its claim begins. An urgent one begins at the front of its queue each time: what was given back
    of it must not wait.
    """

    step: int
    allowed: circuit.Allowance
    pacing: Pacing
    urgent: bool = False
    behind: Mark | None = None


@dataclass(frozen=True)
class Send:
    """One hand-over to a provider: whose turn it was, what it may use, what stops it, and the blocks it has in hand."""

    turn: Turn
    grant: Grant
    signal: StopSignal
    hand: InHand

    @property
    def goes_on(self) -> bool:
        """Whether another block may follow the first: what was granted or allowed was for the first alone."""
        return not (self.grant.interval or self.turn.urgent or self.turn.allowed.limit)


def _words(outcome: Outcome) -> str:
    """Why the circuit opened, for a person."""
    said = outcome.detail or outcome.code
    return said if outcome.recognised else f"Several refusals of no known meaning, the last: {said}"


def units(message: Email | Sms) -> int:
    """What a message weighs against its channel's rate: a mail is one, a text its segments."""
    return content.segments(message.body).count if isinstance(message, Sms) else 1


def shared_pacing(channel: Channel, *, urgent: bool = False) -> Pacing:
    """The channel's rate, which everyone who sends on it shares."""
    rate = settings.EMAIL_RATE if channel == Channel.EMAIL else settings.SMS_RATE
    # A Redis that is away is answered by "no grant": tries inside the client would only hold the drain.
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )
    return Pacing(client, f"pacing:{channel}", rate, urgent=urgent)
