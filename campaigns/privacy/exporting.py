"""All that is known of one person, as a zip for them: facts as JSON, and each message as it was sent."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.db import models

from campaigns import content, ledger, rendering
from campaigns.models import (
    Attempt,
    Consent,
    ConsentEvent,
    Delivery,
    Enquiry,
    Entrant,
    Guardian,
    InboundText,
    Outbox,
    Receipt,
    Step,
    Suppression,
)
from campaigns.models.words import Channel

_INTERNAL = {"identity", "email_hash", "mobile_hash", "address_hash", "number_hash", "body_hash"}
"""Keyed hashes say nothing to anybody without the key."""


def export(entrant: Entrant) -> bytes:
    """The zip: `entrant.json`, and a file in `messages/` for each message that went out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "entrant.json", json.dumps(facts(entrant), ensure_ascii=False, indent=2, default=_plain)
        )
        for name, body in _messages(entrant):
            archive.writestr(f"messages/{name}", body)
    return out.getvalue()


def facts(entrant: Entrant) -> dict[str, Any]:
    """What each table holds of this person."""
    deliveries = Delivery.objects.filter(entrant=entrant).order_by("id")
    return {
        "event": entrant.event.name,
        "race": entrant.race.name,
        "wave": entrant.wave.name if entrant.wave else "",
        "entrant": _row(entrant),
        "guardian": [_row(row) for row in Guardian.objects.filter(entrant=entrant)],
        "consents": [_row(row) for row in Consent.objects.filter(entrant=entrant).order_by("id")],
        "consent_story": [_row(row) for row in ConsentEvent.objects.filter(entrant=entrant).order_by("id")],
        "texts_from_them": [_row(row) for row in InboundText.objects.filter(entrant=entrant).order_by("id")],
        "closed_addresses": [_row(row) for row in _closed(entrant)],
        "deliveries": [
            {
                **_row(row),
                "step": row.step.name,
                "tries": [_row(each) for each in _tries(row)],
                "reports": [_row(each) for each in _reports(row)],
                "waiting": [_row(each) for each in Outbox.objects.filter(delivery=row)],
                "asked_for": [_row(each) for each in Enquiry.objects.filter(delivery=row)],
            }
            for row in deliveries.select_related("step")
        ],
    }


def _tries(delivery: Delivery) -> models.QuerySet[Attempt]:
    return Attempt.objects.filter(delivery=delivery).order_by("number")


def _reports(delivery: Delivery) -> models.QuerySet[Receipt]:
    """What providers reported of it. Served by receipts_once."""
    return Receipt.objects.filter(delivery=delivery.pk).order_by("id")


def _closed(entrant: Entrant) -> models.QuerySet[Suppression]:
    hashes = models.Q(channel=Channel.EMAIL, address_hash=entrant.email_hash or b"") | models.Q(
        channel=Channel.SMS, address_hash=entrant.mobile_hash or b""
    )
    return Suppression.objects.filter(hashes, organiser=entrant.event.organiser).order_by("id")


def _row(row: models.Model) -> dict[str, Any]:
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in _INTERNAL
    }


def _messages(entrant: Entrant) -> Iterator[tuple[str, str]]:
    """Filled again as they were sent; one that cannot be any more is left out."""
    rows = Delivery.objects.filter(entrant=entrant, sent_at__isnull=False, version__isnull=False).order_by(
        "id"
    )
    for row in rows:
        sent = ledger.sent_message(row.token)
        if sent is None:
            continue
        step = Step.objects.select_related("campaign__event__organiser").get(id=sent.step_id)
        channel = Channel(row.channel)
        message = rendering.message_of(step, channel, sent.version_id)
        try:
            yield _filled(message, sent, f"{sent.sent_at:%Y-%m-%d}-{step.name}".replace("#", "-"))
        except content.ContentError:
            continue


def _filled(message: rendering.Message, sent: ledger.Sent, name: str) -> tuple[str, str]:
    values = message.values(sent.group, sent.sent_at)
    if message.email is not None:
        return f"{name}.html", message.email.render(values).html
    assert message.sms is not None
    return f"{name}.txt", message.sms.render(values)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
