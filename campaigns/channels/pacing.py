"""Grants moments at which messages may go, so that all workers together keep to one rate.

GCRA in Redis on Redis's own clock, in units: one a mail, one a segment of a text. Knows nothing of messages.

Mails weigh one unit each, so a drain asks first, claims no more than was granted, and sends in turn:

    grant = pacing.grant(500)
    if not grant.count:
        ...come back after grant.start_delay...
    mails = claim_and_render(limit=grant.count)
    for outcome in channel.send(mails, may_continue, turns=pacing.turns(grant)): ...

A text's weight is known only once it is rendered: claim at most `pacing.most(0.5)`, leave out the grant, and send what
`pacing.in_turn` yields.

Over any 10 s at most the rate and 2 % more go out, or one message more if that is larger: slots are spaced
exactly, and a slot whose time is more than `_GRACE` past lapses.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TypeVar

import redis

from campaigns.channels.outcomes import MayContinue

_COVER = 0.25  # seconds of slots in one grant, and how far ahead of now a planned grant may begin
_URGENT_AHEAD = 2 * _COVER  # beyond any slot a planned send can hold: an urgent send always gets the next one
_LOST_KEY = _URGENT_AHEAD + _COVER  # all that can have been promised before the key was lost
_HEAVIEST = 25  # units no message exceeds: a key further ahead than that is a clock that was set back
_FORGET = 24 * 3600  # seconds an unused key is kept
_GRACE = 0.15  # seconds a slot may be used late; 10 s * 2 % would be 0.2
_UNREACHABLE = 0.5  # seconds until Redis is asked again
_ATTENTION = 0.25  # longest sleep between two looks at may_continue
_SOON = 0.001  # seconds until a grant that held nothing is asked for anew at the earliest

# KEYS[1]: the moment (Redis's microseconds) at which the next free slot begins.
# ARGV: microseconds a unit, units wanted, least units, how far ahead a grant may begin, cover, wait after a
# lost key (all in microseconds), heaviest message in units, seconds to keep the key.
# Answers with the units granted and the microseconds until the first slot, or 0 and those until asking again.
_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, wanted, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ahead, cover = tonumber(ARGV[4]), tonumber(ARGV[5])
local free = tonumber(redis.call('GET', KEYS[1]) or '')
if not free or free - now > tonumber(ARGV[6]) + tonumber(ARGV[7]) * interval then
  free = now + tonumber(ARGV[6]) + least * interval
end
free = math.max(now, free)
local count, wait = 0, free - now - ahead
if wait <= 0 then
  count, wait = math.min(wanted, math.max(least, math.floor(cover / interval))), free - now
end
redis.call('SET', KEYS[1], string.format('%.0f', math.ceil(free + count * interval)), 'EX', ARGV[8])
return {count, math.ceil(wait)}
"""

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Grant:
    """`count` units in slots `interval` seconds apart, the first `start_delay` seconds after the answer came.

    With `count` 0 nothing may go, and asking again makes sense after `start_delay` seconds.
    """

    count: int
    start_delay: float
    interval: float
    asked_at: float
    answered_at: float

    def opens(self, slot: int) -> float:
        """Return the monotonic moment before which a slot may not be used, whatever the way to Redis took."""
        return self.answered_at + self.start_delay + slot * self.interval

    def first_valid(self, now: float) -> int:
        """Return the first slot that has not lapsed at the monotonic moment `now`."""
        if not self.interval:
            return 0
        return max(0, math.ceil((now - _GRACE - self.asked_at - self.start_delay) / self.interval))


