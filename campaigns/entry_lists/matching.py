"""Who is who: which entrant a staged row speaks of, who hands an entry on, who leaves, who may be the same person.

It decides nothing about what an entrant becomes, and changes none: it fills the temporary tables that `diff`
plans from.

| Found | Means |
| --- | --- |
| the same identity | the row speaks of this entrant |
| no registration id, and all the same but an address missing on one side | likewise, when nobody else could be meant |
| the same registration id, another name, and another birth date or email | a transfer: somebody else has the entry |
| an entrant who leaves, and a new one who agrees in all but one thing | a pair: held until a person says who it is |
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

PAIR_REASON = (
    "Leaves the entry list while a new entry differs in one thing only: import it again and say "
    "with --same or --different whether this is the same person."
)
ABSENT_REASON = "No longer on the complete entry list."

TABLES = ("staged_matches", "staged_transfers", "staged_leavers", "staged_pairs")


@dataclass(frozen=True, slots=True)
class Word:
    """What a person says of a list beside the list itself."""

    complete: bool = False
    """Everybody is on it: who is absent has withdrawn."""
    same: Collection[int] = ()
    """Rows of held pairs that are the entrant who leaves; rows that are no pair are passed over."""
    different: Collection[int] = ()
    """Rows of held pairs that are somebody else."""


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

# A birth date or address that one side does not know is no other one.
TRANSFERS = """
CREATE TEMPORARY TABLE staged_transfers AS
SELECT s.row, e.id AS entrant_id
FROM staged_matches m JOIN staged_entrants s USING (row) JOIN entrants e ON e.id = m.entrant_id
WHERE s.registration_id <> ''
    AND (lower(s.first_name) <> lower(e.first_name)
        OR %(has_last_name)s AND lower(s.last_name) <> lower(e.last_name))
    AND (s.birth_date <> e.birth_date OR s.email_hash <> e.email_hash
        -- The guardian's address in a child's entry is not the list's.
        AND NOT EXISTS (SELECT FROM guardians g WHERE g.entrant_id = e.id))
"""
UNMATCH_TRANSFERS = "DELETE FROM staged_matches m USING staged_transfers t WHERE m.row = t.row"

LEAVERS = """
CREATE TEMPORARY TABLE staged_leavers AS
SELECT e.id AS entrant_id, m.row
FROM entrants e
LEFT JOIN staged_matches m ON m.entrant_id = e.id
LEFT JOIN staged_entrants s ON s.row = m.row
WHERE e.event_id = %(event)s AND e.status <> 'withdrawn'
    AND NOT EXISTS (SELECT FROM staged_transfers t WHERE t.entrant_id = e.id)
    AND CASE WHEN m.row IS NULL
        -- Another platform's list says nothing about who is missing from this one's.
        THEN e.source = %(source)s AND (%(complete)s OR e.hold_reason = %(pair_reason)s)
        ELSE s.status = 'withdrawn' END
"""

_AGREE = {
    "email": "s.email_hash = e.email_hash",
    "name": "lower(s.first_name || ' ' || s.last_name) = lower(e.first_name || ' ' || e.last_name)",
    "birth date": "s.birth_date = e.birth_date",
    "race": "s.race_id = e.race_id",
}


def _alike_but_for(difference: str) -> str:
    agreeing = " AND ".join(test for name, test in _AGREE.items() if name != difference)
    return f"""
    SELECT s.row, e.id AS entrant_id,
        CASE WHEN {_AGREE[difference]} THEN 'registration id' ELSE '{difference}' END AS differs
    FROM staged_entrants s JOIN entrants e ON {agreeing} JOIN staged_leavers l ON l.entrant_id = e.id
    WHERE s.status IS DISTINCT FROM 'withdrawn'
        AND NOT EXISTS (SELECT FROM staged_matches m WHERE m.row = s.row)
        AND NOT EXISTS (SELECT FROM staged_transfers t WHERE t.row = s.row)"""


# One join a difference, for each can then be a hash join: never each leaver against each new row.
PAIRS = f"""
CREATE TEMPORARY TABLE staged_pairs AS
SELECT DISTINCT ON (entrant_id) row, entrant_id, differs,
    CASE WHEN row = ANY(%(same)s::int[]) THEN 'same' WHEN row = ANY(%(different)s::int[]) THEN 'different' END
        AS word
FROM (
    SELECT DISTINCT ON (row) * FROM ({" UNION ALL ".join(map(_alike_but_for, _AGREE))}) AS alike
    ORDER BY row, entrant_id
) AS pairs
ORDER BY entrant_id, row
"""

# The entrant's own row, if there is one, then stands for an entry of its own that was withdrawn.
MATCH_THE_SAME = """
WITH same AS (SELECT row, entrant_id FROM staged_pairs WHERE word = 'same'),
    unmatched AS (DELETE FROM staged_matches m USING same WHERE m.entrant_id = same.entrant_id),
    stays AS (DELETE FROM staged_leavers l USING same WHERE l.entrant_id = same.entrant_id)
INSERT INTO staged_matches SELECT row, entrant_id FROM same
"""


def match(cursor: Any, event_id: int, source: str, word: Word, *, has_last_name: bool) -> None:
    """Fill the tables of matches, transfers, leavers and pairs from what is staged."""
    values = {
        "event": event_id,
        "source": source,
        "has_last_name": has_last_name,
        "complete": word.complete,
        "same": list(word.same),
        "different": list(word.different),
        "pair_reason": PAIR_REASON,
    }
    cursor.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")
    for statement in (MATCH, MATCH_WITHOUT_ADDRESS, TRANSFERS, UNMATCH_TRANSFERS, LEAVERS):
        cursor.execute(statement, values)
    cursor.execute("ANALYZE staged_matches, staged_leavers")
    for statement in (PAIRS, MATCH_THE_SAME):
        cursor.execute(statement, values)
