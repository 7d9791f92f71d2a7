"""`/hooks/twilio/inbound`: Twilio hands over a text that somebody wrote to one of our numbers."""

from django.http import HttpRequest, HttpResponse
from twilio.twiml.messaging_response import MessagingResponse  # type: ignore[import-untyped]

from campaigns.receipts.inbound import Arrived, take
from campaigns.receipts.twilio_signature import from_twilio


@from_twilio
def inbound(request: HttpRequest) -> HttpResponse:
    """Takes the text, and answers it where an answer is due (https://www.twilio.com/docs/messaging/twiml)."""
    # Postgres takes no NUL in a text.
    sid, number, body, opt_out_type = (
        request.POST.get(name, "").replace("\0", "") for name in ("MessageSid", "From", "Body", "OptOutType")
    )
    if not sid or not number:
        return HttpResponse(status=204)
    answer = take(Arrived(sid[:64], number, body, opt_out_type))
    if not answer:
        return HttpResponse(status=204)
    response = MessagingResponse()
    response.message(answer)
    return HttpResponse(str(response), content_type="text/xml; charset=utf-8")
