"""Sends under way and sends of the past, for the pages that show them."""

from __future__ import annotations

from django.db import connection, transaction
from people import DUE, a_campaign, a_step, crowd

from campaigns import tallies
from campaigns.models import Campaign, Event, Step

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
    crowd(event, people, race=event.races.get().slug)
    step = campaign.steps.get(name="tip")
    _deliveries(step)
    Step.objects.filter(id=step.id).update(
        state="sending", opened_revision=event.revision, first_opened_revision=event.revision
    )
    step.refresh_from_db()
    tallies.count(step, DUE)
    return campaign


def _deliveries(step: Step) -> None:
    """One to each entrant of its event: every tenth waits, the others have their fate of `SPREAD` in turn."""
    states, reasons = zip(*SPREAD, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH person AS (
                SELECT id, row_number() OVER (ORDER BY id) - 1 AS at FROM entrants WHERE event_id = %(event)s
            ), fate AS (
                SELECT id, CASE WHEN at %% 10 = 0 THEN 'due' ELSE (%(states)s::text[])[1 + at %% %(many)s] END AS state,
                    CASE WHEN at %% 10 = 0 THEN '' ELSE (%(reasons)s::text[])[1 + at %% %(many)s] END AS reason
                FROM person
            ), made AS (
                INSERT INTO deliveries (step_id, entrant_id, channel, state, reason, plan_version, due_at, latest_at,
                    sent_at, message_id, attempts)
                SELECT %(step)s, id, 'email', state, reason, 1, %(due)s, %(due)s,
                    CASE WHEN state NOT IN ('due', 'skipped', 'held') THEN %(due)s::timestamptz END, '', 0
                FROM fate RETURNING id, state
            )
            INSERT INTO outbox (delivery_id, channel, step_id, due_at, claim, holder)
            SELECT id, 'email', %(step)s, %(due)s, 0, '' FROM made WHERE state = 'due'""",
            {
                "event": step.campaign.event_id,
                "step": step.id,
                "states": list(states),
                "reasons": list(reasons),
                "many": len(SPREAD),
                "due": DUE,
            },
        )
