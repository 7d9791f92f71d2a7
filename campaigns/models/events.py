"""Events, their races and waves, and the organiser whom they belong to."""

from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint


class Organiser(models.Model):
    """Who answers for the messages; suppressions belong to an organiser, across its events."""

    slug = models.SlugField(unique=True)
    name = models.TextField()

    class Meta:
        db_table = "organisers"


class Event(models.Model):
    """One edition of a race meeting."""

    organiser = models.ForeignKey(Organiser, on_delete=models.PROTECT, related_name="events")
    slug = models.SlugField(unique=True)
    name = models.TextField()
    date = models.DateField()
    timezone = models.TextField(help_text="IANA name; every wall-clock time of the event is in it")
    venue = models.TextField(blank=True, default="")
    arrive_by = models.TextField(blank=True, default="", help_text="in words, for example '1 hour before'")
    info_url = models.TextField(blank=True, default="")
    deferral_url = models.TextField(blank=True, default="")
    contact_email = models.TextField(blank=True, default="", help_text="Reply-To: a mailbox someone reads")
    logo_url = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="shown at the top of every email; the same for everyone",
    )
    contact_confirmed = models.TextField(
        blank=True, default="", db_default="", help_text="the contact that somebody has proved to read"
    )
    postal_address = models.TextField(blank=True, default="")
    colour = models.TextField(blank=True, default="#14573D")
    revision = models.BigIntegerField(
        default=0, help_text="rises with every change to entrants, waves, consents or statuses"
    )
    plan_version = models.BigIntegerField(
        default=1, help_text="rises when the race moves and when a wave, start or plan changes"
    )
    contact_days = models.PositiveIntegerField(
        default=90,
        db_default=90,
        help_text="days after the race after which nobody can be written to any more",
    )
    fact_months = models.PositiveIntegerField(
        default=24, db_default=24, help_text="months after the race after which the ledger keeps totals alone"
    )
    contacts_removed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="when time had removed the last contact data; a later list begins anew",
    )
    incident_hold = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    alert_approvers = models.SmallIntegerField(
        default=2, help_text="people that arming an alert needs: 2, or 1 where there is only one"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "events"
        constraints = [
            CheckConstraint(name="events_one_or_two_approvers", condition=Q(alert_approvers__in=[1, 2]))
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Race(models.Model):
    """A distance inside an event."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="races")
    slug = models.SlugField()
    name = models.TextField()
    start = models.TimeField(help_text="wall clock in the event's zone")
    for_children = models.BooleanField(
        default=False, help_text="everyone in it is a child, and the address in its entries is the guardian's"
    )

    class Meta:
        db_table = "races"
        constraints = [UniqueConstraint(fields=["event", "slug"], name="races_one_slug_an_event")]

    def __str__(self) -> str:
        return self.slug


class Wave(models.Model):
    """A group of a race with a start of its own."""

    race = models.ForeignKey(Race, on_delete=models.CASCADE, related_name="waves")
    name = models.TextField()
    start = models.TimeField(help_text="wall clock in the event's zone")

    class Meta:
        db_table = "waves"
        constraints = [UniqueConstraint(fields=["race", "name"], name="waves_one_name_a_race")]

    def __str__(self) -> str:
        return self.name


class StaffContact(models.Model):
    """One of the people behind an event, who get tests of alerts and news about the sending; not an entrant."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="staff")
    name = models.TextField()
    email = models.TextField(blank=True, default="")
    mobile = models.TextField(blank=True, default="", help_text="E.164")
    copies = models.BooleanField(
        default=False, db_default=False, help_text="whether they get the words of each step when it goes out"
    )

    class Meta:
        db_table = "staff_contacts"
        ordering = ["name"]
        constraints = [
            UniqueConstraint(fields=["event", "name"], name="staff_contacts_one_name"),
            CheckConstraint(name="staff_contacts_reachable", condition=~Q(email="", mobile="")),
        ]

    def __str__(self) -> str:
        return self.name
