"""The demo's events: Run Reigate 47 days off with the sample entry list, an invented race that is today, and one
that nothing is done for yet, to try the pages on.

Only what the demo made before is ever removed: its organiser is called `demo`.
"""

import secrets
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from campaigns import approval, campaign, clock, ledger, rendering, sign_off
from campaigns.accounts import members
from campaigns.entry_lists.imports import import_list
from campaigns.models import (
    Campaign,
    Delivery,
    Entrant,
    Event,
    Organiser,
    Race,
    Receipt,
    StaffContact,
    Step,
    User,
    Version,
    Wave,
)
from campaigns.models.words import Role
from campaigns.plan import Plan, load_plan
from campaigns.schedule import DaysFromRace

WHO = "demo@example.org"
ZONE = "Europe/London"
DAYS_OFF = 47
REVIEWER = "EXAMPLE REVIEWER, not a real clinician"
AT_ONCE = ("back-warm-up", "long-run")
"""The steps that the demo brings to this minute: an email and a text, as nobody is to get two emails at once."""

LIBRARY = Path(__file__).resolve().parent.parent / "library"
SAMPLE = settings.BASE_DIR / "tests" / "data" / "lets_do_this_start_list.csv"

COLLEAGUES = (
    ("robin@example.org", "Robin Ashdown", "+447700900871", (Role.OWNER, Role.REVIEWER)),
    ("sam@example.org", "Sam Colley", "+447700900872", (Role.APPROVER,)),
)
"""Two, for what one person alone may not do; anybody at this machine may be both."""

SLUGS = ("run-reigate", "race-today", "try-it")

STARTS = {"half": time(9, 15), "10k": time(9, 0), "5k": time(9, 25), "kids": time(12, 0)}
NAMES = {"half": "Half Marathon", "10k": "10K", "5k": "5K", "kids": "Kids Race"}
WAVES = {"A": time(9, 15), "B": time(9, 20), "C": time(9, 25)}


class NotTheDemos(Exception):
    """One sentence: an event of that name exists that the demo did not make."""


def tell() -> list[Event]:
    """Makes the events anew; imports, approves and starts those it returns. Raises NotTheDemos."""
    organiser, _ = Organiser.objects.update_or_create(slug="demo", defaults={"name": "Run Reigate"})
    forget(organiser)
    _to_try(organiser)
    return [_run_reigate(organiser), _race_today(organiser)]


def colleagues() -> list[str]:
    """The people who can sign in to the demo, each under a password of this run; returns "address password"."""
    events = list(Event.objects.filter(organiser__slug="demo"))
    return [_colleague(email, name, roles, events) for email, name, _, roles in COLLEAGUES]


def _colleague(email: str, name: str, roles: tuple[Role, ...], events: list[Event]) -> str:
    user, _ = User.objects.get_or_create(email=email, defaults={"name": name, "may_create_events": True})
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save()
    for event in events:
        for role in roles:
            members.give(user, event, role)
    return f"{email} {password}"


@transaction.atomic
def forget(organiser: Organiser) -> None:
    """Removes all that the demo made before."""
    taken = Event.objects.filter(slug__in=SLUGS).exclude(organiser=organiser).first()
    if taken:
        raise NotTheDemos(
            f"There is an event '{taken.slug}' that the demo did not make: "
            "set AIDSTATION_HOME to another folder to see the demo."
        )
    ledger.end_openings(Event.objects.filter(organiser=organiser).values_list("id", flat=True))
    ours = Delivery.objects.filter(step__campaign__event__organiser=organiser)
    Receipt.objects.filter(delivery__in=ours.values("id")).delete()
    ours.update(carrier=None)  # a carrier cannot go before whom it carried
    ours.delete()
    Step.objects.filter(campaign__event__organiser=organiser).delete()
    Campaign.objects.filter(event__organiser=organiser).delete()
    Entrant.objects.filter(event__organiser=organiser).delete()
    organiser.suppressions.all().delete()
    organiser.inbound_texts.all().delete()
    organiser.list_mappings.all().delete()
    Event.objects.filter(organiser=organiser).delete()


