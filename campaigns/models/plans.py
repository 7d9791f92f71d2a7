"""An event's campaign: its steps, and the messages in their immutable versions."""

from datetime import timedelta

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from campaigns.models.events import Event
from campaigns.models.words import (
    CampaignState,
    Channel,
    LateEntrants,
    Per,
    Purpose,
    StepKind,
    StepState,
    one_of,
)


class Template(models.Model):
    """A message of an event, by channel and name; what it says stands in its versions."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="templates")
    channel = models.TextField(choices=Channel.choices)
    name = models.TextField()

    class Meta:
        db_table = "templates"
        constraints = [
            UniqueConstraint(fields=["event", "channel", "name"], name="templates_one_name"),
            one_of("templates", "channel", Channel),
        ]


class Version(models.Model):
    """One wording of a template; the database refuses to change it."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    source = models.TextField()
    content_hash = models.TextField(help_text="sha256 of the source, hexadecimal")
    health = models.BooleanField(default=False, help_text="health advice: it needs a sign-off to be sent")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "versions"
        constraints = [
            UniqueConstraint(fields=["template", "number"], name="versions_one_number"),
        ]


class SignOff(models.Model):
    """A medical reviewer's approval of one version; the database lets it be revoked and refuses any other change."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="sign_offs")
    reviewer = models.TextField(help_text="as the foot of the email names them")
    registration = models.TextField(blank=True, default="", help_text="role or registration, in words")
    signed_at = models.DateTimeField()
    review_by = models.DateField(help_text="the last day, in the event's zone, on which it counts")
    entered_by = models.TextField()
    sources = models.JSONField(help_text="title, url and read of each source, as they stood in the version")
    content_hash = models.TextField(help_text="that of the version: what was signed")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.TextField(blank=True, default="")

    class Meta:
        db_table = "sign_offs"
        constraints = [
            UniqueConstraint(
                fields=["version"], condition=Q(revoked_at__isnull=True), name="sign_offs_one_standing"
            ),
        ]


class Campaign(models.Model):
    """An event's plan and whether it runs."""

    event = models.OneToOneField(Event, on_delete=models.CASCADE, related_name="campaign")
    name = models.TextField()
    state = models.TextField(choices=CampaignState.choices, default=CampaignState.DRAFT)
    quiet_hours = models.TextField(blank=True, default="", help_text="'20:00-09:00', or empty for none")
    live_since = models.DateTimeField(
        null=True, blank=True, help_text="when it was last started, or went on after a pause or a hold"
    )

    class Meta:
        db_table = "campaigns"
        constraints = [one_of("campaigns", "state", CampaignState)]


class Step(models.Model):
    """One message of the plan, with how far its opening has come."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="steps")
    kind = models.TextField(choices=StepKind.choices, default=StepKind.PLANNED)
    name = models.TextField()
    position = models.IntegerField()
    channel = models.TextField(choices=Channel.choices)
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="steps")
    fallback_template = models.ForeignKey(
        Template, on_delete=models.PROTECT, null=True, blank=True, related_name="fallback_steps"
    )
    when = models.TextField(blank=True, default="", help_text="grammar of schedule.parse_when")
    audience = models.TextField(help_text="grammar of audience.parse")
    purpose = models.TextField(choices=Purpose.choices)
    latest = models.DurationField(default=timedelta(hours=24), help_text="worth sending until then")
    late_entrants = models.TextField(choices=LateEntrants.choices, default=LateEntrants.CATCH_UP)
    per = models.TextField(choices=Per.choices, default=Per.ENTRANT)
    quiet_exempt = models.BooleanField(default=False)
    state = models.TextField(choices=StepState.choices, default=StepState.WAITING)
    state_reason = models.TextField(blank=True, default="", help_text="why it was paused, in words")
    content_hash = models.TextField(help_text="of all that an approval binds but the event's date")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    fallback_version = models.ForeignKey(
        Version, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_hash = models.TextField(blank=True, default="")
    approved_date = models.DateField(null=True, blank=True, help_text="the event's date when approved")
    approved_by = models.TextField(blank=True, default="")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_audience = models.IntegerField(
        null=True, blank=True, help_text="confirmed entrants in its audience when it was approved"
    )
    approved_recipients = models.IntegerField(
        null=True, blank=True, help_text="of these, who would have got it as things stood then"
    )
    approved_ready = models.IntegerField(
        null=True, blank=True, help_text="of its audience then, all but children without a guardian"
    )
    approved_emails = models.IntegerField(null=True, blank=True, help_text="messages that this came to")
    approved_texts = models.IntegerField(null=True, blank=True, help_text="messages that this came to")
    approved_segments = models.IntegerField(null=True, blank=True, help_text="what these texts are paid as")
    approved_left_out = models.JSONField(
        default=dict, db_default={}, help_text="how many of its audience did not get it then, by reason"
    )
    opening_cursor = models.BigIntegerField(
        null=True, blank=True, help_text="last entrant of an opening under way"
    )
    opening_revision = models.BigIntegerField(
        null=True, blank=True, help_text="the event's revision when the opening under way began"
    )
    first_opened_revision = models.BigIntegerField(
        null=True, blank=True, help_text="that of the first completed opening: entrants above it are late"
    )
    opened_revision = models.BigIntegerField(
        null=True, blank=True, help_text="that of the last completed one"
    )
    totals = models.JSONField(
        default=dict, db_default={}, help_text="rows by state whose deliveries time has removed"
    )
    dated_version = models.BigIntegerField(
        default=0, help_text="the event's plan version that every row of this step is dated by"
    )
    dating_version = models.BigIntegerField(
        default=0, help_text="the plan version that a re-dating under way brings rows to"
    )
    dating_cursor = models.BigIntegerField(default=0, help_text="last entrant of a re-dating under way")
    release = models.ForeignKey(
        "Release",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="steps",
        help_text="the press of an alert that this step carries out",
    )

    class Meta:
        db_table = "steps"
        ordering = ["position"]
        constraints = [
            UniqueConstraint(fields=["campaign", "name"], name="steps_one_name"),
            one_of("steps", "kind", StepKind),
            one_of("steps", "channel", Channel),
            one_of("steps", "purpose", Purpose),
            one_of("steps", "late_entrants", LateEntrants),
            one_of("steps", "per", Per),
            one_of("steps", "state", StepState),
            CheckConstraint(
                name="steps_fallback_only_on_sms",
                condition=Q(fallback_template__isnull=True) | Q(channel=Channel.SMS),
            ),
        ]

    def __str__(self) -> str:
        return self.name
