"""What keeps the engine safe to run: the stop signal, the circuits, the key's canary, heartbeats, the audit log."""

from django.db import models
from django.db.models import CheckConstraint, Index, Q, UniqueConstraint

from campaigns.models.events import Event
from campaigns.models.words import Channel, one_of


class StopSignal(models.Model):
    """One row whose number rises with every pause, stop or hold; drains read it before each hand-over."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.BigIntegerField(default=0)

    class Meta:
        db_table = "stop_signal"
        constraints = [CheckConstraint(name="stop_signal_one_row", condition=Q(id=1))]


class Circuit(models.Model):
    """A channel's provider; while open, nothing is sent but one ordinary message as a probe."""

    channel = models.TextField(choices=Channel.choices, primary_key=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    probe_at = models.DateTimeField(null=True, blank=True)
    alert_knocks_at = models.DateTimeField(
        null=True, blank=True, help_text="while open: when an alert may try again; it waits for no probe"
    )
    reason = models.TextField(blank=True, default="")

    class Meta:
        db_table = "circuits"
        constraints = [one_of("circuits", "channel", Channel)]


class KeyCanary(models.Model):
    """Proof that SUPPRESSION_KEY is the key that the stored hashes were made with."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    value = models.BinaryField(max_length=32)

    class Meta:
        db_table = "key_canary"
        constraints = [CheckConstraint(name="key_canary_one_row", condition=Q(id=1))]


class Heartbeat(models.Model):
    """When something that has to happen again and again last did, by the database's clock."""

    name = models.TextField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "heartbeats"


class Answer(models.Model):
    """What came of it when somebody last asked whether the event is ready: a provider's word, a test to the staff."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="answers")
    name = models.TextField(help_text="what was asked: credit, staff")
    at = models.DateTimeField()
    good = models.BooleanField()
    words = models.TextField(help_text="one sentence for people, without addresses")

    class Meta:
        db_table = "answers"
        constraints = [UniqueConstraint(fields=["event", "name"], name="answers_newest")]


class Restoration(models.Model):
    """One restore of a backup. Until it is closed, what may have gone out since the backup is held."""

    backup_at = models.DateTimeField()
    restored_at = models.DateTimeField()
    last_entrant = models.BigIntegerField(
        help_text="the highest id at the backup: those above are other people's now"
    )
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "restorations"


class AuditEntry(models.Model):
    """One act by a person; the database refuses to change or remove it."""

    at = models.DateTimeField()
    who = models.TextField(help_text="as given with --as, or the operating system's user")
    act = models.TextField()
    event = models.TextField(blank=True, default="", help_text="slug; outlives the event")
    detail = models.JSONField(default=dict)
    state = models.JSONField(
        null=True,
        help_text="how the event stood then: beside the entry before, it shows what the act changed",
    )

    class Meta:
        db_table = "audit"
        indexes = [Index(fields=["event", "id"], name="audit_by_event")]
