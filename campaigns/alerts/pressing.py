"""Pressing: an armed alert becomes two steps of its own, opened at once; a repeated press is the same press."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models import Max

from campaigns import clock, ledger
from campaigns.alerts.arming import AlertError, Arming, arming, asks_for, locked_alert, typed
from campaigns.alerts.sending_time import Sending, per, sendings
from campaigns.models import Alert, Outbox, Release, Step, Version
from campaigns.models.words import Channel, LateEntrants, Purpose, StepKind, StepState

SAME_PRESS = timedelta(seconds=60)
"""So soon after a press another with the same values is the same, by whoever: two people press in one alarm."""

UNDER_WAY = timedelta(minutes=10)
"""And so long after it while its messages still leave."""

OPENING_TAKES = 30.0
"""Seconds after which a press leaves the rest of its opening to the tick."""


class NobodyReached(AlertError):
    """The press was heard, and nobody gets anything."""


@dataclass(frozen=True)
class Pressed:
    """What a press came to. `repeated`: it was the same as an earlier one, and nothing new was sent."""

    release: Release
    repeated: bool
    sendings: list[Sending]


def press(
    alert: Alert,
    who: str,
    *,
    name_typed: str,
    values: Mapping[str, str],
    expires: timedelta | None,
    token: str,
    wake: Callable[[Channel], None],
) -> Pressed:
    """Sends an armed alert to everyone confirmed, by each of its channels, and returns when all is in the queue.

    `name_typed` must be the alert's name; `values` add to those that were armed, or replace them; `expires` stands in
    for the plan's; a second press with the same `token` is the same press. `wake` is called with a channel as soon as
    it has something to send; without it the next tick finds it. Raises AlertError, and NobodyReached.
    """
    if name_typed != alert.name:
        raise AlertError(f"Type the alert's name to send it: '{alert.name}', not '{name_typed}'.")
    release, repeated = _pressed(alert, who, values, expires, token)
    if not repeated:
        _open(release, wake)
    return Pressed(release, repeated, _counted(release))


@transaction.atomic
def _pressed(
    alert: Alert, who: str, values: Mapping[str, str], expires: timedelta | None, token: str
) -> tuple[Release, bool]:
    locked, now = locked_alert(alert), clock.now()
    given = locked.values | typed(locked, values)
    if same := _same_press(locked, given, token, now):
        return same, True
    _refuse_unready(locked, given)
    number = locked.releases.aggregate(last=Max("number"))["last"] or 0
    release = Release.objects.create(
        alert=locked,
        number=number + 1,
        token=token or uuid4().hex,
        values=given,
        expires=expires or locked.expires,
        pressed_at=now,
        pressed_by=who,
        armed_by=locked.armed_by,
        confirmed_by=locked.confirmed_by,
    )
    for channel, version in armed_versions(locked).items():
        _make_step(release, channel, version)
    return release, False


def _same_press(alert: Alert, values: dict[str, str], token: str, now: datetime) -> Release | None:
    releases = alert.releases.order_by("-number")
    if token and (known := releases.filter(token=token).first()):
        return known
    last = releases.first()
    if last is None or last.values != values or now - last.pressed_at > UNDER_WAY:
        return None
    leaving = Outbox.objects.filter(step__release=last).exists()
    return last if leaving or now - last.pressed_at <= SAME_PRESS else None


def _refuse_unready(alert: Alert, values: Mapping[str, str]) -> None:
    state = arming(alert)
    if state == Arming.OFF:
        raise AlertError(f"The plan has no alert '{alert.name}' any more: load one that has.")
    if state == Arming.UNARMED:
        edited = " since its words were edited" if alert.armed_by else ""
        raise AlertError(
            f"'{alert.name}' is not armed{edited}: two people arm it with `aidstation alert arm`."
        )
    if state == Arming.CONFIRMING:
        raise AlertError(f"'{alert.name}' was armed by {alert.armed_by} alone: a second person confirms it.")
    if missing := [name for name in asks_for(alert) if name not in values]:
        raise AlertError(f"'{alert.name}' needs {', '.join(missing)}: give it as --set {missing[0]}=….")


def armed_versions(alert: Alert) -> dict[Channel, Version]:
    """The very words that were armed, by channel."""
    versions = {Channel.EMAIL: alert.email_version, Channel.SMS: alert.sms_version}
    return {channel: version for channel, version in versions.items() if version}


def _make_step(release: Release, channel: Channel, version: Version) -> None:
    campaign = release.alert.campaign
    last = campaign.steps.aggregate(last=Max("position"))["last"] or 0
    Step.objects.create(
        campaign=campaign,
        kind=StepKind.ALERT,
        name=f"{release}-{channel}",
        position=last + 1,
        channel=channel,
        template=version.template,
        audience="all",
        purpose=Purpose.SERVICE,
        latest=release.expires,
        late_entrants=LateEntrants.SEND,
        per=per(version),
        state=StepState.APPROVED,
        content_hash=release.alert.armed_hash,
        approved_hash=release.alert.armed_hash,
        approved_date=campaign.event.date,
        approved_by=release.pressed_by,
        approved_at=release.pressed_at,
        version=version,
        release=release,
    )


def _open(release: Release, wake: Callable[[Channel], None]) -> None:
    """Opens each channel chunk by chunk, in turn; what another opens, or is not done in time, is the tick's.

    Drains are woken when each channel has its first chunk: a broker that is away would hold up the second channel.
    """
    end = time.monotonic() + OPENING_TAKES
    waiting, opened = list(release.steps.order_by("position")), set[Channel]()
    while waiting and time.monotonic() < end:
        first_round = {Channel(step.channel) for step in waiting if _opened_rows(step)} - opened
        for channel in sorted(first_round):
            wake(channel)
        opened |= first_round
        done = release.steps.filter(opened_revision__isnull=False).values_list("id", flat=True)
        waiting = [step for step in waiting if step.id not in set(done)]
    if not opened and not waiting and not release.steps.filter(deliveries__isnull=False).exists():
        release.delete()  # nothing stays behind that a second press could be taken for
        raise NobodyReached(
            f"'{release.alert.name}' was sent to nobody: the event has no confirmed entrants."
        )


def _opened_rows(step: Step) -> int:
    """Opens the next chunk of a step; 0 when another opens it at this moment."""
    chunk = ledger.open_chunk(step.id, clock.now())
    if chunk is None:
        time.sleep(0.05)
        return 0
    return chunk.rows


def _counted(release: Release) -> list[Sending]:
    versions = {
        Channel(step.channel): step.version for step in release.steps.select_related("version__template")
    }
    found = sendings(
        release.alert,
        {channel: version for channel, version in versions.items() if version},
        release.values,
        release,
    )
    if not any(sending.messages for sending in found):
        raise NobodyReached(f"{release} reaches nobody: {_why(found)}.")
    return found


def _why(found: list[Sending]) -> str:
    return "; ".join(
        f"{sending.channel} {reason.replace('_', ' ')} {count:,}"
        for sending in found
        for reason, count in sending.left_out.items()
    )
