"""The circuit of each provider: open after a refusal that concerns everyone, closed by one message that gets through.

Its state is in Postgres, so that all workers and the pages see the same.
"""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import connection
from django.db.models import Q

from campaigns.channels.outcomes import Kind, Outcome
from campaigns.models import Circuit
from campaigns.models.words import Channel

logger = logging.getLogger(__name__)

PROBE_EVERY = {"policy": timedelta(seconds=60), "transient": timedelta(seconds=5)}
"""A wrong password waits for a person; a mail server that does not answer is often back in seconds."""

ALERT_KNOCKS_EVERY = timedelta(seconds=3)
"""How often an alert tries a provider that is taken for stopped."""


class UnknownRefusals:
    """Refusals of no known meaning, as one process meets them: final for one person, but many are the provider's."""

    IN_A_ROW, OF_FIFTY = 5, 5

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=50)

    def too_many(self, outcome: Outcome) -> bool:
        """Counts an outcome; True at five such refusals in a row, or more than a tenth of fifty outcomes."""
        self._last.append(outcome.kind == Kind.RECIPIENT and not outcome.recognised)
        row = list(self._last)[-self.IN_A_ROW :]
        if row != [True] * self.IN_A_ROW and sum(self._last) <= self.OF_FIFTY:
            return False
        self._last.clear()
        return True


@dataclass(frozen=True)
class Allowance:
    """How much may be claimed now: everything, one message as a probe, or nothing."""

    limit: int | None
    turn: Literal["probe_at", "alert_knocks_at"] = "probe_at"
    """Which of the circuit's times was moved on for it."""

    @property
    def nothing(self) -> bool:
        return self.limit == 0


def allowance(channel: Channel, now: datetime) -> Allowance:
    """What the circuit lets through. Of several drains that ask for the probe, one gets it."""
    circuit = Circuit.objects.get(channel=channel)
    if circuit.opened_at is None:
        return Allowance(None)
    won = Circuit.objects.filter(channel=channel, probe_at__lte=now).update(
        probe_at=now + timedelta(seconds=60)
    )
    return Allowance(1 if won else 0)


def alert_allowance(channel: Channel, now: datetime) -> Allowance:
    """What the circuit lets through of an alert, which waits for nobody's probe and is nobody's probe.

    While the circuit is open one message of it knocks every few seconds. It is not spent by that: what the provider
    refuses for a reason that concerns everyone, or never takes, is due again and has used no attempt. Were alerts
    to wait for an ordinary message, a quiet morning would have none, and the alert would never leave.
    """
    circuit = Circuit.objects.get(channel=channel)
    if circuit.opened_at is None:
        return Allowance(None)
    won = Circuit.objects.filter(
        Q(alert_knocks_at=None) | Q(alert_knocks_at__lte=now), channel=channel
    ).update(alert_knocks_at=now + ALERT_KNOCKS_EVERY)
    return Allowance(1 if won else 0, "alert_knocks_at")


def unused(channel: Channel, allowed: Allowance, now: datetime) -> None:
    """Gives a probe back that found nobody to send to: those who may not be written to prove nothing."""
    if allowed.limit:
        Circuit.objects.filter(channel=channel, opened_at__isnull=False).update(**{allowed.turn: now})


def opened(channel: Channel, kind: str, reason: str, now: datetime) -> None:
    """Opens the circuit, or leaves it open and sets when to probe next. `reason` is in words, without addresses."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE circuits SET opened_at = COALESCE(opened_at, %s), probe_at = %s, reason = %s WHERE channel = %s",
            [now, now + PROBE_EVERY[kind], reason, channel],
        )
    logger.warning("provider stopped", extra={"channel": str(channel), "kind": str(kind), "reason": reason})


def closed(channel: Channel) -> None:
    """A message got through: everything may go again."""
    if Circuit.objects.filter(channel=channel, opened_at__isnull=False).update(
        opened_at=None, probe_at=None, alert_knocks_at=None, reason=""
    ):
        logger.info("provider goes on", extra={"channel": str(channel)})
