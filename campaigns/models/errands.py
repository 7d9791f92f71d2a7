"""Errands: what somebody asked for in a page and takes too long for a request."""

import secrets

from django.db import models
from django.db.models import Index, Q

from campaigns.models.events import Event
from campaigns.models.words import ErrandKind, one_of


def new_errand_token() -> str:
    """Names an errand in addresses; it cannot be guessed or counted."""
    return secrets.token_urlsafe(12)


class Errand(models.Model):
    """One of them, from when it was asked for to what came of it. It changes nothing of the event."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="errands")
    token = models.TextField(unique=True, default=new_errand_token)
    kind = models.TextField(choices=ErrandKind.choices)
    asked_by = models.TextField(help_text="as the audit log names them")
    asked_at = models.DateTimeField()
    asked = models.JSONField(default=dict, help_text="what it is about, as its kind needs it")
    seen_at = models.DateTimeField(null=True, blank=True, help_text="when whoever runs it last gave a sign")
    ended_at = models.DateTimeField(null=True, blank=True)
    done = models.IntegerField(default=0)
    total = models.IntegerField(default=0, help_text="of `done`; 0 while nobody knows")
    result = models.JSONField(default=dict)
    report = models.BinaryField(
        null=True, blank=True, help_text="a page with names in it, gzipped; gone after a day"
    )
    problem = models.TextField(blank=True, default="", help_text="why nothing came of it, in a sentence")

    class Meta:
        db_table = "errands"
        constraints = [one_of("errands", "kind", ErrandKind)]
        indexes = [
            Index(fields=["event", "kind", "-asked_at"], name="errands_by_event"),
            Index(fields=["asked_at"], name="errands_not_begun", condition=Q(seen_at=None)),
        ]
