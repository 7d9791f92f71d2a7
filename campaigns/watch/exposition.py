"""The figures in Prometheus's words. Names and labels stay: graphs and alert rules (docs/alerts.yml) rely on them."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from campaigns.journal import files
from campaigns.watch.figures import Figures, OfChannel
from campaigns.watch.trouble import troubles


@dataclass(eq=False)
class Station(Collector):
    """One reading. `queued`: tasks in each of Redis's queues, None when it does not answer."""

    figures: Figures
    queued: Mapping[str, int] | None

    def collect(self) -> Iterator[Metric]:
        yield from self._sending()
        yield from self._coming_back()
        yield from self._operation()

    def _sending(self) -> Iterator[Metric]:
        due = _gauge("due", "Messages that are due and may be sent.", "channel", "kind")
        late = _gauge("late_seconds", "For how long the oldest of them could have left.", "channel", "kind")
        tried = _gauge("tried_last_minute", "Attempts of the last minute by outcome.", "channel", "outcome")
        families = {
            "claimed": _gauge("claimed", "Messages in the hands of a process.", "channel"),
            "claim_age_s": _gauge("claim_age_seconds", "Age of the oldest claim in hand.", "channel"),
            "sent": _gauge("sent_last_minute", "Messages that the provider took.", "channel"),
            "failed": _gauge("failed_last_minute", "Messages that it refused for good.", "channel"),
            "rate": _gauge(
                "rate_per_second", "The rate that is set; none is set where it is missing.", "channel"
            ),
            "open": _gauge("circuit_open", "1 while a provider is taken for stopped.", "channel"),
        }
        for channel, of_channel in self.figures.channels.items():
            for kind, waiting in of_channel.due.items():
                due.add_metric([channel, kind], waiting.count)
                late.add_metric([channel, kind], waiting.oldest_s)
            for outcome, count in of_channel.last_minute.items():
                tried.add_metric([channel, outcome], count)
            for name, value in _of(of_channel).items():
                families[name].add_metric([channel], value)
        yield from (due, late, tried, *families.values())

    def _coming_back(self) -> Iterator[Metric]:
        receipts = self.figures.receipts_waiting
        yield _one(
            "receipts_waiting",
            "Reports of providers that are stored and not yet interpreted.",
            receipts.count,
        )
        yield _one("receipts_waiting_seconds", "Age of the oldest of them.", receipts.oldest_s)
        yield _one(
            "doubts", "Texts whose answer was lost and whose provider is being asked.", self.figures.enquiries
        )
        yield _one("held", "Messages that wait for a person.", self.figures.held)

    def _operation(self) -> Iterator[Metric]:
        beats = _gauge(
            "heartbeat_age_seconds", "Seconds since it last happened: tick, watch, backup.", "name"
        )
        for name, age in self.figures.beats.items():
            beats.add_metric([name], age)
        trouble = _gauge("trouble", "1 for what the alarm tells people.", "name")
        for found in troubles(self.figures):
            trouble.add_metric([found.name], 1)
        yield from (beats, trouble)
        yield _one("redis_up", "1 while Redis answers.", self.queued is not None)
        queued = _gauge("queue_length", "Tasks that wait in Redis.", "queue")
        for name, count in (self.queued or {}).items():
            queued.add_metric([name], count)
        yield queued
        yield _one("database_bytes", "Size of the database.", self.figures.database_bytes)
        yield _one("database_sessions", "Connections to the database.", self.figures.sessions)
        yield _one("journals", "Journal files.", len(files(settings.JOURNAL_FOLDER)))
        yield _one("journal_free_bytes", "Room left where the journals are.", journal_room())


def journal_room() -> int:
    """Bytes left on the disk of the journals, which may not have a folder yet."""
    folder = settings.JOURNAL_FOLDER
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _of(channel: OfChannel) -> dict[str, float]:
    rate = {} if channel.rate is None else {"rate": channel.rate}
    return rate | {
        "claimed": channel.claimed,
        "claim_age_s": channel.claim_age_s,
        "sent": channel.accepted,
        "failed": channel.last_minute.get("recipient", 0) + channel.last_minute.get("message", 0),
        "open": float(bool(channel.stopped)),
    }


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"aidstation_{name}", words, labels=labels)


def _one(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"aidstation_{name}", words, value=float(value))
