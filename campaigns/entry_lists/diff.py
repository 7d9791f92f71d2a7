"""What the staged list would change, row by row, worked out in the database.

Each row ends as exactly one of new, changed, withdrawn, unchanged and held. Held are rows that wait for a
person, each time they are imported; withdrawn are those that leave with this list, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

from campaigns.entry_lists import matching
from campaigns.entry_lists.mapping import Field, Layout
from campaigns.entry_lists.matching import ABSENT_REASON, PAIR_REASON, Word
from campaigns.models import Event

MINOR_REASON = "Under 18 in an adult race: say whose address this is."
STATUS_REASON = "The entry list does not say that this entry is confirmed."
GUARDIAN_SOURCE = "entry list: children's race"
TRANSFER_REASON = "Handed on to somebody else."

OUTCOMES = ("new", "changed", "withdrawn", "unchanged", "held")
SHOWN_CHANGES = 20

PLANNED = ("planned_entrants", "planned_consents", "planned_absences")

# Who takes over an entry has not answered yet: a yes of whoever had it is put down as a no that only a later
# answer ends. A row of a pair waits, with all it says.
PLAN_CONSENTS = """
CREATE TEMPORARY TABLE planned_consents AS
SELECT s.row, a.channel, a.purpose, a.wording, t.row IS NOT NULL AS handed_on,
    s.answers[a.position] AND t.row IS NULL AS granted,
    CASE WHEN t.row IS NULL THEN s.answered_at END AS at
FROM staged_entrants s
CROSS JOIN unnest(%(positions)s::int[], %(channels)s::text[], %(purposes)s::text[], %(wordings)s::text[])
    AS a(position, channel, purpose, wording)
LEFT JOIN staged_matches m USING (row)
LEFT JOIN staged_transfers t USING (row)
LEFT JOIN consents c ON c.entrant_id = m.entrant_id AND c.channel = a.channel AND c.purpose = a.purpose
WHERE NOT EXISTS (SELECT FROM staged_pairs p WHERE p.row = s.row AND p.word IS NULL)
    AND CASE WHEN s.answers[a.position]
        THEN c.id IS NULL OR (NOT c.granted AND c.withdrawn_at IS NULL AND s.answered_at > c.at)
        -- A yes given elsewhere is taken back by a list only if the list is the later of the two.
        ELSE c.granted AND (c.source = %(source)s OR s.answered_at > c.at) END
"""

# What the entrant will be. NULL in a staged column means that the list does not say.
PLAN = """
CREATE TEMPORARY TABLE planned_entrants AS
SELECT s.row, m.entrant_id, m.entrant_id IS NULL AND arriving.row IS NULL AS is_new,
    s.race_id, s.registration_id, s.minor, s.for_children, s.token, s.short_code,
    CASE WHEN %(has_wave)s THEN s.wave_id ELSE e.wave_id END AS wave_id,
    CASE WHEN s.email IS NULL THEN COALESCE(e.identity, s.identity) ELSE s.identity END AS identity,
    s.first_name,
    CASE WHEN %(has_last_name)s THEN s.last_name ELSE COALESCE(e.last_name, '') END AS last_name,
    CASE WHEN p.keeps_email THEN COALESCE(e.email, '') ELSE s.email END AS email,
    CASE WHEN p.keeps_email THEN e.email_hash ELSE s.email_hash END AS email_hash,
    CASE WHEN p.keeps_phone THEN COALESCE(e.mobile, '') ELSE COALESCE(s.mobile, '') END AS mobile,
    CASE WHEN p.keeps_phone THEN e.mobile_hash ELSE s.mobile_hash END AS mobile_hash,
    CASE WHEN p.keeps_phone THEN COALESCE(e.mobile_ok, FALSE) ELSE s.mobile_ok END AS mobile_ok,
    COALESCE(s.birth_date, e.birth_date) AS birth_date,
    COALESCE(s.first_timer, e.first_timer) AS first_timer,
    COALESCE(s.club, e.club, '') AS club,
    COALESCE(s.bib, e.bib, '') AS bib,
    p.status,
    CASE
        WHEN leaving.row IS NOT NULL THEN %(pair_reason)s
        WHEN s.status IS NULL AND p.status IN ('held', 'withdrawn') THEN e.hold_reason
        WHEN p.status = 'held' THEN CASE WHEN b.status = 'held' THEN e.hold_reason ELSE %(status_reason)s END
        WHEN p.status = 'confirmed' AND s.minor AND NOT s.for_children AND g.id IS NULL THEN %(minor_reason)s
        ELSE '' END AS hold_reason,
    s.for_children AND g.id IS NULL AND COALESCE(s.email, e.email, '') <> '' AND arriving.row IS NULL
        AS needs_guardian,
    leaving.row IS NOT NULL OR arriving.row IS NOT NULL
        OR p.status = 'held' AND s.status = 'held'
        OR p.status <> 'withdrawn' AND s.minor AND NOT s.for_children AND g.id IS NULL AS waits,
    '{}'::text[] AS changed
