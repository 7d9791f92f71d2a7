"""Run Reigate in the middle of its season, for the organisers' pictures: sent, being sent, waiting, armed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django_otp.plugins.otp_totp.models import TOTPDevice
from people import LEASE, ROOT, an_event, sign_everything, the_library
from signed_in import make_user
from time_machine import travel

import scheduler
from campaigns import alerts, campaign, ledger, tallies
from campaigns.api import tokens
from campaigns.entry_lists import uploads
from campaigns.entry_lists.imports import import_list
from campaigns.ledger.moments import Field
from campaigns.models import Campaign, Delivery, Entrant, Event, StaffContact, Step, User, Wave
from campaigns.models.words import Channel, Role

SAMPLE = ROOT / "tests" / "data" / "lets_do_this_start_list.csv"
ENTERED = datetime(2027, 6, 1, 9, tzinfo=UTC)
NOW = datetime(2027, 8, 24, 9, 0, 30, tzinfo=UTC)
"""26 days before the race, half a minute after the mail about drinking began to leave."""
SENT = 236
"""Of that mail, by then."""
WAITING = ("taper", "kids-race", "niggles")
ROBIN, SAM = "robin.ashdown@example.org", "sam.colley@example.org"


def season() -> tuple[Event, User]:
    """The event at `NOW`, and its owner."""
    with travel(ENTERED):
        event, owner = _event_and_people()
        loaded = the_library(event)
        import_list(SAMPLE, event, who=ROBIN)
        _approve(loaded)
    for step in loaded.steps.filter(
        name__in=("start-well", "shoes", "back-warm-up", "back-pain", "long-run")
    ):
        _send(step, step_moment(event, step))
    hydration = loaded.steps.get(name="hydration")
    for before in (25, 5):
        _send(hydration, NOW - timedelta(seconds=before), most=SENT // 2)
        tallies.count(hydration, NOW - timedelta(seconds=before - 4))
    with travel(NOW, tick=False):
        scheduler.tick(piece=60)
        for step in loaded.steps.filter(first_opened_revision__isnull=False):
            tallies.count(step, NOW)
        _ready_for_race_day(event)
        _list_that_waits(event)
        tokens.make(
            event, "Entry platform", source="platform", scopes=[tokens.Scope.ENTRANTS_WRITE], who=ROBIN
        )
    return event, owner


def step_moment(event: Event, step: Step) -> datetime:
    """The first moment of a step."""
    first = Field.of(event).moments(step, NOW).first
    assert first
    return first


def _event_and_people() -> tuple[Event, User]:
    event = an_event(
        slug="run-reigate-2027",
        contact_confirmed="hello@example.org",
        postal_address="1 Example Street, Reigate RH2 0AA",
        info_url="https://example.org/race-day",
        deferral_url="https://example.org/defer",
    )
    half = event.races.get(slug="half")
    Wave.objects.bulk_create(
        Wave(race=half, name=name, start=time(9, 15 + 5 * at)) for at, name in enumerate("ABC")
    )
    owner = make_user(event, Role.OWNER, Role.REVIEWER, name="Robin Ashdown", may_create_events=True)
    for name, role in (("Sam Colley", Role.APPROVER), ("Amara Okafor", Role.EDITOR), ("Dr Jo Lindqvist", Role.REVIEWER),
                       ("Theo Marsh", Role.VIEWER)):  # fmt: skip
        make_user(event, role, name=name)
    for user in User.objects.exclude(name="Amara Okafor"):
        user.set_password("chalk downs runner")
        user.save()
        TOTPDevice.objects.create(user=user, confirmed=True)
    owner.refresh_from_db()
    return event, owner


def _approve(loaded: Campaign) -> None:
    sign_everything(loaded)
    campaign.approve(loaded, ROBIN, [step.name for step in loaded.steps.all() if step.name not in WAITING])
    loaded.refresh_from_db()
    campaign.start(loaded)


def _send(step: Step, at: datetime, most: int = 10_000) -> None:
    """Opens what is due and has its messages accepted, a few refused, up to so many of them."""
    with travel(at + timedelta(seconds=2), tick=False):
        scheduler.tick(piece=60)
        channel, now = Channel(step.channel), at + timedelta(seconds=3)
        while most > 0:
            groups = ledger.claim(
                channel, step.id, now, limit=min(most, 200), lease=LEASE, holder="gallery"
            ).groups
            if not groups:
                break
            most -= sum(map(len, groups))
            ledger.settle(channel, [_accepted(one, step) for group in groups for one in group], now)
    if channel == Channel.SMS:
        Delivery.objects.filter(step=step, state="sent").update(state="delivered")


def _accepted(one: ledger.Claimed, step: Step) -> ledger.Result:
    if one.delivery % 97 == 0 and one.carrier == one.delivery:
        return ledger.Result(
            one.delivery,
            one.claim,
            one.carrier,
            "recipient",
            "550 5.1.1",
            "No such mailbox",
            version=step.version_id,
        )
    return ledger.Result(one.delivery, one.claim, one.carrier, "accepted", version=step.version_id)


def _ready_for_race_day(event: Event) -> None:
    for name, address, mobile in (
        ("Robin Ashdown", ROBIN, "+447700900871"),
        ("Sam Colley", SAM, "+447700900872"),
    ):
        StaffContact.objects.create(event=event, name=name, email=address, mobile=mobile)
    for name, values in (("heat", {"temp": "29"}), ("stop", {}), ("all-clear", {})):
        alert = alerts.alert_named(event, name)
        alerts.arm(alert, ROBIN, values)
        alerts.arm(alert, SAM, {})
    alerts.arm(alerts.alert_named(event, "delay"), ROBIN, {})


def _list_that_waits(event: Event) -> None:
    """A newer list: some changed, some new, one that cannot be read."""
    lines = SAMPLE.read_text("utf-8-sig").splitlines()
    head, rows = lines[0], lines[1:]
    changed = [
        row.replace("Half Marathon", "10k") if at in (3, 40, 77) else row for at, row in enumerate(rows)
    ]
    fresh = [row.replace("@example", f".new{at}@example") for at, row in enumerate(rows[100:109])]
    wrong = rows[200].replace("@", " at ")
    made = uploads.take(
        event,
        ROBIN,
        "entries-24-august.csv",
        ["\n".join([head, *changed, *fresh, wrong]).encode()],
        complete=False,
    )
    uploads.run(made.id)


def somebody(event: Event) -> Entrant:
    """An entrant with something sent and something to come."""
    found = (
        event.entrants.filter(
            deliveries__step__name="long-run", deliveries__state="delivered", wave__isnull=False
        ).first()
        or event.entrants.filter(deliveries__step__name="long-run", deliveries__state="delivered").first()
    )
    assert found
    return found
