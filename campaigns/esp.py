"""The header by which a mail provider's later words name one attempt at a delivery. Pure.

Every mail carries it in a form of our own, which comes back with a bounce. Providers that send on what they were
given as metadata get it in theirs too.
"""

OWN_HEADER = "X-Aid-Station"

NONE, AMAZON_SES, POSTMARK, MAILGUN = "", "amazon-ses", "postmark", "mailgun"
KNOWN = (NONE, AMAZON_SES, POSTMARK, MAILGUN)

METADATA = "delivery"
"""The name of the one piece of metadata."""


def headers(provider: str, code: str) -> tuple[tuple[str, str], ...]:
    """The lines of one mail for the provider of EMAIL_ESP."""
    own = (OWN_HEADER, code)
    if provider == POSTMARK:  # https://postmarkapp.com/developer/user-guide/send-email-with-smtp
        return own, (f"X-PM-Metadata-{METADATA}", code), ("X-PM-KeepID", "true")
    if provider == MAILGUN:  # https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages
        return own, ("X-Mailgun-Variables", f'{{"{METADATA}":"{code}"}}')
    if provider == AMAZON_SES:  # as django-anymail reads it from the headers of an event
        return own, ("X-Metadata", f'{{"{METADATA}":"{code}"}}')
    return (own,)
