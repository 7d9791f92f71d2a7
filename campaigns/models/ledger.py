"""The ledger's tables. Only `campaigns.ledger` changes a delivery's state."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Index, Q, UniqueConstraint

from campaigns.models.entrants import Entrant
from campaigns.models.plans import Step, Version
from campaigns.models.words import Channel, DeliveryState, Reason, one_of


class Delivery(models.Model):
    """One step to one entrant on one channel: the only truth about who got what.

    One row a step and entrant is stricter than one a step, entrant and channel: a fallback changes the channel
    of the row, and an alert is one step a channel.

    The database does not look for the step, the entrant and the version of each row, which would be a query more for
    every message. Its opening has the step locked; a step with deliveries is not deleted (`editing.delete_step`), who
    deletes entrants waits for their openings first (`ledger.end_openings`), and no version is ever deleted.
    """

    step = models.ForeignKey(
        Step, on_delete=models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False
    )
    entrant = models.ForeignKey(
        Entrant, on_delete=models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False
    )
    channel = models.TextField(choices=Channel.choices)
    state = models.TextField(choices=DeliveryState.choices, default=DeliveryState.DUE)
    reason = models.TextField(choices=Reason.choices, blank=True, default=Reason.NONE)
    plan_version = models.BigIntegerField(help_text="of the event, when this row was dated")
    due_at = models.DateTimeField()
    latest_at = models.DateTimeField()
    token = models.UUIDField(db_default=RandomUUID())
    message_id = models.TextField(
        blank=True, default="", help_text="without angle brackets; kept by every try"
    )
    attempts = models.SmallIntegerField(default=0)
    claim = models.IntegerField(
        default=0,
        db_default=0,
        help_text="the claim number of its last hand-over, from which a queued retry goes on",
    )
    version = models.ForeignKey(
        Version,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    carrier = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="carried", db_index=False
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    held_revision = models.BigIntegerField(
        null=True, blank=True, help_text="while held: the event's revision at which it was last found to wait"
    )

    class Meta:
        db_table = "deliveries"
        constraints = [
            UniqueConstraint(fields=["step", "entrant"], name="deliveries_one_a_step_and_entrant"),
            UniqueConstraint(fields=["token"], name="deliveries_one_token"),
            one_of("deliveries", "channel", Channel),
            one_of("deliveries", "state", DeliveryState),
            one_of("deliveries", "reason", Reason),
        ]
        indexes = [
            Index(fields=["entrant"], name="deliveries_by_entrant"),
            # Not WHERE state = 'held': an index that speaks of the state would be written with every settle.
            Index(
                fields=["step", "held_revision"],
                name="deliveries_held",
                condition=Q(held_revision__isnull=False),
            ),
            Index(fields=["carrier"], name="deliveries_carried", condition=Q(carrier__isnull=False)),
        ]


class Outbox(models.Model):
    """The queue: a narrow row for each delivery that still has to leave, removed when it is settled.

    Without foreign keys: each would be a query more for every row, and rows come only from the insert of their
    delivery, in the same statement.
    """

    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, primary_key=True, related_name="outbox", db_constraint=False
    )
    channel = models.TextField(choices=Channel.choices)
    step = models.ForeignKey(
        Step, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    due_at = models.DateTimeField()
    claim = models.IntegerField(default=0, help_text="rises with each claim: the fence of its settle")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="by the database's clock")
    holder = models.TextField(blank=True, default="", help_text="the process that claimed it")

    class Meta:
        db_table = "outbox"
        constraints = [one_of("outbox", "channel", Channel)]
        indexes = [
            Index(
                fields=["channel", "step", "due_at", "delivery"],
                name="outbox_waiting",
                condition=Q(lease_until__isnull=True),
            ),
            Index(fields=["lease_until"], name="outbox_leased", condition=Q(lease_until__isnull=False)),
            Index(fields=["step"], name="outbox_by_step"),
        ]


class Outcome(models.TextChoices):
    """What one try came to; the words of `channels.outcomes.Kind`."""

    ACCEPTED = "accepted"
    RECIPIENT = "recipient"
    MESSAGE = "message"
    POLICY = "policy"
    TRANSIENT = "transient"
    DOUBTFUL = "doubtful"


class Attempt(models.Model):
    """One try at a delivery, with the provider's answer.

    The database does not look for its delivery: rows come only from the settling of one, in the same transaction.
    """

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="tries", db_index=False, db_constraint=False
    )
    number = models.IntegerField(help_text="the claim number it was made under")
    channel = models.TextField(choices=Channel.choices)
    outcome = models.TextField(choices=Outcome.choices)
    code = models.TextField(blank=True, default="")
    detail = models.TextField(blank=True, default="", help_text="the provider's words, without addresses")
    provider_ref = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "attempts"
        constraints = [
            UniqueConstraint(fields=["delivery", "number"], name="attempts_one_a_claim"),
            one_of("attempts", "channel", Channel),
            one_of("attempts", "outcome", Outcome),
        ]
