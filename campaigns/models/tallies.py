"""Counts of each step kept ready for pages that many people look at while it goes out."""

from django.db import models

from campaigns.models.plans import Step


class Tally(models.Model):
    """How the deliveries of one step stood at `counted_at`; the ledger is the truth, this is its shadow."""

    step = models.OneToOneField(Step, on_delete=models.CASCADE, primary_key=True, related_name="tally")
    counts = models.JSONField(default=dict, help_text="by channel and shown state")
    reasons = models.JSONField(default=dict, help_text="by channel and reason")
    carried = models.JSONField(
        default=dict, db_default={}, help_text="by channel and shown state, those in another's message"
    )
    refusals = models.JSONField(
        default=list,
        db_default=[],
        help_text="the providers' most frequent refusals: [code, words, how often]",
    )
    trail = models.JSONField(default=list, help_text="of the last minute: [seconds since 1970, handed over]")
    opened_revision = models.BigIntegerField(null=True, help_text="the step's own when it was counted")
    counted_at = models.DateTimeField()
    rest_s = models.FloatField(help_text="seconds to wait at least before it is counted again")
    calm_s = models.FloatField(help_text="seconds to wait while nothing moves; doubles while all stays equal")
    look_at = models.DateTimeField(help_text="when it is counted again although nothing seems to move")

    class Meta:
        db_table = "tallies"
