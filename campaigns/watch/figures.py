"""The figures of this moment, in one short set of queries: what waits, what is in hand, what went out last minute.

Cheap at any size: nothing of it reads more than the queue and the last minute's attempts.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection

from campaigns import clock
from campaigns.drain import LEASE
from campaigns.ledger import gate
from campaigns.models.words import Channel
from campaigns.watch import heartbeat

ALERTS, PLANNED = "alerts", "planned"


@dataclass(frozen=True)
class Waiting:
    """What is due and may be sent; `oldest_s`: for how many seconds the first of it could have left."""

    count: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True)
class OfChannel:
    """One channel. `claim_age_s`: seconds since the oldest claim that is still in hand; `last_minute`: attempts by
    outcome; `stopped`: why its provider is taken for stopped, and since how many seconds."""

    due: dict[str, Waiting]
    claimed: int
    claim_age_s: float
    last_minute: dict[str, int]
    stopped: str
    stopped_s: float
    rate: float | None

    @property
    def all_due(self) -> int:
        return sum(waiting.count for waiting in self.due.values())

    @property
    def late_s(self) -> float:
        """Seconds for which the longest waiting could have left; what is paused or held back waits for nobody."""
        return max(waiting.oldest_s for waiting in self.due.values())

    @property
    def accepted(self) -> int:
        """Messages that the provider took in the last minute."""
        return self.last_minute.get("accepted", 0)


@dataclass(frozen=True)
class Figures:
    """Everything that is watched; ages are in seconds."""

    channels: dict[str, OfChannel]
    beats: dict[str, float]
    receipts_waiting: Waiting
    enquiries: int
    held: int
    database_bytes: int
    sessions: int
    at: datetime = field(default_factory=clock.now)


def read() -> Figures:
    """Raises django.db.Error when Postgres does not answer."""
    now = clock.now()
    receipts, enquiries, held, size, sessions = _once(now)
    return Figures(_channels(now), heartbeat.ages(), receipts, enquiries, held, size, sessions, now)


def latest_s() -> float:
    """Seconds for which the longest waiting message of any channel could have left; 0 when none waits."""
    return max((waiting.oldest_s for waiting in _due(clock.now()).values()), default=0.0)


def _channels(now: datetime) -> dict[str, OfChannel]:
    due, claimed, tried, stopped = _due(now), _claimed(), _last_minute(now), _stopped(now)
    rates = {Channel.EMAIL: settings.EMAIL_RATE, Channel.SMS: settings.SMS_RATE}
    return {
        channel.value: OfChannel(
            due={kind: due.get((channel, kind), Waiting()) for kind in (ALERTS, PLANNED)},
            claimed=claimed.get(channel, (0, 0.0))[0],
            claim_age_s=claimed.get(channel, (0, 0.0))[1],
            last_minute=tried.get(channel, {}),
            stopped=stopped.get(channel, ("", 0.0))[0],
            stopped_s=stopped.get(channel, ("", 0.0))[1],
            rate=rates[channel],
        )
        for channel in Channel
    }


def _due(now: datetime) -> dict[tuple[str, str], Waiting]:
    """By outbox_waiting, for each step that may send: rows of paused and stopped campaigns are not looked at."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT w.channel, CASE s.kind WHEN 'alert' THEN '{ALERTS}' ELSE '{PLANNED}' END AS kind,
                sum(w.due), extract(epoch FROM %(now)s - min({gate.could_leave("w.oldest")}))::float8
            FROM {gate.STEPS} CROSS JOIN unnest(%(channels)s::text[]) AS ch (channel)
            CROSS JOIN LATERAL (
                SELECT ch.channel, count(*) AS due, min(o.due_at) AS oldest FROM outbox o
                WHERE o.channel = ch.channel AND o.step_id = s.id AND o.lease_until IS NULL AND o.due_at <= %(now)s
            ) w
            WHERE {gate.MAY_SEND} AND w.due > 0 GROUP BY 1, 2""",
            {"now": now, "channels": list(Channel.values)},
        )
        return {(row[0], row[1]): Waiting(int(row[2]), max(0.0, row[3])) for row in cursor.fetchall()}


def _claimed() -> dict[str, tuple[int, float]]:
    """By outbox_leased. A claim's age follows from its lease, which is by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT channel, count(*),
                extract(epoch FROM clock_timestamp() + make_interval(secs => %s) - min(lease_until))::float8
            FROM outbox WHERE lease_until IS NOT NULL GROUP BY channel""",
            [LEASE.total_seconds()],
        )
        return {row[0]: (row[1], max(0.0, row[2])) for row in cursor.fetchall()}


def _last_minute(now: datetime) -> dict[str, dict[str, int]]:
    """By the attempts' key, from its end back to the first that is older than a minute."""
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT channel, outcome, count(*) FROM attempts
            WHERE id > COALESCE((SELECT id FROM attempts WHERE at <= %(since)s::timestamptz - INTERVAL '1 minute'
                ORDER BY id DESC LIMIT 1), 0)
            GROUP BY channel, outcome""",
            {"since": now},
        )
        for channel, outcome, count in cursor.fetchall():
            found.setdefault(channel, {})[outcome] = count
    return found


def _stopped(now: datetime) -> dict[str, tuple[str, float]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT channel, reason, extract(epoch FROM %s - opened_at)::float8 FROM circuits
            WHERE opened_at IS NOT NULL""",
            [now],
        )
        return {row[0]: (row[1], max(0.0, row[2])) for row in cursor.fetchall()}


def _once(now: datetime) -> tuple[Waiting, int, int, int, int]:
    """By receipts_waiting, the small table of enquiries, and deliveries_held."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.waiting, COALESCE(extract(epoch FROM %s - r.oldest), 0)::float8,
                (SELECT count(*) FROM enquiries WHERE ref = ''),
                (SELECT count(*) FROM deliveries WHERE held_revision IS NOT NULL),
                pg_database_size(current_database()),
                (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
            FROM (SELECT count(*) AS waiting, min(received_at) AS oldest FROM receipts
                WHERE interpreted_at IS NULL) r""",
            [now],
        )
        waiting, oldest, *rest = cursor.fetchone()
    enquiries, held, size, sessions = rest
    return Waiting(waiting, max(0.0, oldest)), enquiries, held, size, sessions
