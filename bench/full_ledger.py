"""A race with everything in it, for measurements that read: its people, its plan, and most of it sent."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import campaigns
from bench import people
from bench.station import Station

if TYPE_CHECKING:
    from campaigns.models import Campaign, Step

SLUG = "reigate"
SHARES = {"half": 60, "10k": 25, "5k": 7, "kids": 8}
"""How many of a hundred run in each race."""

CALLER = {"first_name": "Zoë", "last_name": "Quill-Feather", "bib": "Z1"}
CALLER_EMAIL, CALLER_MOBILE = "zoe.quill@example.org", "+447700900123"
"""Who calls on race day: one whose address and number are known to every index."""


def filled(aid: Station, entrants: int, deliveries: int) -> "Campaign":
    campaign = _campaign(aid, entrants)
    steps = list(campaign.steps.filter(kind="planned").order_by("position"))
    number = max(1, min(len(steps), round(deliveries / entrants)))
    for at, step in enumerate(steps[:number]):
        _deliver(aid, step, moving=at == number - 1)
    for table in ("deliveries", "attempts", "outbox", "steps", "entrants", "consents"):
        aid.sql(f"VACUUM (ANALYZE) {table}")
    return campaign


def _campaign(aid: Station, entrants: int) -> "Campaign":
    """Run Reigate with its library plan, signed, approved and live."""
    from campaigns import campaign as plans
    from campaigns import clock, sign_off
    from campaigns.models import Campaign, Version

    day = clock.now().date() + timedelta(days=3)
    aid.command(
        "event", "create", "--slug", SLUG, "--name", "Run Reigate", "--date", str(day), "--timezone",
        "Europe/London", "--race", "half=09:15", "--race", "10k=10:00", "--race", "5k=10:30", "--race", "kids=12:00",
        "--contact", "hello@example.org", "--venue", "Priory Park", "--postal-address", "1 Example Street",
    )  # fmt: skip
    _people(aid, entrants)
    plan = Path(campaigns.__file__).parent / "library" / "run-reigate.toml"
    aid.command("campaign", "load", str(plan), "--event", SLUG)
    found = Campaign.objects.select_related("event__organiser").get(event__slug=SLUG)
    for version in Version.objects.filter(template__event=found.event, health=True):
        sign_off.sign(
            version, reviewer="EXAMPLE REVIEWER, not a clinician", registration="", review_by=date(2099, 12, 31),
            who="bench",
        )  # fmt: skip
    plans.approve(found, "bench", [])
    found.refresh_from_db()
    plans.start(found)
    return found


def _people(aid: Station, entrants: int) -> None:
    """Entrants in every race, most children with a guardian, a few held, and the one who calls."""
    first = 0
    races = dict(aid.sql("SELECT r.slug, r.id FROM races r JOIN events e ON e.id = r.event_id WHERE e.slug = %(slug)s",
        slug=SLUG))  # fmt: skip
    for race, share in SHARES.items():
        count = entrants - first if race == "kids" else entrants * share // 100
        people.seed(aid, int(races[race]), count, first=first)
        first += count
    aid.sql(_GUARDIANS, race=races["kids"])
    aid.sql("UPDATE entrants SET status = 'held', hold_reason = 'Two entries.' WHERE id %% 500 = 7")
    _caller()


def _caller() -> None:
    from campaigns.addresses import address_hash
    from campaigns.models import Entrant

    Entrant.objects.filter(id=Entrant.objects.order_by("id")[3].id).update(
        **CALLER, email=CALLER_EMAIL, email_hash=address_hash(CALLER_EMAIL),
        mobile=CALLER_MOBILE, mobile_hash=address_hash(CALLER_MOBILE),
    )  # fmt: skip


def _deliver(aid: Station, step: "Step", *, moving: bool) -> None:
    """A delivery of the step for everyone, most of them sent; of a step that moves a fifth waits."""
    aid.sql(_DELIVERIES, step=step.pk, channel=step.channel, waits=20 if moving else 0)
    aid.sql(_ATTEMPTS, step=step.pk)
    aid.sql(_OUTBOX, step=step.pk)
    aid.sql(_HELD, step=step.pk)
    aid.sql(
        "UPDATE steps s SET state = %(state)s, opened_revision = e.revision, first_opened_revision = e.revision,"
        " dated_version = e.plan_version FROM campaigns c JOIN events e ON e.id = c.event_id"
        " WHERE s.id = %(step)s AND c.id = s.campaign_id",
        step=step.pk,
        state="sending" if moving else "done",
    )


_DELIVERIES = """
INSERT INTO deliveries (step_id, entrant_id, channel, state, reason, plan_version, due_at, latest_at, message_id,
    attempts, sent_at, settled_at)
SELECT %(step)s, f.id, %(channel)s, f.state, CASE f.state WHEN 'skipped' THEN 'no_consent'
        WHEN 'bounced' THEN 'provider_refused' ELSE '' END,
    (SELECT plan_version FROM events WHERE id = f.event_id), now() - INTERVAL '1 hour', now() + INTERVAL '1 day',
    %(step)s || '.' || f.id || '@example.org', 1,
    CASE WHEN f.state IN ('sent', 'delivered', 'bounced') THEN now() END,
    CASE WHEN f.state <> 'due' THEN now() END
FROM (SELECT e.id, e.event_id, CASE WHEN e.id %% 100 < %(waits)s::int THEN 'due' WHEN e.id %% 100 < 40 THEN 'sent'
        WHEN e.id %% 100 < 90 THEN 'delivered' WHEN e.id %% 100 < 98 THEN 'skipped' ELSE 'bounced' END AS state
    FROM entrants e ORDER BY e.id) f"""

_ATTEMPTS = """
INSERT INTO attempts (delivery_id, number, channel, outcome, code, detail, provider_ref, at)
SELECT id, 1, channel, CASE state WHEN 'bounced' THEN 'recipient' ELSE 'accepted' END,
    CASE state WHEN 'bounced' THEN '550 5.1.1' ELSE '250' END,
    CASE state WHEN 'bounced' THEN 'No such user' ELSE '' END, '', now()
FROM deliveries WHERE step_id = %(step)s AND sent_at IS NOT NULL ORDER BY id"""

_OUTBOX = """
INSERT INTO outbox (delivery_id, channel, step_id, due_at, claim, holder)
SELECT id, channel, step_id, due_at, 0, '' FROM deliveries WHERE step_id = %(step)s AND state = 'due' ORDER BY id"""

_HELD = """
WITH gone AS (DELETE FROM outbox WHERE step_id = %(step)s AND delivery_id %% 997 = 0 RETURNING delivery_id)
UPDATE deliveries SET state = 'held', reason = 'missing_value', held_revision = 1
FROM gone WHERE id = gone.delivery_id"""

_GUARDIANS = """
INSERT INTO guardians (entrant_id, name, source, at)
SELECT id, 'Pat Example', 'bench', now() FROM entrants WHERE race_id = %(race)s AND id %% 50 <> 0"""
