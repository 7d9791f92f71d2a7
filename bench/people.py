"""Invented entrants by SQL, any number of them: an import of a million would be a measurement of its own."""

from typing import Any

from bench.station import Station

COLUMNS = {
    "event_id": "(SELECT event_id FROM races WHERE id = %(race)s)",
    "race_id": "%(race)s",
    "source": "'bench'",
    "registration_id": "n::text",
    "identity": "sha256(convert_to(n::text, 'UTF8'))",
    "first_name": "(ARRAY['Ana', 'Ben', 'Charlotte', 'Zoë', 'Mohammed', 'Siân', 'Jo', 'Bartholomew'])[1 + n %% 8]",
    "last_name": "(ARRAY['Example', 'Quill', 'Ashdown', 'Okafor', 'Nguyễn', 'O''Neill', 'Żak'])[1 + n / 8 %% 7]"
    " || (ARRAY['', '-Ash', '-Hill', '-Ford', '-Marsh'])[1 + n / 56 %% 5]",
    "email": "'runner' || n || '@example.com'",
    "email_hash": "sha256(convert_to('email' || n, 'UTF8'))",
    "mobile": "'+4477' || lpad(n::text, 8, '0')",
    "mobile_hash": "sha256(convert_to('mobile' || n, 'UTF8'))",
    "mobile_ok": "TRUE",
    "birth_date": "DATE '1985-05-05'",
    "bib": "n::text",
    "visible_revision": "1",
    "token": "translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/=', '-_')",
    "short_code": "right(to_hex(%(race)s::bigint * 16777216 + n), 8)",
    "created_at": "now()",
    "updated_at": "now()",
}
"""What each of them is; every other column has the model's own default."""

CONSENTS = {"email": (("email", "tips"),), "sms": (("sms", "service"), ("sms", "tips"))}


def seed(
    station: Station, race: int, count: int, channel: str = "email", first: int = 0, *, agreed: bool = True
) -> None:
    """Adds `count` confirmed adults to a race, each with an address of their own and a yes to tips on `channel`.

    Unless they have `agreed` they said nothing: a step for them is opened, and its claim passes them over.
    The tables are vacuumed and analysed, as autovacuum does within a minute or so of an import.
    """
    defaults = _defaults()
    params: dict[str, Any] = {"race": race, "first": first, "last": first + count - 1} | defaults
    names = ", ".join([*COLUMNS, *defaults])
    values = ", ".join([*COLUMNS.values(), *(f"%({name})s" for name in defaults)])
    station.sql(
        f"INSERT INTO entrants ({names}) SELECT {values} FROM generate_series(%(first)s::int, %(last)s::int) n",
        **params,
    )
    for kind, purpose in CONSENTS[channel] if agreed else ():
        station.sql(_CONSENT, race=race, first=str(first), channel=kind, purpose=purpose)
    station.sql(
        "UPDATE events SET revision = revision + 1 WHERE id = (SELECT event_id FROM races WHERE id = %(race)s)",
        race=race,
    )
    for table in ("entrants", "consents"):
        station.sql(f"VACUUM (ANALYZE) {table}")


_CONSENT = """
INSERT INTO consents (entrant_id, channel, purpose, granted, source, wording, at)
SELECT id, %(channel)s, %(purpose)s, TRUE, 'bench', '', now() FROM entrants
WHERE race_id = %(race)s AND registration_id::bigint >= %(first)s::bigint"""


def _defaults() -> dict[str, Any]:
    """The model's defaults for the columns that are not made up here."""
    from campaigns.models import Entrant

    rest = [field for field in Entrant._meta.concrete_fields if field.column not in {"id", *COLUMNS}]
    return {field.column: field.get_default() for field in rest}
