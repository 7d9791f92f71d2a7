"""What became of a message for one person, in words that its organiser can act on. It reads no database."""

from __future__ import annotations

from campaigns.models import Attempt, Delivery
from campaigns.models.ledger import Outcome
from campaigns.models.words import Channel, DeliveryState, Reason, Scope, SuppressionReason
from campaigns.said import not_agreed

REASONS = {
    Reason.SUPPRESSED: "their address is closed for it",
    Reason.WITHDRAWN: "withdrawn",
    Reason.NO_ADDRESS: "no address is known for it",
    Reason.NOT_MOBILE: "the number is not a mobile's",
    Reason.MINOR: "under 18, and no guardian is known",
    Reason.MISSING_VALUE: "a value is missing, such as the bib number",
    Reason.TOO_LATE: "too late to be worth reading",
    Reason.COVERED: "its news stood in the catch-up",
    Reason.NOT_IN_AUDIENCE: "not meant for them",
    Reason.CANCELLED: "dropped, as the race or step was called off",
    Reason.PROVIDER_REFUSED: "the provider refused it",
    Reason.EXPIRED: "the phone was not reached in time",
    Reason.RESTORED: "they may have had it before a backup was restored, and nobody has said yet",
}
"""Why a message does not go to somebody, to stand behind a colon."""

HELD = "held until somebody releases them"

STATES = {
    DeliveryState.DUE: ("in the queue", "water"),
    DeliveryState.UNCERTAIN: ("in doubt", "amber"),
    DeliveryState.SENT: ("sent", "good"),
    DeliveryState.DELIVERED: ("delivered", "good"),
    DeliveryState.BOUNCED: ("came back", "red"),
    DeliveryState.FAILED: ("refused", "red"),
    DeliveryState.SKIPPED: ("not sent", "plain"),
    DeliveryState.HELD: ("held", "amber"),
    DeliveryState.UNKNOWN: ("fate not known", "amber"),
}
"""A delivery's state as its chip: the word and the colour that repeats it."""

EXPLAINED = {
    DeliveryState.UNCERTAIN: "handed over without an answer; it is looked into before it is sent once more",
    DeliveryState.UNKNOWN: "handed over without an answer, and nothing could be found out",
    DeliveryState.BOUNCED: "it did not arrive",
}

CARRIERS = {Channel.EMAIL: "mail server", Channel.SMS: "provider of texts"}

SCOPES = {
    Scope.TIPS_AND_SPONSOR: "tips and sponsors' messages",
    Scope.ALL_BUT_ALERTS: "everything but alerts",
    Scope.ALL: "everything",
}

STOPPED_BY = {
    SuppressionReason.UNSUBSCRIBED: "they unsubscribed",
    SuppressionReason.STOP: "they answered STOP",
    SuppressionReason.HARD_BOUNCE: "nothing arrives at this address",
    SuppressionReason.BAD_NUMBER: "no text reaches this number",
    SuppressionReason.COMPLAINT: "they marked a message as spam",
    SuppressionReason.BY_HAND: "closed by hand",
    SuppressionReason.ERASED: "erased",
}


def verdict(word: str, channel: str, purpose: str) -> str:
    """Why the claim would leave somebody out of such a message, as things stand."""
    if word == "held":
        return HELD
    return f"they {not_agreed(channel, purpose)}" if word == Reason.NO_CONSENT else REASONS[Reason(word)]


def delivery(row: Delivery) -> str:
    """What a delivery's state and reason mean, or nothing where the chip says it all."""
    told = [EXPLAINED.get(DeliveryState(row.state), "")]
    if row.reason:
        told.append(verdict(row.reason, row.channel, row.step.purpose))
    if row.carrier_id and row.sent_at:
        told.append("in one message with the family's")
    return "; ".join(filter(None, told))


def attempt(one: Attempt) -> str:
    """ "the mail server took it", with the provider's own words where it did not."""
    carrier = CARRIERS[Channel(one.channel)]
    said = {
        Outcome.ACCEPTED: f"the {carrier} took it",
        Outcome.RECIPIENT: f"the {carrier} refused this address",
        Outcome.MESSAGE: f"the {carrier} refused this message",
        Outcome.POLICY: f"the {carrier} refused us",
        Outcome.TRANSIENT: f"the {carrier} asked us to come again",
        Outcome.DOUBTFUL: f"the {carrier} gave no answer",
    }[Outcome(one.outcome)]
    words = " ".join(filter(None, (one.code, one.detail))) if one.outcome != Outcome.ACCEPTED else ""
    return f"{said}: {words}" if words else said
