"""Who may be written to: the whole matrix as one SQL expression, asked in the claim and nowhere earlier."""

from campaigns.audience import MINOR_SQL

CONSENT = """EXISTS (
    SELECT 1 FROM consents k WHERE k.entrant_id = e.id AND k.channel = {channel} AND k.purpose = {purpose}
        AND k.granted OFFSET 0)"""
"""Served by consents_one_answer; no row, or a row that says no, is no.

The OFFSET has it asked of each candidate: Postgres would rather gather everyone's yes for every block.
"""

# Alerts go to every confirmed entry with a usable address. Service email needs a confirmed entry only; every
# planned text needs the entrant's yes to texts; tips and sponsor need their own yes on that channel.
CONSENTED = f"""(
    s.kind = 'alert'
    OR (({{channel}} = 'email' OR {CONSENT.format(channel="'sms'", purpose="'service'")})
        AND (s.purpose = 'service' OR {CONSENT.format(channel="{channel}", purpose="s.purpose")})))"""

# Served by suppressions_one_a_scope.
SUPPRESSED = """EXISTS (
    SELECT 1 FROM suppressions x
    WHERE x.organiser_id = ev.organiser_id AND x.channel = {channel} AND x.address_hash = {address}
        AND (x.scope = 'all'
            OR (x.scope = 'all_but_alerts' AND s.kind <> 'alert')
            OR (x.scope = 'tips_and_sponsor' AND s.kind <> 'alert' AND s.purpose <> 'service'))
    OFFSET 0)"""


def agreed(channel: str, address: str) -> str:
    """The purposes that a part of a message may serve beside its own, over k, e, s and ev, as a text array.

    A tip in news about the race, a sponsor's words below a tip: what was agreed to on this channel, and nothing
    once anything is stopped. A tip to a suppressed address is never claimed, so only service messages ask again.
    Served by consents_one_answer and suppressions_one_a_scope.
    """
    return f"""(CASE
    WHEN s.kind = 'alert' THEN ARRAY[]::text[]
    WHEN s.purpose = 'service' AND EXISTS (
        SELECT 1 FROM suppressions x WHERE x.organiser_id = ev.organiser_id AND x.channel = {channel}
            AND x.address_hash = {address}) THEN ARRAY[]::text[]
    ELSE ARRAY(SELECT k.purpose FROM consents k
        WHERE k.entrant_id = e.id AND k.channel = {channel} AND k.granted ORDER BY k.purpose) END)"""


def verdict(audience: str, *, quiet: bool, now: str = "%(now)s") -> str:
    """A CASE over d, o, s, ev and the people's tables that gives each candidate one word.

    `eligible`, `email` (change the channel), `quiet` (later), `stale` (dated by another plan), `held`, or a
    reason to skip. The first that applies is the one that is shown. `now` is the moment it asks of, as SQL.
    """
    return f"""CASE
        WHEN d.plan_version <> ev.plan_version THEN 'stale'
        WHEN e.status = 'withdrawn' THEN 'withdrawn'
        WHEN e.status = 'held' THEN 'held'
        WHEN d.latest_at <= {now} THEN 'too_late'
        WHEN NOT {audience} OR {_DID_NOT_START} THEN 'not_in_audience'
        WHEN {MINOR_SQL} AND g.entrant_id IS NULL THEN 'minor'
        WHEN o.channel = 'sms' AND NOT e.mobile_ok AND s.fallback_template_id IS NOT NULL AND e.email <> ''
            THEN 'email'
        WHEN o.channel = 'sms' AND e.mobile = '' THEN 'no_address'
        WHEN o.channel = 'sms' AND NOT e.mobile_ok THEN 'not_mobile'
        WHEN o.channel = 'email' AND e.email = '' THEN 'no_address'
        WHEN NOT {CONSENTED.format(channel="o.channel")} THEN 'no_consent'
        WHEN o.channel = 'email' AND {SUPPRESSED.format(channel="'email'", address="e.email_hash")} THEN 'suppressed'
        WHEN o.channel = 'sms' AND {SUPPRESSED.format(channel="'sms'", address="e.mobile_hash")} THEN 'suppressed'
        {QUIET if quiet else ""}
        ELSE 'eligible' END"""


QUIET = "WHEN o.channel = 'sms' AND s.kind <> 'alert' AND NOT s.quiet_exempt THEN 'quiet'"

# Who does not start gets nothing planned from the beginning of race day on. An alert is for whoever may be there.
_DID_NOT_START = (
    "(e.race_status = 'dns' AND s.kind <> 'alert' AND (d.due_at AT TIME ZONE ev.timezone)::date >= ev.date)"
)
