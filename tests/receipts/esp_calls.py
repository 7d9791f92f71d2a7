"""Events as Amazon SES (over SNS), Postmark and Mailgun report them, with the shapes of their documentation."""

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any

from webhook_cases import Call

SECRET, PREVIOUS = "hook:secret", "hook:before"
KEY, KEY_BEFORE = "signing-key", "signing-key-before"
JSON = "application/json"


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}


def postmark(code: str, secret: str = SECRET, **fields: Any) -> Call:
    """https://postmarkapp.com/developer/webhooks/delivery-webhook and /bounce-webhook."""
    body = {
        "RecordType": "Delivery",
        "ServerID": 23,
        "MessageStream": "outbound",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Recipient": "zoe@example.com",
        "Tag": "tips",
        "DeliveredAt": "2027-08-03T09:00:01Z",
        "Details": "Test delivery webhook details",
        "Metadata": {"delivery": code},
    }
    return Call("/hooks/esp/postmark", json.dumps(body | fields).encode(), JSON, basic(secret))


def postmark_bounce(code: str, kind: str = "HardBounce", details: str = "", **fields: Any) -> Call:
    bounce = {
        "RecordType": "Bounce",
        "ID": 4323372036854775807,
        "Type": kind,
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Email": "zoe@example.com",
        "From": "tips@example.org",
        "BouncedAt": "2027-08-03T09:00:01Z",
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Shoes",
        "Details": details,
    }
    return postmark(code, **(bounce | fields))


def ses(
    code: str,
    secret: str = SECRET,
    kind: str = "Delivery",
    message_id: str = "<x@example.org>",
    **fields: Any,
) -> Call:
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html."""
    headers = [
        {"name": "From", "value": "tips@example.org"},
        {"name": "To", "value": "zoe@example.com"},
        {"name": "Message-ID", "value": message_id},
        {"name": "Subject", "value": "Shoes"},
    ]
    if code:
        headers.append({"name": "X-Metadata", "value": json.dumps({"delivery": code})})
    message = {
        "eventType": kind,
        "mail": {
            "timestamp": "2027-08-03T09:00:00.000Z",
            "source": "tips@example.org",
            "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
            "destination": ["zoe@example.com"],
            "headersTruncated": False,
            "headers": headers,
        },
        kind.lower(): {"timestamp": "2027-08-03T09:00:01.000Z", "recipients": ["zoe@example.com"]},
        **fields,
    }
    return sns({"Type": "Notification", "Message": json.dumps(message)}, secret)


def ses_bounce(code: str, kind: str = "Permanent", said: str = "", **more: Any) -> Call:
    who = {"emailAddress": "zoe@example.com", "action": "failed", "status": "5.1.1"}
    bounce = {
        "bounceType": kind,
        "bounceSubType": "General",
        "bouncedRecipients": [who | ({"diagnosticCode": said} if said else {})],
        "timestamp": "2027-08-03T09:00:01.000Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
    }
    return ses(code, kind="Bounce", bounce=bounce, **more)


def sns(fields: dict[str, str], secret: str = SECRET) -> Call:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html."""
    body = {
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-2:123456789012:mail",
        "Timestamp": "2027-08-03T09:00:01.000Z",
        **fields,
    }
    headers = {"x-amz-sns-message-type": body["Type"], "x-amz-sns-message-id": body["MessageId"]}
    return Call("/hooks/esp/amazon-ses", json.dumps(body).encode(), "text/plain", headers | basic(secret))


def mailgun(code: str, key: str = KEY, **fields: Any) -> Call:
    """https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure."""
    timestamp, token = "1816938001", "ccc50a0f1f8c4b3a8d7e"
    data = {
        "event": "delivered",
        "id": "CPgfbmQMTCKtHW6uIWtuVe",
        "timestamp": 1816938001.5,
        "log-level": "info",
        "recipient": "zoe@example.com",
        "message": {"headers": {"message-id": "x@example.org", "to": "zoe@example.com", "subject": "Shoes"}},
        "delivery-status": {"code": 250, "message": "OK"},
        "user-variables": {"delivery": code} if code else {},
        "tags": [],
    }
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    body = {
        "signature": {"timestamp": timestamp, "token": token, "signature": signature},
        "event-data": data | fields,
    }
    return Call("/hooks/esp/mailgun", json.dumps(body).encode(), JSON)


def mailgun_failed(code: str, severity: str = "permanent", said: str = "", **fields: Any) -> Call:
    return mailgun(
        code,
        event="failed",
        severity=severity,
        reason="bounce" if severity == "permanent" else "generic",
        **{"delivery-status": {"code": 550, "message": said, "description": ""}},
        **fields,
    )


BOUNCE = """\
From: MAILER-DAEMON@mx.example.net
To: tips@example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
X-Postfix-Queue-ID: 4E3F2

Final-Recipient: rfc822; zoe@example.com
Original-Recipient: rfc822;zoe@example.com
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {status} said so

--b1
Content-Type: {kind}

{headers}
--b1--
"""


def bounce_mail(
    code: str, status: str = "5.1.1", *, action: str = "failed", message_id: str = "", whole: bool = False,
    secret: str = SECRET,
) -> Call:  # fmt: skip
    """A mail server's bounce: https://www.rfc-editor.org/rfc/rfc3464#appendix-E."""
    headers = f"X-Aid-Station: {code}\nMessage-ID: {message_id or '<x@example.org>'}\nSubject: Shoes\n"
    text = BOUNCE.format(
        action=action,
        status=status,
        kind="message/rfc822" if whole else "text/rfc822-headers",
        headers=headers + ("\nHello Zoë" if whole else ""),
    )
    return Call("/hooks/esp/bounce", text.encode(), "message/rfc822", basic(secret))
