"""Events, entrants and campaigns for tests, each made with a word or two."""

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction

from campaigns import addresses, campaign, rendering, revision
from campaigns.models import Campaign, Consent, Entrant, Event, Guardian, Organiser, Race, Step
from campaigns.plan import load_plan

RACE_DAY = date(2027, 9, 19)
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent
YES = (("email", "tips"), ("sms", "service"), ("sms", "tips"))

_numbers = itertools.count(1)


def an_event(day: date = RACE_DAY, zone: str = "Europe/London", **fields: Any) -> Event:
    """Run Reigate on `day`, with a half, a 10K and a kids' race."""
    number = next(_numbers)
    organiser, _ = Organiser.objects.get_or_create(slug="reigate", defaults={"name": "Run Reigate Ltd"})
    event = Event.objects.create(
        organiser=organiser,
        slug=fields.pop("slug", f"reigate-{number}"),
        name="Run Reigate 2027",
        date=day,
        timezone=zone,
        venue="Priory Park",
        contact_email="hello@example.org",
        **fields,
    )
    Race.objects.create(event=event, slug="half", name="Half Marathon", start=time(9, 15))
    Race.objects.create(event=event, slug="10k", name="10K", start=time(9, 0))
    Race.objects.create(event=event, slug="kids", name="Kids Race", start=time(12, 0), for_children=True)
    return event


def entrants(
    event: Event,
    count: int,
    *,
    race: str = "half",
    consents: Iterable[tuple[str, str]] = YES,
    born: date | None = date(1985, 5, 5),
    guardian: bool = False,
    **fields: Any,
) -> list[Entrant]:
    """`count` confirmed entrants with an address, a mobile and the given consents, visible at once."""
    chosen = event.races.get(slug=race)
    consents = list(consents)
    made = []
    with transaction.atomic():
        for _ in range(count):
            number = next(_numbers)
            email = fields.get("email", f"runner{number}@example.org")
            mobile = fields.get("mobile", f"+4477009{number % 100_000:05d}")
            values = {
                "first_name": f"Runner{number}",
                "source": "test",
                "identity": addresses.identity_hash(str(number)),
                "birth_date": born,
                "mobile_ok": bool(mobile),
                **fields,
                "email": email,
                "email_hash": addresses.address_hash(email) if email else None,
                "mobile": mobile,
                "mobile_hash": addresses.address_hash(mobile) if mobile else None,
            }
            made.append(Entrant(event=event, race=chosen, **values))
        Entrant.objects.bulk_create(made)
        Consent.objects.bulk_create(
            Consent(entrant=entrant, channel=channel, purpose=purpose, granted=True, source="test", at=AT)
            for entrant in made
            for channel, purpose in consents
        )
        if guardian:
            Guardian.objects.bulk_create(Guardian(entrant=entrant, source="test", at=AT) for entrant in made)
        revision.bump(event.id)
    return made


def entrant(event: Event, **fields: Any) -> Entrant:
    """One entrant, as `entrants` makes them."""
    return entrants(event, 1, **fields)[0]


STEP = """
[[step]]
name = "{name}"
channel = "{channel}"
template = "{template}"
when = "{when}"
audience = "{audience}"
purpose = "{purpose}"
latest = "{latest}"
late_entrants = "{late_entrants}"
{more}
"""


def a_step(name: str = "tip", **words: str) -> str:
    """One `[[step]]` of a plan: an email tip to all, 47 days before at 10:00, unless other words are given."""
    defaults = {
        "channel": "email",
        "template": "back-warm-up",
        "when": "47 days before, 10:00",
        "audience": "all",
        "purpose": "tips",
        "latest": "24 h",
        "late_entrants": "catch-up",
        "more": "",
    }
    return STEP.format(name=name, **(defaults | words))


def a_plan(*steps: str, catch_up: bool = False, quiet_hours: str = "off") -> str:
    """A plan file with these steps."""
    head = f'name = "Tips"\nquiet_hours = "{quiet_hours}"\n'
    tail = '[catch_up]\ntemplate = "catch-up"\n' if catch_up else ""
    return head + "".join(steps) + tail


def a_campaign(event: Event, *steps: str, live: bool = True, **plan: Any) -> Campaign:
    """The event's campaign with these steps, approved and live."""
    text = a_plan(*(steps or (a_step(),)), **plan)
    sources = campaign.Sources(ROOT / "templates")
    loaded = campaign.load(event, load_plan(text, file="plan.toml"), sources, rendering.check_source)
    campaign.approve(loaded, "ann@example.org", [])
    loaded.refresh_from_db()
    if live:
        campaign.start(loaded)
        loaded.refresh_from_db()
    return loaded


def the_step(loaded: Campaign, name: str = "tip") -> Step:
    """A step of a campaign by name, fresh from the database."""
    return Step.objects.get(campaign=loaded, name=name)


def moment(text: str) -> datetime:
    """A moment in UTC from ISO words."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LEASE = timedelta(seconds=60)
