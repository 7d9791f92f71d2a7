"""What the people behind an event are told by mail, each thing once."""

from django.db import models
from django.db.models import Index, Q, UniqueConstraint

from campaigns.models.events import Event


class Notice(models.Model):
    """One thing told to one person; written down before it is mailed, so that a lost mail server loses none."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="notices")
    key = models.TextField(help_text="what it is about: the same thing is told once")
    to = models.TextField(help_text="whom, without an address: user:5, staff:3")
    subject = models.TextField()
    words = models.TextField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notices"
        constraints = [UniqueConstraint(fields=["event", "key", "to"], name="notices_once")]
        indexes = [Index(fields=["created_at"], name="notices_to_send", condition=Q(sent_at__isnull=True))]
