"""One send over all connections of a pool: a loop in one thread that gives each free connection its next message.

A busy connection is a lane. It runs until it has to wait for its socket, or has an outcome that the caller must have
before the lane's next body leaves; then whichever lane is ready goes on.
"""

import math
import select
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from campaigns.channels.outcomes import ChannelDown, Email, MayContinue, Outcome, Turns
from campaigns.channels.smtp_connection import Connection, Steps, Wait
from campaigns.channels.smtp_pool import Pool
from campaigns.channels.smtp_transaction import Transaction, unsendable

_ATTENTION = 0.25  # longest wait, in seconds, without asking whether to go on
_STALE = 0.5  # seconds: how old a "may continue" may be when a body goes out
_AT_ONCE: Wait = (0, math.inf)  # for no socket, only until the caller has the outcomes

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Lane:
    """A connection at work. `following`: whose envelope goes behind the body at hand."""

    connection: Connection
    wait: Wait = _AT_ONCE
    direction: int = select.POLLIN
    transaction: Transaction | None = None
    following: Email | None = None
    steps: Steps[None] = field(init=False)


@dataclass
class Sending:
    """The messages of one call of `SmtpChannel.send` on their way."""

    pool: Pool
    messages: Iterator[Email]
    may_continue: MayContinue
    turns: Turns
    handing: Callable[[int], None]
    reply_timeout: float
    dot_timeout: float
    _lanes: dict[int, _Lane] = field(default_factory=dict)
    _runnable: list[_Lane] = field(default_factory=list)
    _in_hand: deque[Email] = field(default_factory=deque)
    _outcomes: deque[Outcome] = field(default_factory=deque)
    _asked_at: float = -math.inf
    _until_turn: float = math.inf
    _exhausted: bool = False
    _stopped: bool = False
    _fault: Exception | None = None

    def outcomes(self) -> Iterator[Outcome]:
        """Yield each outcome as it comes; an error of the caller's waits for the answers that are owed."""
        self.pool.forget_failure()
        try:
            while True:
                if self._allowed():
                    self._give_work()
                else:
                    self._take_back_envelopes()
                if self._outcomes:
                    yield from self._known()
                    continue  # with each outcome the caller may have come to another mind
                if not self._lanes and (self._stopped or (self._exhausted and not self._in_hand)):
                    break
                self._go_on()
        finally:
            for lane in list(self._lanes.values()):
                self._cut(lane)
        if self._fault is not None:
            raise self._fault

    def _known(self) -> Iterator[Outcome]:
        while self._outcomes:
            yield self._outcomes.popleft()

    # What there is to send, and whether it may go

    def _give_work(self) -> None:
        """Start a message on each free connection; when none is free and more wait, open another."""
        self._until_turn = math.inf
        while not self._stopped and (self.pool.idle or self.pool.may_open) and self._has_turn():
            connection = self.pool.take()
            if connection is not None:
                self._start(connection, self._drawn())
            elif self.pool.may_open:
                self.pool.open()

    def _following(self, lane: _Lane) -> Email | None:
        """The message whose envelope may go behind the body at hand, if any may."""
        connection = lane.connection
        if not connection.pipelining or self.pool.worn(connection) or not self._has_turn():
            return None
        if unsendable(self._in_hand[0], connection.features):
            return None
        lane.following = self._drawn()
        return lane.following

    def _has_turn(self) -> bool:
        """Whether there is a message in hand and its turn has come."""
        if not self._in_hand and not self._stopped:
            message = self._guarded(lambda: next(self.messages, None), None)
            if message is None:
                self._exhausted = True
            else:
                self._in_hand.append(message)
        if not self._in_hand or self._stopped:
            return False
        self._until_turn = self._guarded(self.turns.wait, math.inf)
        return self._until_turn <= 0

    def _drawn(self) -> Email:
        self.turns.take()
        return self._in_hand.popleft()

    def _allowed(self) -> bool:
        """Ask whether to go on; a no is for good."""
        self._asked_at = monotonic()
        if not self._stopped and not self._guarded(self.may_continue, False):
            self._stopped = True
        return not self._stopped

    def _may_begin(self, message: Email) -> bool:
        """Asked right before a body goes out, and the last that the caller hears before its answer."""
        if monotonic() - self._asked_at > _STALE:
            self._allowed()
        if not self._stopped:
            self._guarded(lambda: self.handing(message.key), None)
        return not self._stopped

    def _guarded(self, ask: Callable[[], T], otherwise: T) -> T:
        """Run the caller's code: its error stops the send and is raised when no answer is owed any more."""
        try:
            return ask()
        except Exception as error:
            self._fault, self._stopped = error, True
            return otherwise

    # The lanes

    def _start(self, connection: Connection, message: Email) -> None:
        lane = self._lanes[connection.number] = _Lane(connection)
        lane.steps = self._work(lane, message)
        self._after(lane, lambda: next(lane.steps))

    def _work(self, lane: _Lane, first: Email) -> Steps[None]:
        """A message, and those whose envelopes went behind it, until none follows."""
        connection, message = lane.connection, first
        while True:
            outcome = unsendable(message, connection.features)
            if outcome is None:
                outcome = yield from self._carry(lane, message)
            if outcome is not None:
                self._outcomes.append(outcome)
            elif not self._stopped:
                self._in_hand.appendleft(message)
            if connection.closed:
                self._in_hand.extendleft(filter(None, [lane.following]))
                return
            yield _AT_ONCE
            if lane.following is None:
                break
            message, lane.following = lane.following, None
            if self._stopped:
                connection.drop()
                return
        if self.pool.worn(connection):
            yield from connection.quit()

    def _carry(self, lane: _Lane, message: Email) -> Steps[Outcome | None]:
        lane.transaction = Transaction(lane.connection, message, self.reply_timeout, self.dot_timeout)
        outcome = yield from lane.transaction.run(
            lambda: self._following(lane), lambda: self._may_begin(message)
        )
        lane.transaction = None
        return outcome

    def _go_on(self) -> None:
        """Let the lanes go on that have been waiting for the caller, else those whose sockets are ready."""
        if self._runnable:
            runnable, self._runnable = self._runnable, []
            for lane in runnable:
                self._resume(lane)
            return
        looked_at = monotonic()
        events = self.pool.poll.poll(self._patience())
        for number, _ in events:
            if number in self._lanes:
                self._resume(self._lanes[number])
            else:
                self._take_in(number)
        self._call_time({number for number, _ in events}, looked_at)

    def _patience(self) -> int:
        """Milliseconds until something is due whatever the sockets do."""
        now = monotonic()
        until = min((lane.wait[1] for lane in self._lanes.values()), default=math.inf)
        if not self._stopped:
            until = min(until, now + _ATTENTION, now + self._until_turn)
        return max(0, math.ceil((until - now) * 1000))

    def _take_in(self, number: int) -> None:
        if not self.pool.rings(number):
            self.pool.look_at(number)
            return
        try:
            self.pool.opened()
        except ChannelDown as down:
            self._fault, self._stopped = down, True

    def _call_time(self, ready: set[int], looked_at: float) -> None:
        """End the waits that were over before the poll looked and found nothing.

        By the clock as it is now, a process that stood still for longer than an answer may take would call those
        late that have come meanwhile.
        """
        for number, lane in list(self._lanes.items()):
            if lane.wait[1] <= looked_at and number not in ready:
                self._resume(lane, in_time=False)

    def _resume(self, lane: _Lane, *, in_time: bool = True) -> None:
        """Let a lane run to its next wait."""
        self._after(lane, lambda: lane.steps.send(in_time))

    def _after(self, lane: _Lane, step: Callable[[], Wait]) -> None:
        try:
            lane.wait = step()
        except StopIteration:
            self._end(lane)
            return
        direction = lane.wait[0]
        if not direction:
            self._runnable.append(lane)
        elif direction != lane.direction:
            lane.direction = direction
            self.pool.poll.modify(lane.connection.number, direction)

    def _end(self, lane: _Lane) -> None:
        if lane.direction != select.POLLIN and not lane.connection.closed:
            self.pool.poll.modify(lane.connection.number, select.POLLIN)
        del self._lanes[lane.connection.number]
        self.pool.give_back(lane.connection)

    def _take_back_envelopes(self) -> None:
        """After a stop no connection waits with DATA open: a message without its body is not handed over."""
        for lane in list(self._lanes.values()):
            if lane.transaction is not None and not lane.transaction.body_begun:
                self._cut(lane)

    def _cut(self, lane: _Lane) -> None:
        lane.steps.close()
        lane.connection.drop()
        if lane in self._runnable:
            self._runnable.remove(lane)
        self._end(lane)