def _run_reigate(organiser: Organiser) -> Event:
    """47 days off, so that the back warm-up is due now; the demo brings a text forward to the same minute."""
    event = _event_47_days_off(organiser, "run-reigate", "Run Reigate")
    import_list(SAMPLE, event, who=WHO)
    _start(event, _plan_due_now())
    return event


def _to_try(organiser: Organiser) -> None:
    """Nobody is entered and nothing is approved: the rest is done in the pages, and some of it goes out at once."""
    event = _event_47_days_off(organiser, "try-it", "Reigate Hill Run")
    for email, name, mobile, _ in COLLEAGUES:
        StaffContact.objects.create(event=event, name=name, email=email, mobile=mobile)
    _load(event, _plan_due_now())


def _event_47_days_off(organiser: Organiser, slug: str, name: str) -> Event:
    day = clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(days=DAYS_OFF)
    event = _event(organiser, slug, f"{name} {day.year}", day)
    _races(event, STARTS, WAVES)
    return event


def _plan_due_now() -> Plan:
    """The library's plan with some steps brought forward to this minute.

    Quiet hours are off so that the demo texts at any time of day; nobody real is woken.
    """
    now, plan = clock.now().astimezone(ZoneInfo(ZONE)), _library_plan()
    this_minute = DaysFromRace(-DAYS_OFF, time(now.hour, now.minute))
    steps = tuple(replace(step, when=this_minute) if step.name in AT_ONCE else step for step in plan.steps)
    return replace(plan, steps=steps, quiet_hours=None)


def _race_today(organiser: Organiser) -> Event:
    """An invented race that starts in two hours: its race-morning text is due this minute."""
    start = (clock.now() + timedelta(hours=2)).astimezone(ZoneInfo(ZONE))
    event = _event(organiser, "race-today", "Invented Run", start)
    _races(event, {slug: time(start.hour, start.minute) for slug in ("half", "10k")}, {})
    import_list(LIBRARY / "race-today.csv", event, who=WHO)
    plan = _library_plan()
    morning = tuple(step for step in plan.steps if step.name == "race-morning")
    _start(event, replace(plan, name="Race morning", steps=morning, catch_up=None))
    return event


def _event(organiser: Organiser, slug: str, name: str, day: datetime) -> Event:
    return Event.objects.create(
        organiser=organiser,
        slug=slug,
        name=name,
        date=day.date(),
        timezone=ZONE,
        venue="Priory Park",
        contact_email="hello@example.org",
        contact_confirmed="hello@example.org",
        postal_address="Priory Park, Reigate RH2 7RL",
    )


def _races(event: Event, starts: dict[str, time], waves: dict[str, time]) -> None:
    for slug, start in starts.items():
        race = Race.objects.create(
            event=event, slug=slug, name=NAMES[slug], start=start, for_children=slug == "kids"
        )
        if slug == "half":
            Wave.objects.bulk_create(Wave(race=race, name=name, start=at) for name, at in waves.items())


def _library_plan() -> Plan:
    file = LIBRARY / "run-reigate.toml"
    return load_plan(file.read_text(encoding="utf-8"), file=file.name)


def _load(event: Event, plan: Plan) -> Campaign:
    sources = campaign.Sources(settings.BASE_DIR / "templates")
    loaded = campaign.load(event, plan, sources, rendering.check_source)
    _sign(event)
    return loaded


def _start(event: Event, plan: Plan) -> None:
    loaded = _load(event, plan)
    approval.approve(loaded, WHO)
    loaded.refresh_from_db()
    campaign.start(loaded)


def _sign(event: Event) -> None:
    """The library comes unsigned; the demo lets a reviewer sign who says in every foot not to be one."""
    for version in Version.objects.filter(template__event=event, health=True).select_related(
        "template__event"
    ):
        sign_off.sign(
            version, reviewer=REVIEWER, registration="", review_by=event.date + timedelta(days=365), who=WHO
        )
