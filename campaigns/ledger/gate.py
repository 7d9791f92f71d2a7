"""What must hold for a step as a whole before anything of it is opened or claimed, and the locks that keep
openings and claims apart."""

from collections.abc import Iterable

from django.db import connection

GATE = """(
    s.state IN ('approved', 'sending', 'done')
    AND s.approved_hash = s.content_hash
    AND (s.kind = 'alert' OR (
        ev.cancelled_at IS NULL
        AND c.state = 'live'
        AND NOT ev.incident_hold
        AND s.approved_date = ev.date))
)"""
"""Live campaign, no incident hold, approved as it stands for the date it stands on; aliases s, c, ev.

An alert that was released goes out whatever becomes of the campaign and the race: that the race is cancelled, or
has moved, is what it tells.
"""

SIGNED_OFF = """(
    s.kind = 'alert' OR NOT EXISTS (
        SELECT 1 FROM versions v WHERE v.id IN (s.version_id, s.fallback_version_id) AND v.health
            AND NOT EXISTS (SELECT 1 FROM sign_offs so WHERE so.version_id = v.id AND so.revoked_at IS NULL
                AND so.review_by >= (%(now)s AT TIME ZONE ev.timezone)::date)))"""
"""No health advice without a medical sign-off that counts today; aliases s, ev. Asked by the claim alone, so that
what is due waits and is seen to wait. An alert is asked when it is armed: while people wait in the heat, a date that
has passed must not hold it. Served by sign_offs_one_standing."""

MAY_SEND = f"({GATE} AND {SIGNED_OFF})"


def could_leave(moment: str) -> str:
    """From when on a message of this moment could leave, in SQL: not before its step was approved, nor a planned one
    before its campaign was started or went on. Aliases s, c."""
    return f"greatest({moment}, s.approved_at, CASE WHEN s.kind <> 'alert' THEN c.live_since END)"


STEPS = "steps s JOIN campaigns c ON c.id = s.campaign_id JOIN events ev ON ev.id = c.event_id"

PEOPLE = """
    JOIN entrants e ON e.id = d.entrant_id
    JOIN races r ON r.id = e.race_id
    LEFT JOIN waves w ON w.id = e.wave_id
    LEFT JOIN guardians g ON g.entrant_id = e.id"""
"""The tables that an audience's condition speaks of, joined to a delivery `d` (its event `ev` stands before)."""

OPENING, QUEUE = 1, 2


def try_lock(kind: int, step_id: int) -> bool:
    """Takes the step's lock until the transaction ends; False when another holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [kind, step_id])
        return bool(cursor.fetchone()[0])


def lock(kind: int, step_id: int) -> None:
    """Waits for the step's lock and holds it until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [kind, step_id])


def end_openings(events: Iterable[int]) -> None:
    """Waits for the openings under way of these events, and lets none of their steps be opened until the
    transaction ends.

    Who deletes entrants does so behind this, and looks for their deliveries after it: a delivery has no foreign key
    that would keep an opening from writing for somebody who is being removed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id FROM steps s JOIN campaigns c ON c.id = s.campaign_id
            WHERE c.event_id = ANY(%s) ORDER BY s.id FOR NO KEY UPDATE OF s""",
            [list(events)],
        )


def by_index() -> None:
    """Has the rest of the transaction find its rows by index, in order.

    For a table of some ten thousand rows Postgres, reckoning with a disk, would rather read all of it for every
    block; and without statistics, as after a first import, it would collect and sort all that is left of an event
    for every chunk.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('enable_seqscan', 'off', TRUE), set_config('enable_bitmapscan', 'off', TRUE)"
        )


def bump_stop_signal() -> None:
    """Tells every drain, before its next hand-over, that something may not be sent any more."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE stop_signal SET epoch = epoch + 1")


def stop_epoch() -> int:
    """The number that rises with every pause, stop and hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT epoch FROM stop_signal")
        epoch: int = cursor.fetchone()[0]
    return epoch
