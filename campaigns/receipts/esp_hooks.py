"""`/hooks/esp/<name>`: a mail provider, or a mail server's bounce, tells what became of a mail. It stores and answers.

django-anymail proves who calls and reads what they say; nothing of it is installed but its views' own methods.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any
from uuid import UUID

from anymail.exceptions import AnymailError  # type: ignore[import-untyped]
from anymail.signals import AnymailTrackingEvent  # type: ignore[import-untyped]
from anymail.utils import get_request_basic_auth  # type: ignore[import-untyped]
from anymail.webhooks.base import AnymailBaseWebhookView  # type: ignore[import-untyped]
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from campaigns import esp, optout
from campaigns.models.receipts import Standing
from campaigns.models.words import Channel
from campaigns.receipts import bounce_mail, esp_events, esp_raw, finding
from campaigns.receipts.storing import About, Reported, store_with_others

logger = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024
"""Bytes; SES sends all headers of a mail along, and a bounce mail may return the whole of it."""

VIEWS = {
    "amazon-ses": "amazon_ses.AmazonSESTrackingWebhookView",
    "brevo": "brevo.BrevoTrackingWebhookView",
    "mailersend": "mailersend.MailerSendTrackingWebhookView",
    "mailgun": "mailgun.MailgunTrackingWebhookView",
    "mailjet": "mailjet.MailjetTrackingWebhookView",
    "mailtrap": "mailtrap.MailtrapTrackingWebhookView",
    "mandrill": "mandrill.MandrillCombinedWebhookView",
    "postal": "postal.PostalTrackingWebhookView",
    "postmark": "postmark.PostmarkTrackingWebhookView",
    "resend": "resend.ResendTrackingWebhookView",
    "sendgrid": "sendgrid.SendGridTrackingWebhookView",
    "sparkpost": "sparkpost.SparkPostTrackingWebhookView",
    "unisender-go": "unisender_go.UnisenderGoTrackingWebhookView",
}
"""By the name in the address; proven are amazon-ses, mailgun and postmark."""

_JSON = ("application/json", "text/plain", "application/x-www-form-urlencoded")
"""SNS says text/plain of its JSON; Mailgun's older reports and Mandrill's are forms."""


_NONSENSE = (
    AnymailError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, RecursionError,
    DataError,
)  # fmt: skip
"""What reading a report can come to that makes no sense: of a moment in the year 10^300 (OverflowError, OSError), of a
text that Postgres cannot hold (DataError)."""


@csrf_exempt
@require_POST
def event(request: HttpRequest, name: str) -> HttpResponse:
    """Stores what a provider reports; what it means is worked out within a second."""
    if name not in VIEWS:
        return HttpResponse(status=404)
    return _answer(request, _JSON, lambda: _take_events(name, request))


@csrf_exempt
@require_POST
def bounce(request: HttpRequest) -> HttpResponse:
    """Stores what a bounce mail says: the mail itself is the body."""
    return _answer(request, ("message/rfc822",), lambda: _take_bounce(request))


def _answer(request: HttpRequest, kinds: Iterable[str], take: Callable[[], int]) -> HttpResponse:
    if (request.content_type or "") not in kinds:
        return HttpResponse(status=415)
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
        return HttpResponse(status=413)
    try:
        return HttpResponse(status=take())
    except RequestDataTooBig:
        return HttpResponse(status=413)


def _take_events(name: str, request: HttpRequest) -> int:
    """204 when all is stored, 403 without proof, 400 for what makes no sense."""
    read = _read(name, request)
    if read is None:
        return 403
    try:
        reports, all_read = _reports(name, read())
        store_with_others(reports)
    except _NONSENSE:
        all_read = False
    if not all_read:
        logger.warning("A report of %s could not be read.", name)
    return 204 if all_read else 400


def _reports(name: str, events: Iterable[AnymailTrackingEvent]) -> tuple[list[About], bool]:
    """What is to be kept of a call's events, and whether all made sense: one that does not takes no other along."""
    reports, all_read = [], True
    for event in list(events):
        try:
            report = _event_report(name, event)
        except _NONSENSE:
            all_read = False
        else:
            reports += [report] if report is not None else []
    return reports, all_read


def _read(name: str, request: HttpRequest) -> Callable[[], Iterable[AnymailTrackingEvent]] | None:
    """How to read the request with the first of the secrets that proves it; None where none does."""
    for view in _views(name):
        try:
            view.run_validators(request)
        except (*_NONSENSE, SuspiciousOperation):
            continue
        return lambda view=view: view.parse_events(request)  # type: ignore[misc]
    return None


