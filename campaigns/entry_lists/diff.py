"""What the staged list would change, row by row, worked out in the database.

Each row ends as exactly one of new, changed, withdrawn, unchanged and held. Held are rows that wait for a
person, each time they are imported; withdrawn are those that leave with this list, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from campaigns.entry_lists.mapping import Field, Layout
from campaigns.models import Event

MINOR_REASON = "Under 18 in an adult race: say whose address this is."
STATUS_REASON = "The entry list gives a status that is not known here."

OUTCOMES = ("new", "changed", "withdrawn", "unchanged", "held")
SHOWN_CHANGES = 20

# Served by entrants_one_identity_an_event.
MATCH = """
CREATE TEMPORARY TABLE staged_matches AS
SELECT s.row, e.id AS entrant_id
FROM staged_entrants s JOIN entrants e ON e.event_id = %(event)s AND e.identity = s.identity
"""

# Without a registration id the address is part of who someone is. Someone whose address was missing or could
# not be read in one of two lists would become two entrants and get every text twice.
MATCH_WITHOUT_ADDRESS = """
INSERT INTO staged_matches
SELECT row, entrant_id FROM (
    SELECT s.row, e.id AS entrant_id,
        count(*) OVER (PARTITION BY s.row) AS entrants, count(*) OVER (PARTITION BY e.id) AS rows
    FROM staged_entrants s
    JOIN entrants e ON e.event_id = %(event)s AND e.race_id = s.race_id AND e.birth_date = s.birth_date
        AND e.first_name = s.first_name AND e.last_name = s.last_name
    WHERE s.registration_id = '' AND e.registration_id = ''
        AND (e.email = '') <> (COALESCE(s.email, '') = '')
        AND NOT EXISTS (SELECT FROM staged_matches m WHERE m.row = s.row)
        AND NOT EXISTS (SELECT FROM staged_matches m WHERE m.entrant_id = e.id)
) AS alike
WHERE entrants = 1 AND rows = 1
"""

PLAN_CONSENTS = """
CREATE TEMPORARY TABLE planned_consents AS
SELECT s.row, a.channel, a.purpose, s.answers[a.position] AS granted, a.wording, s.answered_at AS at
FROM staged_entrants s
CROSS JOIN unnest(%(positions)s::int[], %(channels)s::text[], %(purposes)s::text[], %(wordings)s::text[])
    AS a(position, channel, purpose, wording)
LEFT JOIN staged_matches m USING (row)
LEFT JOIN consents c ON c.entrant_id = m.entrant_id AND c.channel = a.channel AND c.purpose = a.purpose
WHERE CASE WHEN s.answers[a.position]
    THEN c.id IS NULL OR (NOT c.granted AND c.withdrawn_at IS NULL)
    -- A yes given elsewhere is taken back by a list only if the list is the later of the two.
    ELSE c.granted AND (c.source = %(source)s OR s.answered_at > c.at) END
"""

# What the entrant will be. NULL in a staged column means that the list does not say.
PLAN = """
CREATE TEMPORARY TABLE planned_entrants AS
SELECT s.row, m.entrant_id, m.entrant_id IS NULL AS is_new,
    s.race_id, s.registration_id, s.minor, s.for_children, s.token, s.short_code,
    CASE WHEN %(has_wave)s THEN s.wave_id ELSE e.wave_id END AS wave_id,
    CASE WHEN s.email IS NULL THEN COALESCE(e.identity, s.identity) ELSE s.identity END AS identity,
    s.first_name,
    CASE WHEN %(has_last_name)s THEN s.last_name ELSE COALESCE(e.last_name, '') END AS last_name,
    COALESCE(s.email, e.email, '') AS email,
    CASE WHEN s.email IS NULL THEN e.email_hash ELSE s.email_hash END AS email_hash,
    CASE WHEN p.keeps_phone THEN COALESCE(e.mobile, '') ELSE COALESCE(s.mobile, '') END AS mobile,
    CASE WHEN p.keeps_phone THEN e.mobile_hash ELSE s.mobile_hash END AS mobile_hash,
    CASE WHEN p.keeps_phone THEN COALESCE(e.mobile_ok, FALSE) ELSE s.mobile_ok END AS mobile_ok,
    COALESCE(s.birth_date, e.birth_date) AS birth_date,
    COALESCE(s.first_timer, e.first_timer) AS first_timer,
    COALESCE(s.club, e.club, '') AS club,
    COALESCE(s.bib, e.bib, '') AS bib,
    p.status,
    CASE
        WHEN s.status IS NULL AND e.status IN ('held', 'withdrawn') THEN e.hold_reason
        WHEN p.status = 'held' THEN CASE WHEN e.status = 'held' THEN e.hold_reason ELSE %(status_reason)s END
        WHEN p.status = 'confirmed' AND s.minor AND NOT s.for_children AND g.id IS NULL THEN %(minor_reason)s
        ELSE '' END AS hold_reason,
    s.for_children AND g.id IS NULL AND COALESCE(s.email, e.email, '') <> '' AS needs_guardian,
    p.status = 'held' AND s.status = 'held'
        OR p.status <> 'withdrawn' AND s.minor AND NOT s.for_children AND g.id IS NULL AS waits,
    '{}'::text[] AS changed
