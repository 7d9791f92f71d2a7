"""Pushing entries: the same outcome as the row of a list, as often as one likes; withdrawing; what is refused."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from api.entries import WORDING, entry

from campaigns import people
from campaigns.entry_lists.imports import import_list
from campaigns.entry_lists.mapping_files import from_document
from campaigns.models import AuditEntry, Consent, Entrant, Event
from campaigns.privacy import erasing


def test_a_new_entry_goes_in_cleaned_and_with_its_consent(event, ask):
    answer = ask("put", "entrants/A-1", entry())
    assert answer.status_code == 201
    assert answer.json() == {
        "external_id": "A-1", "outcome": "new", "status": "confirmed", "waits_for": "", "problems": [],
    }  # fmt: skip
    zoe = Entrant.objects.get(event=event)
    assert (zoe.email, zoe.mobile, zoe.mobile_ok, zoe.source, zoe.registration_id) == (
        "Zoe@example.org", "+447700900123", True, "platform", "A-1",
    )  # fmt: skip
    consent = Consent.objects.get(entrant=zoe)
    assert (consent.channel, consent.purpose, consent.granted, consent.wording) == (
        "email",
        "tips",
        True,
        WORDING,
    )
    assert zoe.visible_revision == Event.objects.get(id=event.id).revision
    audit = AuditEntry.objects.get(act="entrants.push")
    assert (audit.who, audit.detail) == ("token platform", {"source": "platform", "outcome": "new"})


def test_the_same_entry_again_changes_nothing(event, ask):
    ask("put", "entrants/A-1", entry())
    before = Event.objects.get(id=event.id).revision
    answer = ask("put", "entrants/A-1", entry())
    assert (answer.status_code, answer.json()["outcome"]) == (200, "unchanged")
    assert Event.objects.get(id=event.id).revision == before
    assert AuditEntry.objects.filter(act="entrants.push").count() == 1


def test_a_changed_entry_is_changed_and_told_to_the_tick(event, ask):
    ask("put", "entrants/A-1", entry())
    before = Event.objects.get(id=event.id)
    answer = ask("put", "entrants/A-1", entry(race="10K", bib="417"))
    assert answer.json()["outcome"] == "changed"
    after = Event.objects.get(id=event.id)
    assert after.revision == before.revision + 1
    assert after.plan_version == before.plan_version + 1
    assert Entrant.objects.get().race.slug == "10k"


MAPPING = from_document(
    {
        "source": "platform",
        "columns": {
            "id": "registration id", "forename": "first name", "surname": "last name", "mail": "email",
            "born": "birth date", "race": "race", "tel": "phone", "state": "status", "asked": "answered at",
        },
        "consent": [{"heading": WORDING, "allows": ["email tips"]}],
        "statuses": {"confirmed": "confirmed", "withdrawn": "withdrawn"},
    },
    "mapping",
)  # fmt: skip

ROWS = [
    entry(),
    entry(phone="0800 000", email="not an address"),
    entry(race="kids", birth_date="2018-01-02", phone="07700 900124"),
    entry(birth_date="2012-01-02"),
    entry(status="withdrawn"),
    entry(consents=[{"channel": "email", "purpose": "tips", "granted": False, "wording": WORDING}]),
    entry(first_name="<b>{{ 7*7 }}</b>\u202e", last_name="  O\u2019Neil "),
]


def as_list(row: dict, folder: Path) -> Path:
    yes = "yes" if row["consents"][0]["granted"] else "no"
    cells = [
        "A-1",
        row["first_name"],
        row["last_name"],
        row["email"],
        row["birth_date"],
        row["race"],
        row["phone"],
    ]
    cells += [row.get("status", "confirmed"), row["answered_at"], yes]
    head = ["id", "forename", "surname", "mail", "born", "race", "tel", "state", "asked", WORDING]
    file = folder / "list.csv"
    file.write_text("\n".join(",".join(f'"{cell}"' for cell in line) for line in (head, cells)), "utf-8")
    return file


def everything_of(event: Event) -> list:
    fields = (
        "source", "registration_id", "identity", "first_name", "last_name", "email", "email_hash", "mobile",
        "mobile_ok", "birth_date", "status", "hold_reason", "race__slug", "guardian__source",
        "consents__channel", "consents__purpose", "consents__granted", "consents__wording", "consents__at",
    )  # fmt: skip
    return list(Entrant.objects.filter(event=event).values_list(*fields))


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_push_does_what_the_row_of_a_list_does(event, ask, tmp_path, number):
    """Guarantee of the API: which way an entry came makes no difference to anybody."""
    from people import an_event

    row = ROWS[number]
    other = an_event(slug="by-list")
    done = import_list(as_list(row, tmp_path), other, who="ann@example.org", mapping=MAPPING)
    answer = ask("put", "entrants/A-1", row)
    assert answer.status_code == 201 or answer.json()["outcome"] != "new"
    outcome = next(name for name in ("new", "held", "withdrawn") if done.counts[name])
    assert answer.json()["outcome"] == outcome
    assert everything_of(event) == everything_of(other)
    noted = {one["problem"] for one in answer.json()["problems"]}
    assert noted == {one.problem for one in done.problems}


def test_a_push_and_a_list_of_the_same_source_speak_of_the_same_entry(event, ask, tmp_path):
    import_list(as_list(entry(), tmp_path), event, who="ann@example.org", mapping=MAPPING)
    assert ask("put", "entrants/A-1", entry()).json()["outcome"] == "unchanged"
    assert Entrant.objects.filter(event=event).count() == 1


def test_what_is_not_said_stays_as_it_was(event, ask):
    ask("put", "entrants/A-1", entry(bib="417", club="Striders"))
    sparse = {key: entry()[key] for key in ("first_name", "last_name", "email", "birth_date", "race")}
    assert ask("put", "entrants/A-1", sparse).json()["outcome"] == "unchanged"
    zoe = Entrant.objects.get()
    assert (zoe.bib, zoe.club, zoe.mobile) == ("417", "Striders", "+447700900123")
    assert zoe.consents.get().granted


def test_no_push_turns_a_stop_back_into_a_yes(event, ask):
    ask("put", "entrants/A-1", entry())
    Consent.objects.update(granted=False, withdrawn_at="2027-04-01T00:00:00Z")
    ask("put", "entrants/A-1", entry(answered_at="2027-08-01T00:00:00Z"))
    assert not Consent.objects.get().granted


def test_whom_a_person_holds_stays_held(event, ask):
    ask("put", "entrants/A-1", entry())
    people.hold(Entrant.objects.get(), "asked by phone")
    answer = ask("put", "entrants/A-1", entry(bib="1"))
    assert (answer.json()["status"], answer.json()["waits_for"]) == ("held", "asked by phone")


def test_a_withdrawal_ends_what_is_planned_and_can_be_repeated_and_taken_back(event, ask):
    ask("put", "entrants/A-1", entry())
    before = Event.objects.get(id=event.id).revision
    first, again = (ask("delete", "entrants/A-1").json() for _ in range(2))
    assert (first["outcome"], first["status"]) == ("withdrawn", "withdrawn")
    assert (again["outcome"], again["status"]) == ("unchanged", "withdrawn")
    assert Event.objects.get(id=event.id).revision == before + 1
    assert AuditEntry.objects.get(act="entrants.withdraw").who == "token platform"
    assert ask("put", "entrants/A-1", entry()).json()["status"] == "confirmed"


def test_a_withdrawal_does_what_a_withdrawn_row_does(event, ask):
    ask("put", "entrants/A-1", entry())
    ask("delete", "entrants/A-1")
    by_delete = everything_of(event)
    ask("put", "entrants/A-1", entry())
    ask("put", "entrants/A-1", entry(status="withdrawn"))
    assert everything_of(event) == by_delete


def test_how_an_entry_stands_names_nobody(event, ask):
    ask("put", "entrants/A-1", entry())
    answer = ask("get", "entrants/A-1")
    assert answer.json() | {"changed_at": ""} == {
        "external_id": "A-1", "status": "confirmed", "waits_for": "", "race": "half", "changed_at": "",
    }  # fmt: skip
    assert "Zoë" not in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"race": "marathon"}, "race", "is not a race of this event"),
        ({"first_name": "\u200b"}, "first_name", "is blank"),
        ({"birth_date": None}, "birth_date", "is blank"),
        ({"birth_date": "2999-01-01"}, "birth_date", "is in the future"),
    ],
)
def test_an_entry_that_cannot_go_in_says_why_and_leaves_nothing(event, ask, fields, field, problem):
    answer = ask("put", "entrants/A-1", entry(**fields))
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    (found,) = answer.json()["problems"]
    assert found["field"] == field
    assert problem in found["problem"]
    assert found["cure"]
    assert not Entrant.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {**entry(), "emergency_contact": "07700 900999"},
        entry(consents=[entry()["consents"][0]] * 2),
        entry(consents=[{**entry()["consents"][0], "purpose": "everything"}]),
        entry(answered_at="2027-03-02T19:31:00"),
        entry(birth_date="23/04/1987"),
        entry(status="paid"),
        {"first_name": "Zoë"},
        [],
    ],
)
def test_what_does_not_fit_the_document_is_refused_without_a_word_of_it(event, ask, body):
    answer = ask("put", "entrants/A-1", body)
    assert answer.status_code == 422
    assert answer.json()["problems"]
    for secret in ("07700 900999", "Zoe@Example.org", "23/04/1987"):
        assert secret not in answer.content.decode()
    assert not Entrant.objects.exists()


def test_a_body_that_is_no_json_is_one_sentence(ask):
    answer = ask("put", "entrants/A-1", data="{", content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The body cannot be read: send one JSON object in UTF-8."


def test_a_body_too_large_is_not_read(ask):
    answer = ask("put", "entrants/A-1", data=json.dumps({"x": "y" * 20_000}), content_type="application/json")
    assert answer.status_code == 413


def test_who_was_erased_stays_erased(event, ask):
    ask("put", "entrants/A-1", entry())
    erasing.erase(Entrant.objects.get())
    answer = ask("put", "entrants/A-1", entry())
    assert answer.status_code == 410
    assert not Entrant.objects.filter(first_name="Zoë").exists()
    assert ask("get", "entrants/A-1").status_code == 404


def test_nothing_that_is_pushed_stands_in_a_log_line(event, ask, caplog):
    caplog.set_level(logging.DEBUG)
    ask("put", "entrants/A-1", entry())
    ask("put", "entrants/A-1", entry(race="marathon"))
    ask("put", "entrants/A-1", entry(status="paid"))
    ours = [record for record in caplog.records if record.name != "django.db.backends"]
    said = " ".join(f"{record.getMessage()} {vars(record)}" for record in ours)
    for private in ("Zoë", "Ashdown", "xample.org", "900123", "1987"):
        assert private not in said


def test_a_push_takes_as_many_queries_however_many_are_entered(event, ask):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from people import entrants

    def queries(number: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            ask("put", f"entrants/A-{number}", entry(email=f"a{number}@example.org"))
        return len(seen)

    queries(1)
    few = queries(2)
    entrants(event, 200)
    assert queries(3) == few <= 80
