"""Proof that a request comes from Twilio. It must not know what the request says.

The signature (https://www.twilio.com/docs/usage/security) covers the public address and every field, and holds no
time: a captured request can be sent again for ever, so whatever acts on it must act once.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

LARGEST_BODY = 64 * 1024
"""Bytes; a text of 1,600 characters and its fields take less than a quarter of it."""

FORM = "application/x-www-form-urlencoded"

View = Callable[..., HttpResponse]


def from_twilio(view: View) -> View:
    """Lets only POSTs through that Twilio signed for our account, with either token while they are rotated."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        refusal = _refusal(request)
        return refuse(refusal) if refusal else view(request, *args, **kwargs)

    return csrf_exempt(require_POST(guarded))


def refuse(status: int) -> HttpResponse:
    """An answer without a word: who forges a request learns nothing from it."""
    return HttpResponse(status=status)


def _refusal(request: HttpRequest) -> int:
    """The status to refuse with, 0 for a request that is Twilio's."""
    if request.content_type != FORM:
        return 415
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
        return 413
    try:
        signed = _is_signed(request)
    except RequestDataTooBig:
        return 413
    except TooManyFieldsSent:
        return 400
    # Whoever holds our token can sign for us alone; a project with several accounts may share one address.
    if not signed or request.POST.get("AccountSid") != settings.TWILIO_ACCOUNT_SID:
        return 403
    return 0


def _is_signed(request: HttpRequest) -> bool:
    """Against the address that Twilio was given, whatever proxies have made of host and scheme."""
    signature = request.headers.get("X-Twilio-Signature", "")
    if not signature.isascii() or not signature:
        return False
    # Without what a server has put before our own paths: PUBLIC_URL holds it.
    address = settings.PUBLIC_URL + request.get_full_path_info()
    return any(
        RequestValidator(token).validate(address, request.POST, signature)
        for token in (settings.TWILIO_AUTH_TOKEN, settings.TWILIO_AUTH_TOKEN_PREVIOUS)
        if token
    )
