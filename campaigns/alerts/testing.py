"""Testing: an alert as it stands to the event's staff, marked as a test. Nothing of it is in the ledger."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from campaigns import clock, content, providers
from campaigns.alerts.arming import AlertError, newest, refuse_unrenderable, typed
from campaigns.alerts.sample import as_test, sample_message
from campaigns.channels.outcomes import ChannelDown, Email, Kind, Outcome, Sms
from campaigns.drain import shared_pacing, units
from campaigns.models import Alert, StaffContact, Version
from campaigns.models.words import Channel

LONGEST = 60.0
"""Seconds: a test that a stopped provider or a full rate delays for longer has failed."""


@dataclass(frozen=True)
class Tested:
    """What became of one test message; `problem` is empty when the provider took it."""

    name: str
    channel: Channel
    problem: str


def send_test(alert: Alert, values: Mapping[str, str]) -> list[Tested]:
    """Sends the alert's words of now to each of the event's staff, by email and text. Raises AlertError.

    What nobody has typed in yet has its example, so that a test is possible before anything is armed.
    """
    staff = list(alert.campaign.event.staff.all())
    if not staff:
        raise AlertError(
            f"There is nobody to test on: `aidstation event staff add {alert.campaign.event.slug}` names people."
        )
    versions = newest(alert)
    shown = {name: content.PLACEHOLDERS[name].example for name in content.TYPED}
    shown |= alert.values | typed(alert, values)
    refuse_unrenderable(alert, versions, shown)
    results = [
        tested
        for channel, version in versions.items()
        for tested in _by_channel(channel, _marked(alert, version, shown, staff), staff)
    ]
    if any(not tested.problem for tested in results):
        Alert.objects.filter(id=alert.id).update(tested_at=clock.now())
    return results


def _marked(
    alert: Alert, version: Version, values: Mapping[str, str], staff: Iterable[StaffContact]
) -> list[Email | Sms]:
    """A message for each contact who has an address on this channel, numbered as the contact is."""
    message = sample_message(alert, version, values)
    found = []
    for contact in staff:
        address = contact.email if message.channel == Channel.EMAIL else contact.mobile
        if address:
            made = as_test(message, alert, clock.now(), address=address, name=contact.name)
            found.append(replace(made, key=contact.id))
    return found


def _by_channel(channel: Channel, messages: list[Email | Sms], staff: Iterable[StaffContact]) -> list[Tested]:
    names = {contact.id: contact.name for contact in staff}
    return [Tested(names[key], channel, problem) for key, problem in handed_over(channel, messages).items()]


def handed_over(channel: Channel, messages: list[Email | Sms]) -> dict[int, str]:
    """Hands messages to the staff over at once; what became of each by its key, '' where the provider took it."""
    problems = {message.key: "it was not sent in time" for message in messages}
    for outcome in _carried(channel, messages):
        problems[outcome.key] = "" if outcome.kind == Kind.ACCEPTED else outcome.detail or outcome.code
    return problems


def _carried(channel: Channel, messages: list[Email | Sms]) -> list[Outcome]:
    if not messages:
        return []
    if problem := providers.problem(channel):
        return [Outcome(message.key, Kind.POLICY, detail=problem) for message in messages]
    end = time.monotonic() + LONGEST
    pacing = shared_pacing(channel, urgent=True)
    in_turn = pacing.in_turn(messages, units, lambda: time.monotonic() < end)
    carrier = providers.email() if channel == Channel.EMAIL else providers.sms()
    outcomes: list[Outcome] = []
    try:
        outcomes.extend(carrier.send(in_turn, lambda: time.monotonic() < end))  # type: ignore[arg-type]
    except ChannelDown as down:
        done = {outcome.key for outcome in outcomes}
        outcomes += [
            Outcome(message.key, down.kind, down.code, down.detail)
            for message in messages
            if message.key not in done
        ]
    finally:
        carrier.close()
    return outcomes
