"""Who asks to be erased is gone from every table, is not brought back by the same list, and is not written to."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, entrants, fate, queue, the_step

from campaigns import ledger, privacy
from campaigns.cli import embedded
from campaigns.entry_lists.imports import import_list
from campaigns.models import Attempt, ConsentEvent, Delivery, Entrant, Event, Suppression
from campaigns.models.words import Channel, SuppressionReason

pytestmark = pytest.mark.django_db

LIST = Path(__file__).parents[1] / "data" / "lets_do_this_start_list.csv"


def rows() -> list[dict[str, str]]:
    with LIST.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def words_of(row: dict[str, str]) -> set[str]:
    """All that the list says of a person and nobody else shares."""
    columns = ("Email Address", "Phone Number", "Last Name", "Date of Birth", "Address (Line 1)")
    return {row[column] for column in columns if row[column]}


def everything() -> str:
    """The data of all tables, as a dump would hold it."""
    return json.dumps(
        [list(model._default_manager.values_list()) for model in apps.get_models()], default=str
    )


def sent_to(person: Entrant, channel: str = "email") -> Delivery:
    step = the_step(a_campaign(person.event, a_step(channel=channel, template="hydration")))
    [row] = queue(step, [person])
    claim = claim_at(DUE, step, Channel(channel))
    results = [
        ledger.Result(c.delivery, c.claim, c.carrier, "accepted", provider_ref="SM1", version=step.version_id)
        for group in claim.groups
        for c in group
    ]
    ledger.settle(Channel(channel), results, DUE)
    return row


def test_nothing_of_the_person_is_left_and_the_same_list_does_not_bring_it_back() -> None:
    event = an_event()
    for slug, name in (("5k", "5K"),):
        event.races.create(slug=slug, name=name, start="09:25")
    import_list(LIST, event, who="test")
    shared = [row["Last Name"] for row in rows()]
    row = next(
        r
        for r in rows()
        if shared.count(r["Last Name"]) == 1 and r["Phone Number"] and r["raceTitle"] == "10k"
    )
    person = Entrant.objects.get(last_name=row["Last Name"], event=event)
    assert any(word in everything() for word in (row["Email Address"], row["Last Name"]))
    links = {person.token, person.short_code}
    privacy.erase(person)
    again = import_list(LIST, event, who="test")
    assert again.counts["rows"] == sum(again.counts.values()) - again.counts["rows"]
    assert [problem for problem in again.problems if "erased" in problem.problem]
    left = everything()
    for word in {row["Email Address"], row["Last Name"], row["Phone Number"]} | links:
        assert word not in left
    assert Entrant.objects.get(id=person.id).status == "withdrawn"


def test_their_address_is_closed_by_its_hash_unless_a_family_shares_it() -> None:
    event = an_event()
    alone = entrant(event)
    privacy.erase(alone)
    assert {row.reason for row in Suppression.objects.all()} == {SuppressionReason.ERASED}
    assert Suppression.objects.count() == 2
    Suppression.objects.all().delete()
    first, second = (entrant(event, email="home@example.org", mobile="") for _ in range(2))
    assert privacy.erase(first).closed == 0
    second.refresh_from_db()
    assert second.email == "home@example.org"
    assert privacy.erase(second).closed == 1


def test_what_was_planned_for_them_is_not_sent() -> None:
    event = an_event()
    step = the_step(a_campaign(event, a_step()))
    person = entrant(event)
    queue(step, [person])
    privacy.erase(person)
    assert claim_at(DUE, step).groups == []
    assert fate(person) == ("skipped", "withdrawn")


def test_counts_and_the_consent_story_stay() -> None:
    person = entrant(an_event())
    ConsentEvent.objects.create(
        entrant=person, channel="email", purpose="tips", granted=True, source="list", at=DUE
    )
    row = sent_to(person)
    privacy.erase(person)
    assert Delivery.objects.get(id=row.id).state == "sent"
    assert ConsentEvent.objects.filter(entrant=person).count() == 1
    assert not person.consents.exists()


def test_erasing_twice_changes_nothing() -> None:
    person = entrant(an_event())
    assert privacy.erase(person).changed
    before = everything()
    assert not privacy.erase(person).changed
    assert everything() == before


def test_their_texts_are_removed_at_the_provider_until_it_has_done_so() -> None:
    person = entrant(an_event())
    sent_to(person, "sms")
    other = Attempt.objects.get()
    privacy.erase(person)
    asked: list[str] = []
    assert privacy.forget_texts(lambda sid: bool(asked.append(sid))) == (0, 1)
    assert privacy.forget_texts(lambda sid: not asked.append(sid)) == (1, 0)
    assert privacy.forget_texts(lambda sid: not asked.append(sid)) == (0, 0)
    assert asked == ["SM1", "SM1"]
    other.refresh_from_db()
    assert other.provider_ref == ""


def test_texts_of_others_are_left_at_the_provider() -> None:
    sent_to(entrant(an_event()), "sms")
    assert privacy.forget_texts(lambda sid: pytest.fail(f"{sid} was removed")) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_dump_of_the_database_holds_nothing_of_them() -> None:
    event: Event = an_event()
    person = entrants(event, 1, first_name="Ottoline", last_name="Quillfeather", club="Dorking Mole Valley")[
        0
    ]
    email, mobile, token = person.email, person.mobile, person.token
    sent_to(person)
    privacy.erase(person)
    dumped = dump()
    for word in ("Ottoline", "Quillfeather", "Mole Valley", email, mobile, token):
        assert word not in dumped


def dump() -> str:
    """What pg_dump writes, by the program that comes with the embedded server."""
    given = connection.get_connection_params()
    words = [
        "--host",
        given["host"],
        "--username",
        given["user"],
        "--dbname",
        connection.settings_dict["NAME"],
    ]
    program = embedded.postgres_programs() / "pg_dump"
    return subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout
