"""Alerts: messages held ready, who armed them, and each time they were sent."""

from django.db import models
from django.db.models import UniqueConstraint

from campaigns.models.events import Event
from campaigns.models.plans import Campaign, Template, Version
from campaigns.models.words import Channel, one_of


class Alert(models.Model):
    """A message held ready on one channel or both. Whether it is armed is worked out, in `campaigns.alerts`."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="alerts")
    name = models.TextField()
    position = models.IntegerField()
    email_template = models.ForeignKey(
        Template, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    sms_template = models.ForeignKey(
        Template, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    expires = models.DurationField(help_text="worth reading for so long after the press")
    in_plan = models.BooleanField(default=True, help_text="false once the plan has it no more")
    values = models.JSONField(
        default=dict, blank=True, help_text="of typed placeholders, as they are printed"
    )
    armed_hash = models.TextField(blank=True, default="", help_text="of all that was armed: an edit un-arms")
    armed_by = models.TextField(blank=True, default="")
    armed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.TextField(blank=True, default="")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    email_version = models.ForeignKey(
        Version, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    sms_version = models.ForeignKey(
        Version, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    tested_at = models.DateTimeField(null=True, blank=True, help_text="last sent to the staff as a test")

    class Meta:
        db_table = "alerts"
        ordering = ["position"]
        constraints = [UniqueConstraint(fields=["campaign", "name"], name="alerts_one_name")]

    def __str__(self) -> str:
        return self.name


class Release(models.Model):
    """One press: what was sent, by whom, and who had armed it. It has a step a channel, such as `heat#1-email`."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="releases")
    number = models.IntegerField()
    token = models.TextField(help_text="of the press: a second one with the same token is the same press")
    values = models.JSONField(default=dict, blank=True)
    expires = models.DurationField()
    pressed_at = models.DateTimeField()
    pressed_by = models.TextField()
    armed_by = models.TextField()
    confirmed_by = models.TextField(blank=True, default="", help_text="empty where one approver is enough")

    class Meta:
        db_table = "releases"
        constraints = [
            UniqueConstraint(fields=["alert", "number"], name="releases_one_number"),
            UniqueConstraint(fields=["alert", "token"], name="releases_one_token"),
        ]

    def __str__(self) -> str:
        return f"{self.alert.name}#{self.number}"


class AlertReach(models.Model):
    """Whom an alert would have reached on one channel as the event stood at `revision`; the press counts for itself."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="alert_reach")
    channel = models.TextField(choices=Channel.choices)
    revision = models.BigIntegerField(help_text="of the event, when it was counted: equal means still true")
    entrants = models.IntegerField()
    addresses = models.IntegerField()
    left_out = models.JSONField(default=dict, help_text="how many it does not reach, by reason")
    counted_at = models.DateTimeField()
    took_s = models.FloatField(help_text="seconds that the count took")

    class Meta:
        db_table = "alert_reach"
        constraints = [
            UniqueConstraint(fields=["event", "channel"], name="alert_reach_once"),
            one_of("alert_reach", "channel", Channel),
        ]
