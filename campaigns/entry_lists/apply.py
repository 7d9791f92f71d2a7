"""Writes what `diff` planned, in the caller's transaction. It adds and updates entrants, and removes none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from campaigns import revision
from campaigns.entry_lists.diff import GUARDIAN_SOURCE, TRANSFER_REASON
from campaigns.models import Event

COLUMNS = (
    "race_id, wave_id, registration_id, identity, first_name, last_name, email, email_hash, mobile, "
    "mobile_hash, mobile_ok, birth_date, first_timer, club, bib, status, hold_reason"
)

# In id order, as every change of several rows: two of them never wait for each other in a circle.
LOCK = """
SELECT id FROM entrants WHERE id IN (
    SELECT entrant_id FROM staged_matches
    UNION ALL SELECT entrant_id FROM staged_transfers
    UNION ALL SELECT entrant_id FROM staged_leavers
) ORDER BY id FOR NO KEY UPDATE
"""

# Makes room for whoever has the registration now; nothing that a list says finds this entrant again.
HAND_ON = """
UPDATE entrants e SET status = 'withdrawn', hold_reason = %(transfer_reason)s, updated_at = %(now)s,
    identity = sha256(e.identity || convert_to(e.id::text, 'UTF8'))
FROM staged_transfers t WHERE t.entrant_id = e.id
"""

LEAVE = """
UPDATE entrants e SET status = a.status, hold_reason = a.hold_reason, updated_at = %(now)s
FROM planned_absences a WHERE a.entrant_id = e.id
"""

UPDATE = f"""
UPDATE entrants e SET updated_at = %(now)s,
    {", ".join(f"{column} = p.{column}" for column in COLUMNS.split(", "))}
FROM planned_entrants p WHERE p.entrant_id = e.id AND p.changed <> '{{}}'
"""

# From here to the commit nobody else can raise the revision, so the one that `bump` will reach is known.
# Writing it into new rows at once spares writing each of them a second time, in every index. Rows that others
# may hold while they wait for the event have to be written before: each would wait for the other.
NEXT_REVISION = "SELECT revision + 1 FROM events WHERE id = %(event)s FOR NO KEY UPDATE"

INSERT = f"""
INSERT INTO entrants
    (event_id, source, race_status, token, short_code, visible_revision, created_at, updated_at, {COLUMNS})
SELECT %(event)s, %(source)s, '', token, short_code, %(revision)s, %(now)s, %(now)s, {COLUMNS}
FROM planned_entrants WHERE is_new ORDER BY row
"""

# Served by entrants_one_identity_an_event.
FIND_NEW = """
UPDATE planned_entrants p SET entrant_id = e.id
FROM entrants e WHERE p.is_new AND e.event_id = %(event)s AND e.identity = p.identity
"""

ADD_GUARDIANS = """
INSERT INTO guardians (entrant_id, name, source, at)
SELECT entrant_id, '', %(guardian_source)s, %(now)s
FROM planned_entrants WHERE needs_guardian AND is_new = %(new)s ORDER BY entrant_id
ON CONFLICT (entrant_id) DO NOTHING
"""

# A withdrawal that was committed since the comparison is seen here: no list turns it back into a yes.
ANSWER = """
WITH answered AS (
    INSERT INTO consents AS c (entrant_id, channel, purpose, granted, withdrawn_at, source, wording, at)
    SELECT p.entrant_id, a.channel, a.purpose, a.granted,
        CASE WHEN a.granted OR a.handed_on THEN NULL ELSE %(now)s END,
        %(source)s, a.wording, COALESCE(a.at, %(now)s)
    FROM planned_consents a JOIN planned_entrants p USING (row)
    WHERE p.is_new = %(new)s
    ORDER BY p.entrant_id, a.channel, a.purpose
    ON CONFLICT (entrant_id, channel, purpose) DO UPDATE
        SET granted = excluded.granted, withdrawn_at = excluded.withdrawn_at, source = excluded.source,
            wording = excluded.wording, at = excluded.at
        WHERE c.withdrawn_at IS NULL
    RETURNING entrant_id, channel, purpose, granted, source, wording, at
)
INSERT INTO consent_events (entrant_id, channel, purpose, granted, source, wording, at)
SELECT entrant_id, channel, purpose, granted, source, wording, at FROM answered
ORDER BY entrant_id, channel, purpose
"""

# Starts hang on the wave, else on the race: what is planned for these entrants has to be dated again.
MOVE_PLAN = """
UPDATE events SET plan_version = plan_version + 1
WHERE id = %(event)s AND EXISTS (SELECT FROM planned_entrants WHERE changed && ARRAY['race', 'wave'])
"""


def take_turn(event: Event) -> None:
    """Wait for another import of the event to end, and then lock the entrants that were matched.

    What is compared from here on until the commit is compared with what stays as it is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('entrants.import'), %s)", [event.id])
        cursor.execute(LOCK)


def apply(event: Event, source: str, now: datetime) -> None:
    """Write the planned changes and raise the event's revision: the last act of the caller's transaction."""
    values: dict[str, Any] = {
        "event": event.id,
        "source": source,
        "now": now,
        "guardian_source": GUARDIAN_SOURCE,
        "transfer_reason": TRANSFER_REASON,
    }
    with connection.cursor() as cursor:
        for statement in (HAND_ON, LEAVE, UPDATE, ADD_GUARDIANS, ANSWER):
            cursor.execute(statement, {**values, "new": False})
        cursor.execute(NEXT_REVISION, values)
        (values["revision"],) = cursor.fetchone()
        for statement in (INSERT, FIND_NEW, ADD_GUARDIANS, ANSWER, MOVE_PLAN):
            cursor.execute(statement, {**values, "new": True})
    revision.bump(event.id)
