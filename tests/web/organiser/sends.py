"""Sends under way and sends of the past, for the pages that show them."""

from __future__ import annotations

from django.db import transaction
from people import DUE, a_campaign, a_step

from campaigns import addresses, revision, tallies
from campaigns.models import Campaign, Delivery, Entrant, Event, Outbox, Step

SPREAD = (
    ("sent", ""),
    ("delivered", ""),
    ("delivered", ""),
    ("skipped", "no_consent"),
    ("bounced", "provider_refused"),
    ("held", "minor"),
    ("uncertain", ""),
)
"""What became of each in turn; the rest waits."""


@transaction.atomic
def sending(event: Event, people: int = 3) -> Campaign:
    """A live campaign whose step has gone out to many of so many and waits for the others. Safe to repeat."""
    if found := Campaign.objects.filter(event=event).first():
        return found
    campaign = a_campaign(event, a_step(purpose="service"), a_step("later", purpose="service"))
    entrants = _entrants(event, people)
    step = campaign.steps.get(name="tip")
    _deliveries(step, entrants)
    Step.objects.filter(id=step.id).update(
        state="sending", opened_revision=event.revision, first_opened_revision=event.revision
    )
    step.refresh_from_db()
    tallies.count(step, DUE)
    return campaign


def _entrants(event: Event, count: int) -> list[Entrant]:
    race = event.races.get()
    made = Entrant.objects.bulk_create(
        Entrant(
            event=event, race=race, source="test", first_name=f"Runner{number}",
            identity=addresses.identity_hash("sends", str(number)), email=f"r{number}@example.org",
            email_hash=addresses.address_hash(f"r{number}@example.org"),
        )
        for number in range(count)
    )  # fmt: skip
    revision.bump(event.id)
    return made


def _deliveries(step: Step, entrants: list[Entrant]) -> None:
    fates = [SPREAD[at % len(SPREAD)] if at % 10 else ("due", "") for at in range(len(entrants))]
    made = Delivery.objects.bulk_create(
        Delivery(
            step=step, entrant=entrant, channel="email", state=state, reason=reason, plan_version=1, due_at=DUE,
            latest_at=DUE, sent_at=None if state in ("due", "skipped", "held") else DUE,
        )
        for entrant, (state, reason) in zip(entrants, fates, strict=True)
    )  # fmt: skip
    Outbox.objects.bulk_create(
        Outbox(delivery=row, channel="email", step=step, due_at=DUE) for row in made if row.state == "due"
    )
