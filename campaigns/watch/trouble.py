"""What of the figures is worth waking a person for, each as one sentence with its cure. Pure."""

from dataclasses import dataclass

from campaigns.watch import heartbeat
from campaigns.watch.figures import ALERTS, Figures, OfChannel

CLOCK_STOPPED = 60.0
"""Seconds without a tick after which the clock is taken for dead; it ticks every second."""

STUCK = 300.0
"""Seconds that a message may be due before somebody is told, unless others of its channel still leave: a send of
five thousand texts at ten a second is late by design and is not stuck."""

ALERT_STUCK = 30.0
"""The same for an alert, which people wait for."""

PROVIDER_STOPPED = 60.0
"""Seconds that a circuit may be open before somebody is told: a mail server that restarts is back by then."""


@dataclass(frozen=True)
class Trouble:
    """`name` stays the same while the trouble lasts; `words` say what is wrong and what to do."""

    name: str
    words: str


NO_DATABASE = Trouble(
    "database",
    "Postgres does not answer, so nothing can be sent: see that it runs, then look at `aidstation check --deploy`.",
)


def troubles(figures: Figures) -> list[Trouble]:
    """All that is wrong now, the gravest first."""
    found = [*_clock(figures.beats)]
    for channel, of_channel in figures.channels.items():
        found += _channel(channel, of_channel)
    return found


def _clock(beats: dict[str, float]) -> list[Trouble]:
    age = beats.get(heartbeat.TICK)
    if age is not None and age <= CLOCK_STOPPED:
        return []
    since = "has never ticked" if age is None else f"has not ticked for {age:,.0f} s"
    return [
        Trouble(
            "clock",
            f"The clock {since}: nothing new becomes due. See that the scheduler, the clock's worker and Redis run "
            "(services scheduler, worker-clock and redis, or `aidstation run`).",
        )
    ]


def _channel(name: str, channel: OfChannel) -> list[Trouble]:
    found = []
    if channel.stopped and channel.stopped_s > PROVIDER_STOPPED:
        found.append(
            Trouble(
                f"{name}-stopped",
                f"Sending by {name} has stopped {channel.stopped_s / 60:,.0f} min ago: {channel.stopped} "
                "It goes on by itself once a message gets through.",
            )
        )
    alerts = channel.due[ALERTS]
    if alerts.count and alerts.oldest_s > ALERT_STUCK and not channel.accepted:
        found.append(
            Trouble(
                f"{name}-alert",
                f"AN ALERT WAITS: {alerts.count:,} messages by {name} have not left for {alerts.oldest_s:,.0f} s. "
                "See to the provider, or tell people another way.",
            )
        )
    if channel.late_s > STUCK and not channel.accepted:
        found.append(
            Trouble(
                f"{name}-late",
                f"{channel.all_due:,} messages by {name} are due, the oldest for {channel.late_s / 60:,.0f} min, and "
                f"none left in the last minute: see that the worker for {name} runs and what it logs.",
            )
        )
    return found
