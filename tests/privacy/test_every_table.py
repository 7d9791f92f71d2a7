"""Erasing, exporting and keeping reach every table there is, and the map names each: the database is asked which."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, queue

from campaigns import ledger, optout, privacy
from campaigns.ledger.settling import Result
from campaigns.models import Consent, ConsentEvent, Entrant, Event, Guardian, InboundText, Step
from campaigns.models.words import Channel
from campaigns.privacy.exporting import facts
from campaigns.receipts import inbound, notes
from campaigns.receipts.storing import store
from campaigns.receipts.twilio_status import read_report

pytestmark = pytest.mark.django_db

MOBILE = "+447700900777"
WORDS = (
    "Ottoline", "Quillfeather", "Dorking Mole Valley", "B-88123", "REG-4711", "ottoline@example.org", MOBILE,
    "7700900777", "Hermione", "where is my bib", "wrong surname", "who are you", "User unknown here",
)  # fmt: skip
"""All that this person is, wrote and is written of."""


@pytest.fixture
def person(caplog: pytest.LogCaptureFixture) -> Entrant:
    """An entrant of whom every table that holds people has a row."""
    caplog.set_level(logging.INFO)
    event = an_event()
    inbound.take(inbound.Arrived("SM-before", MOBILE, "who are you"))
    texts = [a_step(name, channel="sms", template="hydration") for name in ("text", "later")]
    a_campaign(event, a_step(), *texts)
    made = entrant(
        event, first_name="Ottoline", last_name="Quillfeather", club="Dorking Mole Valley", bib="B-88123",
        registration_id="REG-4711", email="ottoline@example.org", mobile=MOBILE,
    )  # fmt: skip
    Guardian.objects.create(entrant=made, name="Hermione Quillfeather", source="list", at=DUE)
    ConsentEvent.objects.create(
        entrant=made, channel="email", purpose="tips", granted=True, source="list", at=DUE
    )
    for name in ("tip", "text"):
        _send(made, Step.objects.get(name=name))
    queue(Step.objects.get(name="later"), [made])
    inbound.take(inbound.Arrived("SM-text", MOBILE, "where is my bib"))
    notes.take(made, "wrong surname, it is Quillfeather")
    return made


def _send(made: Entrant, step: Step) -> None:
    channel = Channel(step.channel)
    [row] = queue(step, [made])
    for [claimed] in claim_at(DUE, step, channel).groups:
        result = Result(row.id, claimed.claim, row.id, "accepted", provider_ref="SM1",
                        detail="User unknown here", version=step.version_id)  # fmt: skip
        ledger.settle(channel, [result], DUE)
    store(
        row.id,
        read_report(
            sid="SM1", status="sent", code="", attempt=1, spread=1, raw={"said": "User unknown here"}
        ),
    )


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
        )
        return [row[0] for row in cursor.fetchall()]


def tables_of_people() -> set[str]:
    """Those whose rows are about an entrant or a delivery, with a foreign key or without."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'
                AND column_name IN ('entrant_id', 'entrant', 'delivery_id', 'delivery', 'carrier_id')
            UNION SELECT k.table_name FROM information_schema.referential_constraints r
            JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
            JOIN information_schema.table_constraints u ON u.constraint_name = r.unique_constraint_name
            WHERE u.table_name IN ('entrants', 'deliveries')"""
        )
        return {"entrants"} | {row[0] for row in cursor.fetchall()}


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        return int(cursor.fetchone()[0])


def places_of(*words: str) -> set[str]:
    """Every "table.column" that holds one of these words, whatever its type."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
        return {
            f"{table}.{column}"
            for table, column in cursor.fetchall()
            if _holds(table, column, [f"%{word}%" for word in words])
        }


def _holds(table: str, column: str, patterns: list[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT 1 FROM "{table}" WHERE "{column}"::text ILIKE ANY(%s) LIMIT 1', [patterns])
        return cursor.fetchone() is not None


def test_the_person_of_these_tests_stands_in_every_table_that_holds_people(person: Entrant) -> None:
    assert {table for table in tables_of_people() if not count(table)} == set()
    assert len(places_of(*WORDS)) > 10


def test_nothing_of_an_erased_person_is_left_in_any_column_of_any_table_nor_in_the_logs(
    person: Entrant, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = (person.token, person.short_code)
    privacy.erase(person)
    assert places_of(*WORDS, *secrets) == set()
    logged = " ".join(str(vars(record)) for record in [*caplog.get_records("setup"), *caplog.records])
    assert logged
    for word in (*WORDS, *secrets):
        assert word not in logged


def test_what_was_written_from_a_number_before_it_was_entered_stays_while_another_has_it(
    person: Entrant,
) -> None:
    entrant(person.event, mobile=MOBILE)
    privacy.erase(person)
    assert InboundText.objects.get(sid="SM-before").body == "who are you"


def test_contacts_go_from_every_table_when_their_time_has_come(person: Entrant) -> None:
    secrets = (person.token, person.short_code)
    event = Event.objects.get()
    privacy.retain(DUE + timedelta(days=47 + event.contact_days + 1))
    assert places_of(*WORDS, *secrets) == set()


def test_every_row_about_people_goes_with_the_facts(person: Entrant) -> None:
    late = DUE + timedelta(days=365 * 3)
    for _ in range(3):
        privacy.retain(late)
    assert {table for table in tables_of_people() if count(table)} <= {"inbound_texts"}
    assert not InboundText.objects.exclude(entrant=None).exists()
    assert optout.standing(person, Channel.EMAIL).granted == frozenset()


def test_an_export_asks_every_table_that_holds_people(person: Entrant) -> None:
    with CaptureQueriesContext(connection) as asked:
        found = facts(person)
    said = " ".join(query["sql"] for query in asked)
    assert {table for table in tables_of_people() if f'"{table}"' not in said} == {"entrants"}, "it was given"
    assert Consent.objects.count() == len(found["consents"])


def test_the_map_names_every_table() -> None:
    said = (Path(settings.BASE_DIR) / "docs" / "privacy.md").read_text(encoding="utf-8")
    left_out = [table for table in tables() if f"`{table}`" not in said]
    assert left_out == [], 'add them to docs/privacy.md: among people\'s, or to the sentence "Of no entrant"'