FROM staged_entrants s
LEFT JOIN staged_matches m USING (row)
LEFT JOIN entrants e ON e.id = m.entrant_id
LEFT JOIN guardians g ON g.entrant_id = e.id
CROSS JOIN LATERAL (
    SELECT COALESCE(s.status, e.status, 'confirmed') AS status,
        -- The list's number may be the child's own: what a person has entered for a child stands.
        CASE WHEN s.minor THEN g.id IS NOT NULL ELSE s.mobile IS NULL END AS keeps_phone
) AS p
"""

COMPARED = {
    "race": "race_id",
    "wave": "wave_id",
    "first name": "first_name",
    "last name": "last_name",
    "email": "email",
    "phone": "mobile",
    "can be texted": "mobile_ok",
    "birth date": "birth_date",
    "first-timer": "first_timer",
    "club": "club",
    "bib": "bib",
    "status": "status",
    "hold reason": "hold_reason",
    "identity": "identity",
}
"""What people call it, and the column: all that a list can change of an entrant."""

_DIFFERENT = ", ".join(
    f"CASE WHEN p.{column} IS DISTINCT FROM e.{column} THEN '{name}' END" for name, column in COMPARED.items()
)
COMPARE = f"""
UPDATE planned_entrants p SET changed = array_remove(ARRAY[{_DIFFERENT},
    CASE WHEN p.needs_guardian THEN 'guardian' END,
    CASE WHEN EXISTS (SELECT FROM planned_consents c WHERE c.row = p.row) THEN 'consents' END], NULL)
FROM entrants e WHERE e.id = p.entrant_id
"""

OUTCOME = """
CASE
    WHEN p.status = 'withdrawn' AND (p.is_new OR 'status' = ANY(p.changed)) THEN 'withdrawn'
    WHEN p.waits THEN 'held'
    WHEN p.is_new THEN 'new'
    WHEN p.changed <> '{}' THEN 'changed'
    ELSE 'unchanged' END
"""


@dataclass(frozen=True, slots=True)
class Diff:
    """How many rows end how, and what would change in entrants that are there already."""

    outcomes: dict[str, int]
    columns: dict[str, int]
    """For each thing that changes, in how many rows."""
    changes: list[tuple[int, list[str]]]
    """The first rows that change an entrant, and what in them."""
    new_entrants: int
    changed_entrants: int

    @property
    def changes_something(self) -> bool:
        return bool(self.new_entrants or self.changed_entrants)


def compare(event: Event, layout: Layout) -> Diff:
    """Work out afresh what the staged rows would change, and leave it in the planned tables."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_matches, planned_entrants, planned_consents")
        cursor.execute(MATCH, {"event": event.id})
        cursor.execute(MATCH_WITHOUT_ADDRESS, {"event": event.id})
        cursor.execute("ANALYZE staged_matches")
        cursor.execute(PLAN_CONSENTS, _answers(layout))
        cursor.execute(PLAN, _says(layout))
        cursor.execute("ANALYZE planned_entrants, planned_consents")
        cursor.execute(COMPARE)
        return _summary(cursor)


def _answers(layout: Layout) -> dict[str, Any]:
    grants = [
        (position, channel, purpose, consent.wording)
        for position, consent in enumerate(layout.consents, 1)
        for channel, purpose in consent.grants
    ]
    positions, channels, purposes, wordings = zip(*grants, strict=True) if grants else ((), (), (), ())
    return {
        "positions": list(positions),
        "channels": list(channels),
        "purposes": list(purposes),
        "wordings": list(wordings),
        "source": layout.mapping.source,
    }


def _says(layout: Layout) -> dict[str, Any]:
    return {
        "has_wave": layout.has(Field.WAVE),
        "has_last_name": layout.has(Field.LAST_NAME),
        "minor_reason": MINOR_REASON,
        "status_reason": STATUS_REASON,
    }


def _summary(cursor: Any) -> Diff:
    cursor.execute(f"SELECT {OUTCOME} AS outcome, count(*) FROM planned_entrants p GROUP BY outcome")
    outcomes = dict.fromkeys(OUTCOMES, 0) | dict(cursor.fetchall())
    cursor.execute(
        "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE changed <> '{}') FROM planned_entrants"
    )
    new_entrants, changed_entrants = cursor.fetchone()
    cursor.execute(
        "SELECT name, count(*) FROM planned_entrants, unnest(changed) AS name "
        "GROUP BY name ORDER BY count(*) DESC, name"
    )
    columns = dict(cursor.fetchall())
    cursor.execute(
        "SELECT row, changed FROM planned_entrants WHERE changed <> '{}' ORDER BY row LIMIT %s",
        [SHOWN_CHANGES],
    )
    return Diff(outcomes, columns, cursor.fetchall(), new_entrants, changed_entrants)
