"""`/hooks/twilio/inbound`: Twilio hands over a text that somebody wrote to one of our numbers."""

from django.http import HttpRequest, HttpResponse
from twilio.twiml.messaging_response import MessagingResponse  # type: ignore[import-untyped]

from campaigns.receipts.inbound import Arrived, take
from campaigns.receipts.twilio_signature import from_twilio


@from_twilio
def inbound(request: HttpRequest) -> HttpResponse:
    """Takes the text, and answers it where an answer is due (https://www.twilio.com/docs/messaging/twiml)."""
    fields = request.POST
    sid, number = fields.get("MessageSid", "")[:64], fields.get("From", "")
    if not sid or not number:
        return HttpResponse(status=204)
    # Postgres takes no NUL in a text.
    body = fields.get("Body", "").replace("\0", "")
    answer = take(Arrived(sid, number.replace("\0", ""), body, fields.get("OptOutType", "")))
    if not answer:
        return HttpResponse(status=204)
    response = MessagingResponse()
    response.message(answer)
    return HttpResponse(str(response), content_type="text/xml; charset=utf-8")
