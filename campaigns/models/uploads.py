"""Entry lists that somebody has uploaded in a page, from the file to what came of it."""

import secrets

from django.db import models
from django.db.models import Index, Q

from campaigns.models.events import Event
from campaigns.models.words import UploadState, one_of


def new_upload_token() -> str:
    """Names an upload in addresses; it cannot be guessed or counted."""
    return secrets.token_urlsafe(12)


class ListUpload(models.Model):
    """One list. Its file is kept while somebody may still bring it in, and no longer."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="uploads", db_index=False)
    token = models.TextField(unique=True, default=new_upload_token)
    state = models.TextField(choices=UploadState.choices, default=UploadState.WAITING)
    name = models.TextField(help_text="the file's, as its owner called it")
    body = models.BinaryField(null=True, help_text="the file, gzipped; gone when the list is done with")
    asked_by = models.TextField(help_text="as the audit log names them")
    asked_at = models.DateTimeField()
    confirmed_by = models.TextField(blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)
    tries = models.SmallIntegerField(default=0, help_text="how often a worker has begun what it is now to do")
    done = models.IntegerField(default=0, help_text="lines read")
    total = models.IntegerField(default=0, help_text="of `done`; 0 while nobody knows")
    complete = models.BooleanField(default=False, help_text="everybody is on it: who is absent has withdrawn")
    mapping = models.JSONField(null=True, help_text="what a mapping file holds, as somebody chose it here")
    dates = models.TextField(blank=True, default="")
    same = models.JSONField(default=list, help_text="rows of pairs that are the entrant who leaves")
    different = models.JSONField(default=list, help_text="rows of pairs that are somebody else")
    columns = models.JSONField(default=dict, help_text="its headings and what each is read as")
    result = models.JSONField(default=dict, help_text="counts, changes and problems, without any cell")
    digest = models.TextField(
        blank=True, default="", help_text="of what each row would become, as it was shown"
    )
    problem = models.TextField(blank=True, default="", help_text="what a person has to know, in a sentence")

    class Meta:
        db_table = "list_uploads"
        constraints = [one_of("list_uploads", "state", UploadState)]
        indexes = [
            Index(fields=["event", "-id"], name="list_uploads_by_event"),
            Index(fields=["id"], name="list_uploads_to_do", condition=Q(state__in=["waiting", "confirmed"])),
            Index(fields=["asked_at"], name="list_uploads_with_file", condition=Q(body__isnull=False)),
        ]
