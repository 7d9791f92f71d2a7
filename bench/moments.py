"""How late the first message of a step is after its due moment: many small events, each due at another moment."""

from datetime import timedelta

from bench import people
from bench.station import LEAD, Station, sleep_until, soon

COUNT = 60
APART = timedelta(milliseconds=370)
"""Neither a part nor a multiple of the tick's second, so that a moment falls anywhere between two ticks."""

ORIGINAL = "moment"


def late_p99(aid: Station) -> float:
    """Seconds, the 99th percentile of `COUNT` moments; each opens a step of an event of its own for one entrant."""
    people.seed(aid, aid.event(ORIGINAL), 1)
    aid.campaign(ORIGINAL, "email", soon(3600))
    aid.start("scheduler", "clock", "email")
    due = soon(LEAD)
    for number in range(1, COUNT + 1):
        _copy_event(aid, number, (due + number * APART).astimezone(aid.zone).time())
    sleep_until(due + (COUNT + 1) * APART + timedelta(seconds=5))
    aid.stop_processes()
    [(count, late)] = aid.sql(_LATENESS)
    if count != COUNT:
        raise RuntimeError(
            f"Of {COUNT} first messages {count} were sent within 5 seconds: nothing was measured."
        )
    return float(late)


_LATENESS = f"""
SELECT count(*), percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM d.sent_at - d.due_at))
FROM deliveries d JOIN entrants e ON e.id = d.entrant_id JOIN events ev ON ev.id = e.event_id
WHERE ev.slug LIKE '{ORIGINAL}-%%' AND d.state = 'sent'"""


def _copy_event(aid: Station, number: int, start: object) -> None:
    """The event with all that hangs on it, under a name and a start of its own."""
    [(old,)] = aid.sql("SELECT id FROM events WHERE slug = %(slug)s", slug=ORIGINAL)
    event = _copy(aid, "events", "id", old, slug=f"{ORIGINAL}-{number}")
    race = _copy(aid, "races", "event_id", old, event_id=event, start=str(start))
    campaign = _copy(aid, "campaigns", "event_id", old, event_id=event)
    _copy(aid, "steps", "campaign_id", _id_of(aid, "campaigns", old), campaign_id=campaign)
    codes = {"token": f"{ORIGINAL}-{number}", "short_code": f"m{number}"}
    entrant = _copy(aid, "entrants", "event_id", old, event_id=event, race_id=race, **codes)
    _copy(aid, "consents", "entrant_id", _id_of(aid, "entrants", old), entrant_id=entrant)


def _id_of(aid: Station, table: str, event: int) -> int:
    return int(aid.sql(f"SELECT id FROM {table} WHERE event_id = %(event)s", event=event)[0][0])


def _copy(aid: Station, table: str, column: str, value: int, **changed: object) -> int:
    """Copies the row of a table whose `column` is `value`, with some columns changed; the id of the copy."""
    pairs = ", ".join(f"'{name}', %({name})s::text" for name in changed)
    return int(
        aid.sql(
            f"INSERT INTO {table} SELECT copy.* FROM {table} old CROSS JOIN LATERAL jsonb_populate_record("
            f"NULL::{table}, to_jsonb(old) || jsonb_build_object("
            f"'id', nextval(pg_get_serial_sequence('{table}', 'id')), {pairs})) copy"
            f" WHERE old.{column} = %(value)s RETURNING id",
            value=value,
            **{name: str(word) for name, word in changed.items()},
        )[0][0]
    )
