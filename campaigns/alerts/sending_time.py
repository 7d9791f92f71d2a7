"""How many get an alert on each channel, and how long that honestly takes at the rate that the provider allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from campaigns import clock, content, ledger, rendering
from campaigns.alerts.sample import sample, sample_message
from campaigns.channels.outcomes import Sms
from campaigns.models import Alert, AlertReach, Outbox, Release, Version
from campaigns.models.words import Channel, Per, StepKind

OWN_FACTS = frozenset(
    {"first_name", "race_name", "start_time", "wave", "pen_close", "bib", "arrive_by", "warmup_time"}
)
"""Placeholders that differ within a family: with one of them everyone gets a message of their own."""


@dataclass(frozen=True)
class Sending:
    """One channel of an alert. `seconds` is None where nothing but the provider's own speed limits it."""

    channel: Channel
    entrants: int
    messages: int
    segments: int
    ahead: int
    rate: float | None
    left_out: Mapping[str, int]

    @property
    def cost(self) -> Decimal | None:
        """Of its texts, in the currency of SMS_PRICE; None where no price is set, or for emails."""
        if self.channel == Channel.EMAIL or settings.SMS_PRICE is None:
            return None
        return Decimal(settings.SMS_PRICE * self.messages * self.segments)

    @property
    def seconds(self) -> float | None:
        """From the press until the last one is handed over, with the alerts that stand before it."""
        return (self.ahead + self.messages) * self.segments / self.rate if self.rate else None

    def __str__(self) -> str:
        """ "5,000 texts at 10 a second: 8 minutes"."""
        kind = "email" if self.channel == Channel.EMAIL else "text"
        words = f"{self.messages:,} {kind}{'' if self.messages == 1 else 's'}"
        if self.segments > 1:
            words += f", each at the price of {self.segments}"
        if self.ahead:
            words += f", after {self.ahead:,} of other alerts"
        if self.rate is None or self.seconds is None:
            return f"{words}, as fast as the provider takes them"
        return f"{words} at {self.rate / self.segments:.3g} a second: {_duration(self.seconds)}"


def sendings(
    alert: Alert,
    versions: Mapping[Channel, Version],
    values: Mapping[str, str],
    release: Release | None = None,
    known: Mapping[Channel, AlertReach] | None = None,
) -> list[Sending]:
    """What a press now would send (or, of a `release`, what was opened), channel by channel.

    Everyone is counted for it, unless `known` counts are good enough.
    """
    return [
        _sending(
            alert,
            channel,
            version,
            values,
            release,
            known[channel] if known else ledger.reach(alert.campaign.event, channel, clock.now()),
        )
        for channel, version in versions.items()
    ]


def per(version: Version) -> Per:
    """Whether a family on one address shares this message: by its own words, as no layout holds one of these facts."""
    return Per.ENTRANT if rendering.outline_of(version.id).placeholders & OWN_FACTS else Per.ADDRESS


def _sending(
    alert: Alert,
    channel: Channel,
    version: Version,
    values: Mapping[str, str],
    release: Release | None,
    reach: ledger.Reach | AlertReach,
) -> Sending:
    examples = {name: content.PLACEHOLDERS[name].example for name in content.TYPED}
    message = sample_message(alert, version, examples | dict(values))
    waiting = Outbox.objects.filter(channel=channel, step__kind=StepKind.ALERT)
    return Sending(
        channel=channel,
        entrants=reach.entrants,
        messages=reach.addresses if per(version) == Per.ADDRESS else reach.entrants,
        segments=_segments(message, alert),
        ahead=(waiting.exclude(step__release=release) if release else waiting).count(),
        rate=settings.EMAIL_RATE if channel == Channel.EMAIL else settings.SMS_RATE,
        left_out=reach.left_out,
    )


def _segments(message: rendering.Message, alert: Alert) -> int:
    """Of one text; an email is one message, and is not made to find that out."""
    if message.sms is None:
        return 1
    finished = sample(message, alert, clock.now())
    assert isinstance(finished, Sms)
    return content.segments(finished.body).count


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} second{'' if round(seconds) <= 1 else 's'}"
    return f"{round(seconds / 60):,} minutes"
