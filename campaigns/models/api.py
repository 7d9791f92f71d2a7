"""The tokens by which programs speak for an event, such as an entry platform that pushes entries."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import UniqueConstraint

from campaigns.models.events import Event


class ApiToken(models.Model):
    """One program's key to one event. Whoever reads the database cannot use it: only a hash is kept."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="api_tokens", db_index=False)
    name = models.TextField(help_text="what people call it; unique in the event, also after its end")
    handle = models.TextField(unique=True, help_text="stands for it in addresses; opens nothing")
    digest = models.BinaryField(max_length=32, unique=True)
    source = models.TextField(
        help_text="the entry platform whose entries it pushes; entrants are known by it"
    )
    scopes = ArrayField(models.TextField())
    created_at = models.DateTimeField()
    created_by = models.TextField()
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="to the hour")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.TextField(blank=True, default="")

    class Meta:
        db_table = "api_tokens"
        constraints = [UniqueConstraint(fields=["event", "name"], name="api_tokens_one_name")]

    def __str__(self) -> str:
        return self.name
