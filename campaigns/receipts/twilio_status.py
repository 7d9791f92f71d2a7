"""`/hooks/twilio/status/<token>.<attempt>`: Twilio tells what became of a text. It stores and answers, no more."""

from collections.abc import Mapping
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from campaigns import attempt_code
from campaigns.channels import twilio_reports
from campaigns.receipts.storing import Reported, store_with_others
from campaigns.receipts.twilio_signature import from_twilio

PRIVATE = {"To", "From", "Body", "ChannelToAddress", "ChannelPrefix"}
"""Fields that hold a number or the words of a message: never kept with a receipt."""


@from_twilio
def status(request: HttpRequest, path: str) -> HttpResponse:
    """Stores the report; what it means is worked out within a second. One of no known text is quietly forgotten."""
    # Postgres takes no NUL, in a text or in JSON.
    fields = {
        name: value.replace("\0", "") for name, value in request.POST.dict().items() if "\0" not in name
    }
    found = attempt_code.read(path)
    if found is not None and fields.get("MessageSid") and fields.get("MessageStatus"):
        token, attempt = found
        store_with_others([(token, _report(fields, attempt, token))])
    return HttpResponse(status=204)


def _report(fields: Mapping[str, str], attempt: int, token: UUID) -> Reported:
    return read_report(
        sid=fields["MessageSid"],
        status=fields["MessageStatus"],
        code=fields.get("ErrorCode", ""),
        attempt=attempt,
        spread=token.int,
        raw=_public(fields),
    )


def _public(fields: Mapping[str, str]) -> dict[str, str]:
    """What is kept of a report: Twilio adds fields without notice, and one that holds a number goes as well."""
    numbers = [number for name in ("To", "From") if (number := fields.get(name))]
    return {
        name: value[:200]
        for name, value in fields.items()
        if name not in PRIVATE and not any(number in value for number in numbers)
    }


def read_report(
    *, sid: str, status: str, code: str, attempt: int, spread: int, raw: Mapping[str, str]
) -> Reported:
    """A status in Twilio's words as a report on one attempt. `spread`: see `twilio_reports.retry_after`."""
    fate = twilio_reports.fate(status, code)
    again = fate == twilio_reports.Fate.AGAIN
    return Reported(
        provider="twilio",
        attempt=attempt,
        ref=sid[:64],
        status=status[:32],
        standing=fate,
        code=code[:16],
        retry_after=twilio_reports.retry_after(code, spread) if again else None,
        raw=raw,
    )