FROM staged_entrants s
LEFT JOIN staged_matches m USING (row)
LEFT JOIN entrants e ON e.id = m.entrant_id
LEFT JOIN guardians g ON g.entrant_id = e.id
LEFT JOIN staged_pairs leaving ON leaving.entrant_id = m.entrant_id AND leaving.word IS NULL
LEFT JOIN staged_pairs arriving ON arriving.row = s.row AND arriving.word IS NULL
-- What only an earlier list has done is undone when the entrant is on a list again.
CROSS JOIN LATERAL (
    SELECT CASE WHEN e.hold_reason NOT IN (%(pair_reason)s, %(absent_reason)s) THEN e.status END AS status
) AS b
CROSS JOIN LATERAL (
    SELECT CASE
            WHEN leaving.row IS NOT NULL THEN 'held'
            -- Whom a person holds stays held, whatever a list says, until a person releases them.
            WHEN b.status = 'held' AND e.hold_reason <> %(status_reason)s AND s.status = 'confirmed' THEN 'held'
            ELSE COALESCE(s.status, b.status, 'confirmed') END AS status,
        -- The list's address and number may be the child's own: what a person has entered for a child stands.
        s.email IS NULL OR s.minor AND g.source IS DISTINCT FROM %(guardian_source)s AND g.id IS NOT NULL
            AS keeps_email,
        CASE WHEN s.minor THEN g.id IS NOT NULL ELSE s.mobile IS NULL END AS keeps_phone
) AS p
"""

# Who is on no row: withdrawn by a list that is complete, or held as one of a pair.
PLAN_ABSENCES = """
CREATE TEMPORARY TABLE planned_absences AS
SELECT * FROM (
    SELECT l.entrant_id,
        CASE WHEN p.row IS NOT NULL AND p.word IS NULL THEN 'held' ELSE 'withdrawn' END AS status,
        CASE WHEN p.row IS NOT NULL AND p.word IS NULL THEN %(pair_reason)s ELSE %(absent_reason)s END
            AS hold_reason
    FROM staged_leavers l LEFT JOIN staged_pairs p USING (entrant_id)
    WHERE l.row IS NULL AND (%(complete)s OR p.row IS NOT NULL)
) AS absent
WHERE NOT EXISTS (
    SELECT FROM entrants e
    WHERE e.id = entrant_id AND e.status = absent.status AND e.hold_reason = absent.hold_reason
)
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


class Pair(NamedTuple):
    """A new row and an entrant who leaves: the same person, unless a person says otherwise."""

    row: int
    entrant: int
    differs: str


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
    standing: int
    """Entrants from this source before the list, without those withdrawn."""
    absent: int
    """Entrants on no row who are withdrawn because the list is complete."""
    held_absent: int
    """Entrants on no row who are held as one of a pair."""
    transferred: int
    """Entrants whose registration has gone to somebody else."""
    pairs: list[Pair]
    waits: dict[str, int]
    """What the held rows wait for, by a word of `WAITS_FOR`."""
    digest: str
    """Of what every row and every absent entrant would become: the same digest is the same diff."""

    @property
    def changes_something(self) -> bool:
        return bool(
            self.new_entrants or self.changed_entrants or self.absent or self.held_absent or self.transferred
        )

    @property
    def drop(self) -> float:
        """The share of the entrants that the list leaves out, 0 to 1."""
        return self.absent / self.standing if self.standing else 0.0


