"""An alert as an invented entrant would get it: to try its words, to count its segments, to test it on the staff."""

import email
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from email.message import EmailMessage
from uuid import uuid4

from django.conf import settings

from campaigns import content, rendering
from campaigns.channels.outcomes import Email, Sms
from campaigns.ledger import Claimed
from campaigns.models import Alert, Release, Step, Version
from campaigns.models.entrants import new_short_code, new_token
from campaigns.models.words import Channel, Purpose, StepKind
from campaigns.preview import TEST_SUBJECT, TEST_TEXT


def sample_message(alert: Alert, version: Version, values: Mapping[str, str]) -> rendering.Message:
    """The message that a press would send on the version's channel, without a press."""
    step = Step(
        campaign=alert.campaign,
        kind=StepKind.ALERT,
        name=f"{alert.name}-sample",
        channel=version.template.channel,
        purpose=Purpose.SERVICE,
        version=version,
        release=Release(values=dict(values)),
    )
    return rendering.message_of(step, Channel(version.template.channel))


def sample_entrant(
    alert: Alert, now: datetime, *, address: str = "you@example.org", name: str = ""
) -> Claimed:
    """An entrant of the event's first race, whose links lead nowhere."""
    race = alert.campaign.event.races.order_by("id").first()
    return Claimed(
        delivery=0,
        claim=0,
        carrier=0,
        token=uuid4(),
        message_id=f"{uuid4().hex}@{settings.MESSAGE_ID_DOMAIN}",
        attempts=0,
        due_at=now,
        latest_at=now + alert.expires,
        entrant=0,
        address=address,
        first_name=name,
        bib="12345",
        entrant_token=new_token(),
        short_code=new_short_code(),
        race_name=race.name if race else "Half Marathon",
        race_start=race.start if race else time.min,
        wave_name="",
        wave_start=None,
    )


def sample(message: rendering.Message, alert: Alert, now: datetime) -> Email | Sms:
    """What such an entrant would get. Raises ContentError."""
    group = [sample_entrant(alert, now)]
    return message.finished_email(group, now) if message.email else message.finished_sms(group, now)


def as_test(
    message: rendering.Message, alert: Alert, now: datetime, *, address: str, name: str
) -> Email | Sms:
    """The same for one of the staff, marked as a test. Raises ContentError."""
    tester = sample_entrant(alert, now, address=address, name=name)
    if message.email is None:
        text = message.finished_sms([tester], now)
        return replace(text, body=f"{TEST_TEXT}{text.body}", status_callback="")
    pieces = message.pieces([tester], now)
    return message.mail(replace(pieces, subject=f"{TEST_SUBJECT}{pieces.subject}"), [tester], now)


@dataclass(frozen=True)
class Shown:
    """An alert's words on one channel, to be read before they are armed or sent. `segments` is of a text."""

    channel: Channel
    subject: str
    words: str
    segments: content.Segments | None


def shown(alert: Alert, version: Version, values: Mapping[str, str], now: datetime) -> Shown:
    """What the invented entrant would read; what nobody has typed in has its example. Raises ContentError."""
    examples = {name: content.PLACEHOLDERS[name].example for name in content.TYPED}
    finished = sample(sample_message(alert, version, examples | dict(values)), alert, now)
    if isinstance(finished, Sms):
        return Shown(Channel.SMS, "", finished.body, content.segments(finished.body))
    mail = email.message_from_bytes(finished.data, policy=email.policy.default)
    plain = mail.get_body(("plain",))
    words = str(plain.get_content()) if isinstance(plain, EmailMessage) else ""
    return Shown(Channel.EMAIL, str(mail["Subject"]), words, None)