def _views(name: str) -> Iterator[AnymailBaseWebhookView]:
    """The provider's view, once for the secret in force and once for the one before it."""
    made = _view(name)
    if name == "mailgun":
        for key in filter(None, (settings.MAILGUN_SIGNING_KEY, settings.MAILGUN_SIGNING_KEY_PREVIOUS)):
            yield made(webhook_signing_key=key, webhook_secret=[])
    elif secrets := _secrets():
        yield made(webhook_secret=secrets)


@cache
def _view(name: str) -> type:
    """The class of a provider's view, found once: `name` is one of `VIEWS`."""
    module, _, view = VIEWS[name].partition(".")
    made: type = getattr(import_module(f"anymail.webhooks.{module}"), view)
    return _without_boto(made) if name == "amazon-ses" else made


def _secrets() -> list[str]:
    return list(filter(None, (settings.ESP_WEBHOOK_SECRET, settings.ESP_WEBHOOK_SECRET_PREVIOUS)))


def _without_boto(view: type) -> type:
    """SES's view without Amazon's library, which it needs only to confirm a subscription: a person does that once."""

    class Ses(view):  # type: ignore[misc]
        def __init__(self, **given: Any) -> None:
            AnymailBaseWebhookView.__init__(self, **given)

        def auto_confirm_sns_subscription(self, _: Any) -> None:
            logger.warning(
                "Amazon SNS asks to confirm a subscription: do it in the SNS console (docs/reports.md)."
            )

    return Ses


def _event_report(name: str, event: AnymailTrackingEvent) -> About | None:
    """What is kept of an event about a mail of ours; of opens and clicks nothing is."""
    standing = esp_events.STANDINGS.get(event.event_type)
    if standing is None:
        return None
    found = finding.attempt(*_names(name, event))
    if found is None:
        return None
    delivery, attempt = found
    return _report(
        name,
        delivery,
        attempt,
        ref=str(event.event_id or event.message_id or ""),
        status=str(event.event_type),
        standing=standing,
        code=esp_events.code(name, event),
        recipient=event.recipient or "",
        said=event.esp_event,
    )


def _names(name: str, event: AnymailTrackingEvent) -> tuple[str, str]:
    """The attempt's code and the Message-ID, as far as the provider gives them back."""
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    headers = _ses_headers(event) if name == "amazon-ses" else {}
    code = metadata.get(esp.METADATA) or headers.get(esp.OWN_HEADER.lower()) or ""
    return str(code), str(headers.get("message-id") or event.message_id or "")


def _ses_headers(event: AnymailTrackingEvent) -> dict[str, str]:
    """SES gives each mail an id of its own; ours stands in the headers it sends back."""
    rows = (event.esp_event.get("mail") or {}).get("headers") or []
    return {str(row["name"]).lower(): str(row["value"]) for row in rows}


def _take_bounce(request: HttpRequest) -> int:
    """A secret that is not set proves nothing: then every bounce is refused."""
    try:
        given = get_request_basic_auth(request) or ""
    except (ValueError, LookupError):
        return 403
    if not any(constant_time_compare(given, secret) for secret in _secrets()):
        return 403
    report = bounce_mail.read(request.body)
    found = finding.attempt(report.code, report.message_id) if report else None
    if report is None or found is None:
        return 204
    delivery, attempt = found
    failed = report.action == "failed"
    code = esp_events.by_status(report.status) or esp_events.Code.SOFT
    reported = _report(
        "bounce",
        delivery,
        attempt,
        ref="",
        status=report.action[:32],
        standing={"failed": Standing.NOT_DELIVERED, "delivered": Standing.DELIVERED}.get(
            report.action, Standing.ON_ITS_WAY
        ),
        code=code if failed else esp_events.Code.NONE,
        recipient=report.recipient,
        said=report.said,
    )
    store_with_others([reported])
    return 204


def _report(
    name: str,
    delivery: int | UUID,
    attempt: int,
    *,
    ref: str,
    status: str,
    standing: Standing,
    code: str,
    recipient: str,
    said: object,
) -> About:
    """Of the address only its keyed hash is kept: the one that suppressions are found by. `said` is the whole event."""
    address = optout.hash_of(Channel.EMAIL, recipient).hex() if recipient else ""
    reported = Reported(
        provider=f"esp:{name}",
        attempt=attempt,
        ref=hashlib.sha256(ref.encode()).hexdigest()[:32] if ref else "",
        status=status,
        standing=standing,
        code=code,
        raw={**esp_raw.kept(said, recipient), "address_hash": address},
    )
    return delivery, reported
