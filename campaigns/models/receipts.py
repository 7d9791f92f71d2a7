"""What comes back: receipts of providers, what still has to be asked of them, and texts that people write to us."""

from django.db import models
from django.db.models import Index, Q, UniqueConstraint

from campaigns.models.entrants import Entrant
from campaigns.models.events import Event, Organiser
from campaigns.models.ledger import Delivery
from campaigns.models.words import one_of


class Standing(models.TextChoices):
    """What a provider's report says of one attempt; `ledger.proof` ranks them."""

    ON_ITS_WAY = "on_its_way"
    AGAIN = "again"  # not delivered, worth one more try
    NOT_DELIVERED = "not_delivered"
    EXPIRED = "expired"
    DELIVERED = "delivered"


class Receipt(models.Model):
    """One report of a provider on one attempt, stored once however often it comes.

    `delivery` is no foreign key: a report must never wait for, or fail on, the ledger's row.
    """

    provider = models.TextField()
    delivery = models.BigIntegerField(help_text="id in deliveries")
    attempt = models.IntegerField(help_text="the claim number it was handed over under")
    ref = models.TextField(help_text="the provider's own id: Twilio's sid")
    status = models.TextField(help_text="the provider's word")
    code = models.TextField(blank=True, default="", help_text="the provider's error code")
    standing = models.TextField(choices=Standing.choices)
    retry_after = models.IntegerField(null=True, help_text="seconds to wait before another try is worth it")
    raw = models.JSONField(help_text="as it came, without addresses and words")
    received_at = models.DateTimeField()
    interpreted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "receipts"
        constraints = [
            UniqueConstraint(fields=["delivery", "attempt", "ref", "status"], name="receipts_once"),
            one_of("receipts", "standing", Standing),
        ]
        indexes = [
            Index(fields=["id"], name="receipts_waiting", condition=Q(interpreted_at__isnull=True)),
            Index(fields=["code"], name="receipts_by_code", condition=~Q(code="")),
        ]


class Enquiry(models.Model):
    """A text whose fate is not known, and when to ask its provider: by its sid, or by searching where there is none."""

    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, primary_key=True, related_name="enquiry"
    )
    attempt = models.IntegerField(help_text="the claim number it was handed over under")
    ref = models.TextField(blank=True, default="", help_text="Twilio's sid; empty for a doubt")
    body_hash = models.TextField(blank=True, default="", help_text="of a doubt's words, where they are known")
    since = models.DateTimeField(help_text="when it was handed over, at the earliest")
    look_at = models.DateTimeField()
    looks = models.SmallIntegerField(default=0)

    class Meta:
        db_table = "enquiries"
        indexes = [Index(fields=["look_at"], name="enquiries_by_time")]


class InboundKind(models.TextChoices):
    STOP = "stop"
    START = "start"
    HELP = "help"
    TEXT = "text"


class InboundText(models.Model):
    """A text that somebody wrote to one of our numbers; kept for the organiser until retention takes its words."""

    sid = models.TextField(unique=True, help_text="Twilio's; the same text is taken once")
    organiser = models.ForeignKey(
        Organiser, on_delete=models.CASCADE, null=True, related_name="inbound_texts"
    )
    event = models.ForeignKey(
        Event, on_delete=models.SET_NULL, null=True, related_name="inbound_texts", db_index=False
    )
    entrant = models.ForeignKey(Entrant, on_delete=models.CASCADE, null=True, related_name="inbound_texts")
    kind = models.TextField(choices=InboundKind.choices)
    by_page = models.BooleanField(
        default=False, db_default=False, help_text="written on the entrant's own page and not as a text"
    )
    number = models.TextField(blank=True, default="", help_text="E.164; emptied with the body")
    number_hash = models.BinaryField(max_length=32)
    body = models.TextField(blank=True, default="")
    urgent = models.BooleanField(default=False, help_text="speaks of chest pain, collapse or 999")
    answered = models.BooleanField(default=False, help_text="whether our standing answer went back")
    received_at = models.DateTimeField()
    forwarded_at = models.DateTimeField(null=True, help_text="when it was mailed to the event's contact")

    class Meta:
        db_table = "inbound_texts"
        constraints = [one_of("inbound_texts", "kind", InboundKind)]
        indexes = [
            Index(fields=["event", "received_at"], name="inbound_texts_by_event"),
            Index(fields=["number_hash", "received_at"], name="inbound_texts_by_number"),
            Index(
                fields=["id"],
                name="inbound_texts_to_forward",
                condition=Q(forwarded_at__isnull=True, kind="text"),
            ),
        ]