class Pacing:
    """One rate, in units a second, shared by everyone who names the same `key`; None is no limit.

    `client` needs a short socket timeout and `Retry(NoBackoff(), 0)`: redis-py's own retries would hold a
    drain for 3 s and more while Redis is away, deaf to a stop.

    `urgent` is for alerts: they always get the next slot, within half a second plus one message, and while
    they take slots planned sends get none.
    """

    def __init__(self, client: redis.Redis, key: str, rate: float | None, *, urgent: bool = False) -> None:
        if rate is not None and not 0 < rate < math.inf:
            raise ValueError(f"A rate must be a number above 0 a second, or unset for no limit, not {rate}.")
        self._script = client.register_script(_SCRIPT)
        self._key = key
        self._interval = 1 / rate if rate else 0.0
        self._ahead = _URGENT_AHEAD if urgent else _COVER

    def grant(self, wanted: int, least: int = 1) -> Grant:
        """Ask for up to `wanted` units: as many as fit in 250 ms, but never fewer than `least`, or none.

        `least` is the weight of the one message at hand, so that a text of three parts is not starved at a
        low rate. Where a rate is set and Redis cannot be reached, nothing is granted.
        """
        asked_at = monotonic()
        if not self._interval:
            return Grant(wanted, 0.0, 0.0, asked_at, asked_at)
        try:
            count, wait = self._ask(max(wanted, least), least)
        except (redis.RedisError, OSError):
            count, wait = 0, _UNREACHABLE
        return Grant(count, wait, self._interval, asked_at, monotonic())

    def most(self, seconds: float) -> int | None:
        """Return how many units the whole rate gives in that time, at least 1; None without a limit."""
        return max(1, int(seconds / self._interval)) if self._interval else None

    def turns(self, grant: Grant | None = None) -> "SlotTurns":
        """The turns of one send, without a wait in them. `grant` is what the messages were claimed under."""
        return SlotTurns(self, grant or self._nothing())

    def in_turn(
        self,
        messages: Iterable[M],
        units: Callable[[M], int],
        may_continue: MayContinue,
        grant: Grant | None = None,
    ) -> Iterator[M]:
        """Yield each message no earlier than its slot; end early when told not to continue.

        `grant` is what the messages were claimed under. Where there is none, or it does not reach (slots that
        lapsed behind a slow server), slots are asked for one message at a time.
        """
        if not self._interval:
            yield from messages
            return
        turns = self.turns(grant)
        for message in messages:
            weight = max(1, units(message))
            while True:
                if not may_continue():
                    return
                if (left := turns.wait(weight)) <= 0:
                    break
                sleep(min(left, _ATTENTION))
            turns.take(weight)
            yield message

    def _nothing(self) -> Grant:
        now = monotonic()
        return Grant(0, 0.0, self._interval, now, now)

    def _ask(self, wanted: int, least: int) -> tuple[int, float]:
        micro = 1_000_000
        count, wait = self._script(
            keys=[self._key],
            args=[
                repr(self._interval * micro),
                wanted,
                least,
                int(self._ahead * micro),
                int(_COVER * micro),
                int(_LOST_KEY * micro),
                _HEAVIEST,
                _FORGET,
            ],
        )
        return int(count), int(wait) / micro


@dataclass
class SlotTurns:
    """The slots of a grant one after the other, and further ones where it does not reach."""

    pacing: Pacing
    grant: Grant
    used: int = 0

    def wait(self, weight: int = 1) -> float:
        """Return the seconds until the next `weight` slots, or until asking for some makes sense; 0 or less: now.

        Asks for more only when the slots at hand are used or have lapsed.
        """
        if not self.grant.interval:
            return 0.0
        left = self._left(weight)
        if left is None:
            self.grant, self.used = self.pacing.grant(weight, weight), 0
            left = self._left(weight)
        return max(_SOON, self.grant.opens(0) - monotonic()) if left is None else left

    def take(self, weight: int = 1) -> None:
        """Use the slots that `wait` has just said are there."""
        self.used += weight

    def _left(self, weight: int) -> float | None:
        """Seconds until the next slots of this grant, None when it holds none and another may be asked for."""
        now = monotonic()
        self.used = max(self.used, self.grant.first_valid(now))
        if self.used + weight <= self.grant.count:
            return self.grant.opens(self.used) - now
        refused_for = self.grant.opens(0) - now
        return refused_for if not self.grant.count and refused_for > 0 else None
