"""An email in the browser, for whom their mail program shows it badly. A GET changes nothing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns import content, ledger, rendering, view_link
from campaigns.models import Step
from campaigns.models.words import Channel

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""An email brings its style along, in its lines; like every page of ours it runs no script."""


@require_safe
def in_browser(request: HttpRequest, code: str) -> HttpResponse:
    """`/m/<code>`: the email as it was sent, filled again with what is known of the entrant today.

    Bodies are not kept. It shows what a forwarded copy shows: first names, never a surname, number or address.
    """
    token = view_link.token_of(code)
    sent = ledger.sent_message(token) if token else None
    page = _page(sent) if sent and sent.channel == Channel.EMAIL else None
    if page is None:
        return render(request, "unknown_link.html", status=404)
    return HttpResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


def _page(sent: ledger.Sent) -> str | None:
    """The mail's HTML; None when what it needs is not known any more."""
    step = Step.objects.select_related("campaign__event__organiser").get(id=sent.step_id)
    message = rendering.message_of(step, Channel.EMAIL, sent.version_id)
    assert message.email is not None
    try:
        return message.email.render(message.values(sent.group, sent.sent_at)).html
    except content.ContentError:
        return None
