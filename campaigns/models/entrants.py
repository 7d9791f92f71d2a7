"""People entered in a race, whose address is written to, and what they have agreed to."""

import secrets

from django.db import models
from django.db.models import CheckConstraint, Index, Q, UniqueConstraint

from campaigns.models.events import Event, Organiser, Race, Wave
from campaigns.models.words import (
    Channel,
    EntrantStatus,
    Purpose,
    RaceStatus,
    Scope,
    SuppressionReason,
    one_of,
)

SHORT_CODE_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def new_token() -> str:
    """22 characters for a link in an email: opaque, and short enough never to be folded in a header."""
    return secrets.token_urlsafe(16)


def new_short_code() -> str:
    """8 characters without look-alikes, for the one link that fits into a text."""
    number = secrets.randbelow(len(SHORT_CODE_ALPHABET) ** 8)
    code = ""
    for _ in range(8):
        number, place = divmod(number, len(SHORT_CODE_ALPHABET))
        code += SHORT_CODE_ALPHABET[place]
    return code


class Entrant(models.Model):
    """One person entered in one race. For a child, `email` and `mobile` are the guardian's, never the child's."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="entrants", db_index=False)
    race = models.ForeignKey(Race, on_delete=models.PROTECT, related_name="entrants")
    wave = models.ForeignKey(Wave, on_delete=models.SET_NULL, null=True, blank=True, related_name="entrants")
    source = models.TextField(help_text="the entry platform the row came from")
    registration_id = models.TextField(blank=True, default="")
    identity = models.BinaryField(
        max_length=32,
        help_text="hash of source and registration id, or of email, name, birth date and race: the same person",
    )
    first_name = models.TextField()
    last_name = models.TextField(blank=True, default="")
    email = models.TextField(blank=True, default="", help_text="normalised")
    email_hash = models.BinaryField(
        max_length=32, null=True, help_text="keyed; finds suppressions and families"
    )
    mobile = models.TextField(blank=True, default="", help_text="E.164, any kind of number")
    mobile_hash = models.BinaryField(max_length=32, null=True)
    mobile_ok = models.BooleanField(default=False, help_text="a mobile number that can be texted")
    birth_date = models.DateField(null=True, blank=True)
    first_timer = models.BooleanField(null=True, blank=True)
    club = models.TextField(blank=True, default="")
    bib = models.TextField(blank=True, default="")
    status = models.TextField(choices=EntrantStatus.choices, default=EntrantStatus.CONFIRMED)
    race_status = models.TextField(choices=RaceStatus.choices, blank=True, default=RaceStatus.UNKNOWN)
    hold_reason = models.TextField(blank=True, default="")
    visible_revision = models.BigIntegerField(
        null=True, help_text="the event's revision at which this entrant was first visible to others"
    )
    token = models.TextField(unique=True, default=new_token)
    short_code = models.TextField(unique=True, default=new_short_code)
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="when all that was known of them went; no list brings it back"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "entrants"
        constraints = [
            UniqueConstraint(fields=["event", "identity"], name="entrants_one_identity_an_event"),
            one_of("entrants", "status", EntrantStatus),
            one_of("entrants", "race_status", RaceStatus),
            CheckConstraint(
                name="entrants_email_has_hash", condition=Q(email="") | Q(email_hash__isnull=False)
            ),
            CheckConstraint(
                name="entrants_mobile_has_hash", condition=Q(mobile="") | Q(mobile_hash__isnull=False)
            ),
        ]
        indexes = [
            Index(fields=["event", "id"], name="entrants_by_event"),
            Index(fields=["event", "email_hash"], name="entrants_by_email"),
            Index(fields=["event", "mobile_hash"], name="entrants_by_mobile"),
            Index(fields=["id"], name="entrants_erased", condition=Q(erased_at__isnull=False)),
            Index(
                fields=["event"], name="entrants_not_yet_visible", condition=Q(visible_revision__isnull=True)
            ),
        ]


class Guardian(models.Model):
    """The adult whose address stands in a child's entry, and how that is known."""

    entrant = models.OneToOneField(Entrant, on_delete=models.CASCADE, related_name="guardian")
    name = models.TextField(blank=True, default="")
    source = models.TextField(help_text="how it is known that the address is the guardian's")
    at = models.DateTimeField()

    class Meta:
        db_table = "guardians"


class Consent(models.Model):
    """What an entrant says today to one channel and purpose; no row means no."""

    entrant = models.ForeignKey(Entrant, on_delete=models.CASCADE, related_name="consents", db_index=False)
    channel = models.TextField(choices=Channel.choices)
    purpose = models.TextField(choices=Purpose.choices)
    granted = models.BooleanField()
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="once set, no entry list turns this back to yes"
    )
    source = models.TextField()
    wording = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "consents"
        constraints = [
            UniqueConstraint(fields=["entrant", "channel", "purpose"], name="consents_one_answer"),
            one_of("consents", "channel", Channel),
            one_of("consents", "purpose", Purpose),
            CheckConstraint(
                name="consents_withdrawn_is_no", condition=Q(granted=False) | Q(withdrawn_at__isnull=True)
            ),
        ]


class ConsentEvent(models.Model):
    """One sentence of the consent story; the database refuses to change or remove it while the entrant exists."""

    entrant = models.ForeignKey(Entrant, on_delete=models.CASCADE, related_name="consent_story")
    channel = models.TextField(choices=Channel.choices)
    purpose = models.TextField(choices=Purpose.choices)
    granted = models.BooleanField()
    source = models.TextField()
    wording = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "consent_events"
        constraints = [
            one_of("consent_events", "channel", Channel),
            one_of("consent_events", "purpose", Purpose),
        ]


class Suppression(models.Model):
    """An address that must not be written to, as a keyed hash that outlives the entrant."""

    organiser = models.ForeignKey(Organiser, on_delete=models.CASCADE, related_name="suppressions")
    channel = models.TextField(choices=Channel.choices)
    address_hash = models.BinaryField(max_length=32)
    scope = models.TextField(choices=Scope.choices)
    reason = models.TextField(choices=SuppressionReason.choices)
    at = models.DateTimeField()

    class Meta:
        db_table = "suppressions"
        constraints = [
            UniqueConstraint(
                fields=["organiser", "channel", "address_hash", "scope"], name="suppressions_one_a_scope"
            ),
            one_of("suppressions", "channel", Channel),
            one_of("suppressions", "scope", Scope),
            one_of("suppressions", "reason", SuppressionReason),
        ]


class ListMapping(models.Model):
    """How an organiser's list with these headings is read, as a person has confirmed it once."""

    organiser = models.ForeignKey(Organiser, on_delete=models.CASCADE, related_name="list_mappings")
    headings_key = models.TextField(help_text="hash of the set of headings, whatever their order and case")
    source = models.TextField()
    document = models.JSONField(help_text="what a mapping file holds")
    at = models.DateTimeField()

    class Meta:
        db_table = "list_mappings"
        constraints = [
            UniqueConstraint(fields=["organiser", "headings_key"], name="list_mappings_one_a_set_of_headings")
        ]
