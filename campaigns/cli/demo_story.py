"""The demo's two events: Run Reigate 47 days off with the sample entry list, and an invented race that is today.

Only what the demo made before is ever removed: its organiser is called `demo`.
"""

import secrets
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns import campaign, clock, rendering, sign_off
from campaigns.accounts import members
from campaigns.entry_lists.imports import import_list
from campaigns.models import (
    Attempt,
    Campaign,
    Delivery,
    Entrant,
    Event,
    Organiser,
    Race,
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
AT_ONCE = ("back-warm-up", "hydration", "long-run")
"""The steps that the demo brings forward to this minute; the plan has them on days of their own."""

LIBRARY = Path(__file__).resolve().parent.parent / "library"
SAMPLE = settings.BASE_DIR / "tests" / "data" / "lets_do_this_start_list.csv"

COLLEAGUES = (
    ("robin@example.org", "Robin Ashdown", (Role.OWNER, Role.REVIEWER)),
    ("sam@example.org", "Sam Colley", (Role.APPROVER,)),
)
"""Two, for what one person alone may not do; anybody at this machine may be both."""

STARTS = {"half": time(9, 15), "10k": time(9, 0), "5k": time(9, 25), "kids": time(12, 0)}
NAMES = {"half": "Half Marathon", "10k": "10K", "5k": "5K", "kids": "Kids Race"}
WAVES = {"A": time(9, 15), "B": time(9, 20), "C": time(9, 25)}


class NotTheDemos(Exception):
    """One sentence: an event of that name exists that the demo did not make."""


def tell() -> list[Event]:
    """Makes both events anew, imports their lists, and approves and starts their plans. Raises NotTheDemos."""
    organiser, _ = Organiser.objects.get_or_create(slug="demo", defaults={"name": "Run Reigate (demo)"})
    _forget(organiser)
    return [_run_reigate(organiser), _race_today(organiser)]


def colleagues(events: list[Event]) -> list[str]:
    """The people who can sign in to the demo, each under a password of this run; returns "address password"."""
    return [_colleague(email, name, roles, events) for email, name, roles in COLLEAGUES]


def _colleague(email: str, name: str, roles: tuple[Role, ...], events: list[Event]) -> str:
    user, _ = User.objects.get_or_create(email=email, defaults={"name": name, "may_create_events": True})
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save()
    for event in events:
        for role in roles:
            members.give(user, event, role)
    return f"{email} {password}"


def _forget(organiser: Organiser) -> None:
    taken = Event.objects.filter(slug__in=("run-reigate", "race-today")).exclude(organiser=organiser).first()
    if taken:
        raise NotTheDemos(
            f"There is an event '{taken.slug}' that the demo did not make: "
            "set AIDSTATION_HOME to another folder to see the demo."
        )
    ours = {"step__campaign__event__organiser": organiser}
    Attempt.objects.filter(delivery__in=Delivery.objects.filter(**ours)).delete()
    Delivery.objects.filter(**ours).delete()
    Step.objects.filter(campaign__event__organiser=organiser).delete()
    Campaign.objects.filter(event__organiser=organiser).delete()
    Entrant.objects.filter(event__organiser=organiser).delete()
    organiser.suppressions.all().delete()
    Event.objects.filter(organiser=organiser).delete()


def _run_reigate(organiser: Organiser) -> Event:
    """47 days off, so that the back warm-up is due now; the demo brings hydration forward to the same minute."""
    now = clock.now().astimezone(ZoneInfo(ZONE))
    day = now + timedelta(days=DAYS_OFF)
    event = _event(organiser, "run-reigate", f"Run Reigate {day.year}", day)
    _races(event, STARTS, WAVES)
    import_list(SAMPLE, event, who=WHO)
    plan = _library_plan()
    this_minute = DaysFromRace(-DAYS_OFF, time(now.hour, now.minute))
    steps = tuple(replace(step, when=this_minute) if step.name in AT_ONCE else step for step in plan.steps)
    # Quiet hours are off so that the demo texts at any time of day; nobody real is woken.
    _start(event, replace(plan, steps=steps, quiet_hours=None))
    return event


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


def _start(event: Event, plan: Plan) -> None:
    sources = campaign.Sources(settings.BASE_DIR / "templates")
    loaded = campaign.load(event, plan, sources, rendering.check_source)
    _sign(event)
    campaign.approve(loaded, WHO, [])
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