def compare(event: Event, layout: Layout, word: Word) -> Diff:
    """Work out afresh what the staged rows would change, and leave it in the planned tables."""
    says = _says(layout, word)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(PLANNED)}")
        matching.match(
            cursor, event.id, layout.mapping.source, word, has_last_name=layout.has(Field.LAST_NAME)
        )
        cursor.execute(PLAN_CONSENTS, _answers(layout))
        cursor.execute(PLAN, says)
        cursor.execute(PLAN_ABSENCES, says)
        cursor.execute("ANALYZE planned_entrants (row, entrant_id), planned_consents (row)")
        cursor.execute(COMPARE)
        return _summary(cursor, event, layout.mapping.source, says)


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


def _says(layout: Layout, word: Word) -> dict[str, Any]:
    return {
        "has_wave": layout.has(Field.WAVE),
        "has_last_name": layout.has(Field.LAST_NAME),
        "complete": word.complete,
        "minor_reason": MINOR_REASON,
        "status_reason": STATUS_REASON,
        "pair_reason": PAIR_REASON,
        "absent_reason": ABSENT_REASON,
        "guardian_source": GUARDIAN_SOURCE,
    }


COUNT = """
SELECT (SELECT count(*) FROM planned_entrants WHERE is_new),
    (SELECT count(*) FROM planned_entrants WHERE changed <> '{}'),
    (SELECT count(*) FROM entrants WHERE event_id = %(event)s AND source = %(source)s AND status <> 'withdrawn'),
    (SELECT count(*) FROM planned_absences WHERE status = 'withdrawn'),
    (SELECT count(*) FROM planned_absences WHERE status = 'held'),
    (SELECT count(*) FROM staged_transfers)
"""
COUNT_COLUMNS = """
SELECT name, count(*) FROM planned_entrants, unnest(changed) AS name GROUP BY name ORDER BY count(*) DESC, name
"""
FIRST_CHANGES = "SELECT row, changed FROM planned_entrants WHERE changed <> '{}' ORDER BY row LIMIT %s"
DIGEST = f"""
SELECT md5(concat(
    (SELECT string_agg(concat_ws(':', p.row, p.entrant_id, {OUTCOME}, p.changed), ';' ORDER BY p.row)
        FROM planned_entrants p),
    '|', (SELECT string_agg(concat_ws(':', entrant_id, status), ';' ORDER BY entrant_id) FROM planned_absences),
    '|', (SELECT string_agg(concat_ws(':', entrant_id, row), ';' ORDER BY entrant_id) FROM staged_transfers)))
"""
WAITS_FOR = ("minor", "status", "pair", "hand")
"""A guardian, a status that is known, a word on who is who, or whoever holds them by hand to let go."""

COUNT_WAITS = f"""
SELECT CASE p.hold_reason WHEN %(minor_reason)s THEN 'minor' WHEN %(status_reason)s THEN 'status'
    WHEN %(pair_reason)s THEN 'pair' WHEN '' THEN 'pair' ELSE 'hand' END AS wait, count(*)
FROM planned_entrants p WHERE {OUTCOME} = 'held' GROUP BY wait
"""
UNDECIDED = "SELECT row, entrant_id, differs FROM staged_pairs WHERE word IS NULL ORDER BY row"


def _summary(cursor: Any, event: Event, source: str, says: dict[str, Any]) -> Diff:
    def rows(statement: str, values: Any = None) -> list[Any]:
        cursor.execute(statement, values)
        return list(cursor.fetchall())

    outcomes = rows(f"SELECT {OUTCOME} AS outcome, count(*) FROM planned_entrants p GROUP BY outcome")
    new, changed, standing, absent, held_absent, transferred = rows(
        COUNT, {"event": event.id, "source": source}
    )[0]
    return Diff(
        outcomes=dict.fromkeys(OUTCOMES, 0) | dict(outcomes),
        columns=dict(rows(COUNT_COLUMNS)),
        changes=rows(FIRST_CHANGES, [SHOWN_CHANGES]),
        new_entrants=new,
        changed_entrants=changed,
        standing=standing,
        absent=absent,
        held_absent=held_absent,
        transferred=transferred,
        pairs=[Pair(*pair) for pair in rows(UNDECIDED)],
        waits={
            word: found[word]
            for found in [dict(rows(COUNT_WAITS, says))]
            for word in WAITS_FOR
            if word in found
        },
        digest=rows(DIGEST)[0][0],
    )
