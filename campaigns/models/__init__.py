"""The nouns of the design, a module a group."""

from campaigns.models.accounts import Membership, OneTimeLink, User
from campaigns.models.alerts import Alert, AlertReach, Release
from campaigns.models.api import ApiToken
from campaigns.models.entrants import Consent, ConsentEvent, Entrant, Guardian, ListMapping, Suppression
from campaigns.models.errands import Errand
from campaigns.models.events import Event, Organiser, Race, StaffContact, Wave
from campaigns.models.ledger import Attempt, Delivery, Outbox
from campaigns.models.notices import Notice
from campaigns.models.operation import (
    Answer,
    AuditEntry,
    Circuit,
    Heartbeat,
    KeyCanary,
    Restoration,
    StopSignal,
)
from campaigns.models.plans import Campaign, SignOff, Step, Template, Version
from campaigns.models.receipts import Enquiry, InboundText, Receipt
from campaigns.models.tallies import Tally
from campaigns.models.uploads import ListUpload

__all__ = [
    "Alert",
    "AlertReach",
    "Answer",
    "ApiToken",
    "Attempt",
    "AuditEntry",
    "Campaign",
    "Circuit",
    "Consent",
    "ConsentEvent",
    "Delivery",
    "Enquiry",
    "Entrant",
    "Errand",
    "Event",
    "Guardian",
    "Heartbeat",
    "InboundText",
    "KeyCanary",
    "ListMapping",
    "ListUpload",
    "Membership",
    "Notice",
    "OneTimeLink",
    "Organiser",
    "Outbox",
    "Race",
    "Receipt",
    "Release",
    "Restoration",
    "SignOff",
    "StaffContact",
    "Step",
    "StopSignal",
    "Suppression",
    "Tally",
    "Template",
    "User",
    "Version",
    "Wave",
]
