"""The closed words of the design: scripts, pages and the database rely on them."""

from collections.abc import Iterable

from django.db.models import CheckConstraint, Q, TextChoices


class Channel(TextChoices):
    EMAIL = "email"
    SMS = "sms"


class Purpose(TextChoices):
    """Decides which consent a message needs and whether it carries a way to stop."""

    SERVICE = "service"
    TIPS = "tips"
    SPONSOR = "sponsor"


class EntrantStatus(TextChoices):
    CONFIRMED = "confirmed"
    HELD = "held"
    WITHDRAWN = "withdrawn"


class RaceStatus(TextChoices):
    """What became of a confirmed entrant on the day; empty until someone says."""

    UNKNOWN = ""
    STARTED = "started"
    FINISHED = "finished"
    DNS = "dns"
    DNF = "dnf"


class Scope(TextChoices):
    """How much of a channel a suppression closes."""

    TIPS_AND_SPONSOR = "tips_and_sponsor"
    ALL_BUT_ALERTS = "all_but_alerts"
    ALL = "all"


class SuppressionReason(TextChoices):
    UNSUBSCRIBED = "unsubscribed"
    STOP = "stop"
    HARD_BOUNCE = "hard_bounce"
    BAD_NUMBER = "bad_number"
    COMPLAINT = "complaint"
    BY_HAND = "by_hand"
    ERASED = "erased"


class CampaignState(TextChoices):
    DRAFT = "draft"
    APPROVED = "approved"
    LIVE = "live"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


class StepState(TextChoices):
    DRAFT = "draft"
    WAITING = "waiting"
    APPROVED = "approved"
    SENDING = "sending"
    DONE = "done"
    PAUSED = "paused"
    OFF = "off"


class StepKind(TextChoices):
    """Planned steps are timed by the race; the catch-up follows late entrants; alerts are pressed."""

    PLANNED = "planned"
    CATCH_UP = "catch_up"
    ALERT = "alert"


class LateEntrants(TextChoices):
    CATCH_UP = "catch-up"
    SKIP = "skip"
    SEND = "send"


class Per(TextChoices):
    """Whether a family on one address gets one message or one for each entrant."""

    ADDRESS = "address"
    ENTRANT = "entrant"


class DeliveryState(TextChoices):
    """`claimed` is never stored: it is `due` with a lease in the outbox (`ledger.SHOWN_STATE`)."""

    DUE = "due"
    CLAIMED = "claimed"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    SKIPPED = "skipped"
    HELD = "held"
    UNKNOWN = "unknown"


class Reason(TextChoices):
    NONE = ""
    NO_CONSENT = "no_consent"
    SUPPRESSED = "suppressed"
    WITHDRAWN = "withdrawn"
    NO_ADDRESS = "no_address"
    NOT_MOBILE = "not_mobile"
    MINOR = "minor"
    MISSING_VALUE = "missing_value"
    TOO_LATE = "too_late"
    COVERED = "covered"
    NOT_IN_AUDIENCE = "not_in_audience"
    CANCELLED = "cancelled"
    PROVIDER_REFUSED = "provider_refused"
    EXPIRED = "expired"
    RESTORED = "restored"  # held: it may have gone out between a backup and its restore


class Role(TextChoices):
    """What a person is to one event; what each may do is `accounts.powers`."""

    OWNER = "owner"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    VIEWER = "viewer"


class LinkKind(TextChoices):
    """What a link that works once is for."""

    JOIN = "join"
    SIGN_IN = "sign-in"


class ErrandKind(TextChoices):
    """What a page can have done that takes long."""

    PREFLIGHT = "preflight"
    REHEARSAL = "rehearsal"


class UploadState(TextChoices):
    """Whose turn it is with an uploaded list: the worker's while it is `waiting` or `confirmed`, else a person's."""

    WAITING = "waiting"
    UNCLEAR = "unclear"
    COMPARED = "compared"
    CONFIRMED = "confirmed"
    DONE = "done"
    REFUSED = "refused"
    DROPPED = "dropped"


def one_of(table: str, field: str, words: type[TextChoices]) -> CheckConstraint:
    """A constraint that keeps `field` to the closed words, in the database."""
    return CheckConstraint(name=f"{table}_{field}_word", condition=Q(**{f"{field}__in": list(values(words))}))


def values(words: type[TextChoices]) -> Iterable[str]:
    """The words themselves, as stored."""
    return [str(word) for word in words.values]
