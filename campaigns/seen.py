"""A message as somebody would see it, in plain values: the same for a page and for a command."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from campaigns import clock, content
from campaigns import preview as previews
from campaigns.alerts.sample import sample_entrant
from campaigns.channels.outcomes import Email, Sms
from campaigns.models import Alert, Campaign, Entrant, Release, Step, Template, Version
from campaigns.models.words import Channel, Purpose, Reason, StepKind
from campaigns.preview import Preview
from campaigns.said import moment, reason, topic

SAMPLE = "sample"
"""The verdict where there is no planned step, or nobody who has entered: nobody can say who would get it."""

INVENTED_NAME = "Zoë"


def look(version: Version, entrant: Entrant | None) -> Preview:
    """The message of this version, stored or not, as `entrant` would get it.

    What no planned step uses is shown with the moment now; what an alert's sender types in has its example.
    Raises PreviewError with the compiler's own words.
    """
    return at_step(version, previews.step_of(version.template), entrant)


def at_step(version: Version, step: Step | None, entrant: Entrant | None) -> Preview:
    """The same for who knows already which step of the plan uses the message, if one does. Raises PreviewError."""
    if entrant is not None and step is not None:
        return previews.of_step(version, step, entrant)
    return _sample(version, step, entrant)


def _sample(version: Version, step: Step | None, entrant: Entrant | None) -> Preview:
    now = clock.now()
    alert = _alert_with(version.template)
    step = step or Step(
        campaign=alert.campaign,
        kind=StepKind.ALERT,
        name=alert.name,
        channel=version.template.channel,
        purpose=Purpose.SERVICE,
        release=Release(values=_typed() | dict(alert.values)),
    )
    reader = sample_entrant(alert, now, name=entrant.first_name if entrant else INVENTED_NAME)
    if entrant is not None:
        reader = replace(reader, bib=entrant.bib, race_name=entrant.race.name, race_start=entrant.race.start)
    return previews.finished(version, step, [reader], verdict=SAMPLE, leaves_at=now)


def _alert_with(template: Template) -> Alert:
    """The alert that uses the message, or one made up for a message that nothing uses yet."""
    used = Alert.objects.filter(Q(email_template=template) | Q(sms_template=template))
    found = used.select_related("campaign__event__organiser").first()
    if found:
        return found
    campaign = Campaign.objects.select_related("event__organiser").filter(event=template.event_id).first()
    return Alert(
        campaign=campaign or Campaign(event=template.event), name=template.name, expires=timedelta(hours=3)
    )


def _typed() -> dict[str, str]:
    return {name: content.PLACEHOLDERS[name].example for name in content.TYPED}


def is_email(found: Preview) -> bool:
    return found.version.template.channel == Channel.EMAIL


def words(found: Preview) -> dict[str, Any]:
    """What the reader sees: headers, subject, text, html and bytes of an email; text, segments and cost of a text."""
    return _email(found) if is_email(found) else _text(found)


def _email(found: Preview) -> dict[str, Any]:
    assert isinstance(found.message, Email)
    headers = {header: str(value) for header, value in found.parsed.items()}
    return {
        "headers": headers,
        "subject": headers["Subject"],
        "text": found.part("plain"),
        "html": found.part("html"),
        "bytes": len(found.message.data),
    }


def _text(found: Preview) -> dict[str, Any]:
    assert isinstance(found.message, Sms)
    assert found.maker.sms is not None
    seen = found.maker.sms.look(found.maker.values(found.group, found.leaves_at))
    segments = seen.segments
    return {
        "sender": settings.TWILIO_FROM or settings.TWILIO_MESSAGING_SERVICE_SID or "(no sender set)",
        "to": found.message.to,
        "text": found.message.body,
        "segments": segments.count,
        "encoding": segments.encoding,
        "units": segments.units,
        "notices": list(seen.notices),
        "cost": None if settings.SMS_PRICE is None else str(settings.SMS_PRICE * segments.count),
    }


def sentence(found: Preview) -> str:
    """Who, when, and whether the claim would let it go."""
    zone = found.step.campaign.event.zone
    names = " and ".join(dict.fromkeys(row.first_name for row in found.group)) or "this entrant"
    leaves = moment(found.leaves_at, zone)
    if found.verdict == SAMPLE:
        return f"An example, as {names} would read it."
    if found.verdict in ("eligible", "quiet"):
        return f"{names}: “{topic(found.step.name)}” leaves on {leaves}."
    if found.verdict == "email":
        return (
            f"{names} would get the email of “{topic(found.step.name)}” instead: there is no usable mobile."
        )
    return f"{names} would not get “{topic(found.step.name)}” on {leaves} ({_why_not(found)}). It would read:"


def _why_not(found: Preview) -> str:
    if found.verdict == Reason.NOT_IN_AUDIENCE:
        return "not in its audience"
    return reason(found.verdict, found.step.channel, found.step.purpose).replace("_", " ")
