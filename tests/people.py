"""Events, entrants and campaigns for tests, each made with a word or two."""

import functools
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

import time_machine
from django.db import connection, transaction

import scheduler
from campaigns import addresses, campaign, ledger, rendering, revision, sign_off
from campaigns.ledger.marks import Mark
from campaigns.models import (
    Campaign,
    Consent,
    Delivery,
    Entrant,
    Event,
    Guardian,
    Organiser,
    Outbox,
    Race,
    Step,
    Template,
    Version,
)
from campaigns.models.words import Channel, StepKind, StepState
from campaigns.plan import load_plan

RACE_DAY = date(2027, 9, 19)
DUE = datetime(2027, 8, 3, 9, 0, tzinfo=UTC)
"""When the usual step of a campaign is due: 47 days before the race, 10:00 in London."""

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent
YES = (("email", "tips"), ("sms", "service"), ("sms", "tips"))

WAITING = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (
    SELECT pid FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""
"""How many sessions of this database wait for a lock. The server has one for each process of a parallel run."""

T = TypeVar("T")

_numbers = itertools.count(1)

check_source = functools.lru_cache(maxsize=None)(rendering.check_source)
"""The same words are compiled once in a run, not once for each test's plan."""


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
        **{"contact_confirmed": "hello@example.org", **fields},
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


OWN = {
    "first_name": "'Runner' || n",
    "identity": "sha256(convert_to('crowd ' || id || ' ' || n, 'UTF8'))",
    "email": "'crowd' || n || '@example.org'",
    "email_hash": "sha256(convert_to('crowd' || n, 'UTF8'))",
    "token": "translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/=', '-_')",
    "short_code": "lpad(to_hex(n), 4, '0') || right(md5(id::text), 4)",
}
"""What each of a crowd has for itself, in SQL; all else is that of the first."""


def crowd(event: Event, count: int, **fields: Any) -> None:
    """Thousands of entrants without consents, made by Postgres out of one."""
    first = entrant(event, consents=(), **fields)
    rest = [f.column for f in Entrant._meta.concrete_fields if f.column not in {"id", *OWN}]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO entrants ({", ".join([*OWN, *rest])})
            SELECT {", ".join([*OWN.values(), *rest])} FROM entrants, generate_series(2, %s) n WHERE id = %s""",
            [count, first.id],
        )


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


def a_campaign(
    event: Event, *steps: str, live: bool = True, folder: Path = ROOT / "templates", **plan: Any
) -> Campaign:
    """The event's campaign with these steps, approved and live; its messages are read from `folder`."""
    loaded = load(event, *steps, folder=folder, **plan)
    campaign.approve(loaded, "ann@example.org", [])
    loaded.refresh_from_db()
    if live:
        campaign.start(loaded)
        loaded.refresh_from_db()
    return loaded


def load(
    event: Event, *steps: str, folder: Path = ROOT / "templates", signed: bool = True, **plan: Any
) -> Campaign:
    """Brings the event's campaign to a plan with these steps, health advice signed off; approves nothing."""
    text = a_plan(*(steps or (a_step(),)), **plan)
    loaded = campaign.load(event, load_plan(text, file="plan.toml"), campaign.Sources(folder), check_source)
    if signed:
        sign_everything(loaded)
    return loaded


def the_library(event: Event) -> Campaign:
    """The plan that comes with Aid Station, with all its messages and alerts, loaded for the event."""
    Race.objects.get_or_create(event=event, slug="5k", defaults={"name": "5K", "start": time(9, 30)})
    plan = load_plan((ROOT / "campaigns" / "library" / "run-reigate.toml").read_text("utf-8"), file="plan")
    return campaign.load(event, plan, campaign.Sources(ROOT / "templates"), check_source)


def sign_everything(loaded: Campaign, review_by: date = date(2099, 12, 31)) -> None:
    """An example reviewer stands for all health advice of the campaign that nobody stands for yet."""
    for version in Version.objects.filter(template__event=loaded.event, health=True):
        if sign_off.standing(version.id) is None:
            sign_off.sign(
                version, reviewer=REVIEWER, registration="", review_by=review_by, who="ann@example.org"
            )


REVIEWER = "EXAMPLE REVIEWER, not a real clinician"


def the_step(loaded: Campaign, name: str = "tip") -> Step:
    """A step of a campaign by name, fresh from the database."""
    return Step.objects.get(campaign=loaded, name=name)


def an_alert(loaded: Campaign, channel: str = "email", *, source: str = "Heat.", **fields: Any) -> Step:
    """An alert that was released: a step of its own, approved for the event's date."""
    template, _ = Template.objects.get_or_create(event=loaded.event, channel=channel, name="alert-heat")
    version = template.versions.first() or template.versions.create(
        number=1, source=source, content_hash="heat", created_at=AT
    )
    defaults = {
        "name": f"heat#{next(_numbers)}",
        "position": 99,
        "audience": "all",
        "purpose": "service",
        "latest": timedelta(hours=3),
        "state": StepState.SENDING,
        "approved_date": loaded.event.date,
        "dated_version": Event.objects.get(id=loaded.event_id).plan_version,
    }
    return Step.objects.create(
        campaign=loaded,
        kind=StepKind.ALERT,
        channel=channel,
        template=template,
        version=version,
        content_hash="heat",
        approved_hash="heat",
        **(defaults | fields),
    )


def queue(step: Step, people: Iterable[Entrant], due: datetime = DUE, **fields: Any) -> list[Delivery]:
    """Deliveries of a step as an opening makes them, due at `due` and worth sending for 24 hours."""
    version = Event.objects.get(campaign=step.campaign_id).plan_version
    values = {
        "step": step,
        "channel": step.channel,
        "plan_version": version,
        "due_at": due,
        "latest_at": due + timedelta(hours=24),
        **fields,
    }
    made = Delivery.objects.bulk_create(
        Delivery(entrant=person, message_id=f"{person.id}@example.org", **values) for person in people
    )
    Outbox.objects.bulk_create(
        Outbox(delivery=row, channel=row.channel, step=step, due_at=row.due_at) for row in made
    )
    Step.objects.filter(id=step.id).update(dated_version=version)
    return made


def tick_at(at: datetime) -> scheduler.Due:
    """One look at what is due, by a clock that stands still at `at`, as thorough on a busy machine."""
    with time_machine.travel(at, tick=False):
        return scheduler.tick(piece=60)


def claim_at(
    at: datetime, step: Step, channel: Channel = Channel.EMAIL, limit: int = 500, behind: Mark | None = None
) -> ledger.Claim:
    """What a drain would claim of a step at `at`."""
    return ledger.claim(channel, step.id, at, limit=limit, lease=LEASE, holder="test", behind=behind)


def names(claim: ledger.Claim) -> list[list[str]]:
    """The first names in a claim, a list for each message."""
    return [[row.first_name for row in group] for group in claim.groups]


def fate(person: Entrant) -> tuple[str, str]:
    """State and reason of an entrant's one delivery."""
    return Delivery.objects.values_list("state", "reason").get(entrant=person)


def elsewhere(act: Callable[[], T]) -> "Future[T]":
    """Runs `act` on a database connection of its own, in a thread, and closes the connection."""

    def run() -> T:
        try:
            return act()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    running = pool.submit(run)
    pool.shutdown(wait=False)
    return running


def moment(text: str) -> datetime:
    """A moment in UTC from ISO words."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LEASE = timedelta(seconds=60)
