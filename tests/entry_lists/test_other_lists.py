"""Lists of other platforms: mapping files, guesses, and what is remembered of them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaigns.entry_lists.guessing import Guess, as_toml, guess
from campaigns.entry_lists.imports import Import, facts_of, import_list
from campaigns.entry_lists.mapping import Field, Mapping, UnknownList
from campaigns.entry_lists.mapping_files import from_document, load_mapping, to_document
from campaigns.entry_lists.sheet import ListError, Sheet
from campaigns.entry_lists.sniff import open_sheet
from campaigns.models import AuditEntry, Event, ListMapping, Organiser

MAPPING = """
source = "our-form"
title = "Our form"
dates = "day-first"

[columns]
"Forename" = "first name"
"Surname" = "last name"
"E-mail" = "email"
"DOB" = "birth date"
"Distance" = "race"
"Paid?" = "status"
"Mobile" = "phone"

[[consent]]
heading = "Tips please"
allows = ["email tips", "sms tips"]

[statuses]
"Yes" = "confirmed"
"refunded" = "withdrawn"
"""
HEAD = "Forename,Surname,E-mail,DOB,Distance,Paid?,Mobile,Tips please,Medical Conditions"
ROW = "Ada,Byron,ada@example.com,03/04/1980,10 km,yes,07700 900123,yes,Asthma"

Write = Callable[..., Path]
Everything = Callable[[], dict[str, list[str]]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def run(*lines: str, name: str = "form.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines), "utf-8")
        return path

    return run


@pytest.fixture
def mapping(write: Write) -> Mapping:
    return load_mapping(write(MAPPING, name="our.toml"))


def run(path: Path, event: Event, **how: Any) -> Import:
    return import_list(path, event, who="ada@example.org", **how)


def test_a_list_is_read_by_its_mapping(event: Event, write: Write, mapping: Mapping) -> None:
    refunded = "Bob,Hill,bob@example.com,03/04/1981,5k,Refunded,,,"
    unsure = "Jay,Ali,jay@example.com,03/04/1982,half,maybe,,,"
    done = run(write(HEAD, ROW, refunded, unsure), event, mapping=mapping)
    assert {name: count for name, count in done.counts.items() if count} == {
        "rows": 3,
        "new": 1,
        "withdrawn": 1,
        "held": 1,
    }
    assert done.not_read == ["Medical Conditions"]
    ada = event.entrants.get(first_name="Ada")
    assert (ada.source, ada.race.slug, str(ada.birth_date)) == ("our-form", "10k", "1980-04-03")
    assert sorted(ada.consents.values_list("channel", "purpose", "wording")) == [
        ("email", "tips", "Tips please"),
        ("sms", "tips", "Tips please"),
    ]


def test_a_mapping_is_remembered_for_lists_with_these_headings(
    event: Event, write: Write, mapping: Mapping, everything: Everything
) -> None:
    path = write(HEAD, ROW)
    with pytest.raises(UnknownList):
        run(path, event)
    run(path, event, mapping=mapping)
    assert AuditEntry.objects.order_by("-id")[0].detail == {"source": "our-form"}
    before = everything()
    assert run(path, event).counts["unchanged"] == 1
    run(path, event, mapping=mapping)
    assert everything() == before
    turned = ",".join(reversed(HEAD.split(","))).upper()
    assert run(write(turned, ",".join(reversed(ROW.split(",")))), event).counts["unchanged"] == 1


@pytest.mark.parametrize("head", [f"{HEAD},Cancelled?", HEAD.replace("Paid?,", "")])
def test_a_list_with_other_headings_is_unknown_again(
    event: Event, write: Write, mapping: Mapping, head: str
) -> None:
    run(write(HEAD, ROW), event, mapping=mapping)
    with pytest.raises(UnknownList, match="--suggest-mapping"):
        run(write(head, ROW), event)


def test_another_organiser_has_confirmed_nothing(event: Event, write: Write, mapping: Mapping) -> None:
    run(write(HEAD, ROW), event, mapping=mapping)
    Event.objects.update(organiser=Organiser.objects.create(slug="other", name="Other"))
    with pytest.raises(UnknownList):
        run(write(HEAD, ROW), Event.objects.get())


def test_a_mapping_that_is_not_confirmed_is_not_remembered(
    event: Event, write: Write, mapping: Mapping
) -> None:
    run(write(HEAD, ROW), event, mapping=mapping, confirm=lambda preview: False)
    assert not ListMapping.objects.exists()


def test_a_corrected_mapping_takes_the_place_of_the_earlier(
    event: Event, write: Write, mapping: Mapping
) -> None:
    run(write(HEAD, ROW), event, mapping=mapping)
    without = MAPPING.replace('"Mobile" = "phone"', "")
    run(write(HEAD, ROW), event, mapping=load_mapping(write(without, name="other.toml")))
    assert "Mobile" not in ListMapping.objects.get().document["columns"]


@pytest.mark.parametrize(("heading", "slip"), [("Paid?", "Paid"), ("Tips please", "Tip please")])
def test_a_slip_in_a_heading_is_refused(event: Event, write: Write, heading: str, slip: str) -> None:
    if slip == "Paid":
        heading, slip = '"Paid?"', '"Payd"'
    wrong = load_mapping(write(MAPPING.replace(heading, slip), name="wrong.toml"))
    with pytest.raises(ListError, match="the list has no such column"):
        run(write(HEAD, ROW), event, mapping=wrong)


def test_a_list_that_denies_the_remembered_order_of_dates_is_refused(
    event: Event, write: Write, mapping: Mapping, everything: Everything
) -> None:
    run(write(HEAD, ROW), event, mapping=mapping)
    before = everything()
    with pytest.raises(Exception, match="row 2 cannot be day-first"):
        run(write(HEAD, ROW.replace("03/04", "04/23")), event)
    assert everything() == before


def test_a_document_is_the_mapping(mapping: Mapping) -> None:
    assert from_document(to_document(mapping), "x") == mapping


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            '"birth date"',
            '"birthdate"',
            "'birthdate' is nothing that a column can be: did you mean 'birth date'",
        ),
        ('"E-mail" = "email"', "", "names no column for email"),
        ('"Mobile" = "phone"', '"Emergency Phone" = "phone"', "never read"),
        ('"Mobile" = "phone"', '"Medical Conditions" = "club"', "never read"),
        ('"sms tips"', '"sms tip"', "did you mean 'sms tips'"),
        ('["email tips", "sms tips"]', "[]", "a [[consent]] needs"),
        ('"day-first"', '"first"', "is no order of dates"),
        ('"withdrawn"', '"gone"', "is no status: known are confirmed, held, withdrawn"),
        ('source = "our-form"', "", "give the list a short name"),
        ('source = "our-form"', 'source = "Our Form!"', "give the list a short name"),
        ("[statuses]", "[status]", "did you mean 'statuses'"),
        ("[columns]", "[columns", "is not a TOML file"),
        ("[columns]", "columns = 3\n[more]", "'more' is not understood"),
    ],
)
def test_what_is_wrong_in_a_mapping_file_is_named(
    write: Write, right: str, wrong: str, sentence: str
) -> None:
    assert right in MAPPING
    with pytest.raises(ListError) as caught:
        load_mapping(write(MAPPING.replace(right, wrong), name="our.toml"))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("our.toml")


# Guesses


def guessed(event: Event, path: Path) -> Guess:
    return guess(open_sheet(path), facts_of(event).races)


def test_pretix_attendees_are_told_from_buyers(event: Event, write: Write) -> None:
    head = (
        "Order code,Status,Email,Phone number,Product,Attendee name: Given name,"
        "Attendee name: Family name,Attendee email,Company,City,Company,Date of birth,"
        "I would like to receive training tips,Emergency phone"
    )
    row = "X1,Paid,buyer@example.com,,Half Marathon,Ada,Byron,ada@example.com,A,B,C,1980-12-10,Yes,123"
    found = guessed(event, write(head, row))
    assert found.mapping.columns[Field.EMAIL] == ("Attendee email",)
    assert found.mapping.columns[Field.FIRST_NAME] == ("Attendee name: Given name",)
    assert found.mapping.columns[Field.RACE] == ("Product",)
    assert found.consents == ["I would like to receive training tips"]
    assert (found.mapping.consents, found.missing) == ((), [])
    assert {"Emergency phone", "Company", "Order code"} <= set(found.dropped)


def test_the_races_column_is_the_one_that_names_races(event: Event, write: Write) -> None:
    for head in ("Race,Event", "Event,Race"):
        first, second = head.split(",")
        cells = {"Race": "Run Reigate", "Event": "10K Run"}
        path = write(
            f"{head},First name,Email,DOB", f"{cells[first]},{cells[second]},Ada,a@example.com,1980-12-10"
        )
        assert guessed(event, path).mapping.columns[Field.RACE] == ("Event",)


def test_ultrasignups_removed_column_is_a_status(event: Event, write: Write) -> None:
    head = "Order ID,distance,First Name,Last Name,DOB,Email,Phone,Removed,Bib,emergency_phone"
    rows = [
        "1,10k,Ada,B,12/25/1982,a@example.com,,False,1,2",
        "2,10k,Bob,B,12/25/1983,b@example.com,,True,2,3",
    ]
    path = write(head, *rows)
    found = guessed(event, path)
    assert "emergency_phone" in found.dropped
    done = run(path, event, mapping=found.mapping)
    assert (done.counts["new"], done.counts["withdrawn"]) == (1, 1)


def test_emergency_columns_are_never_guessed_to_be_anything(event: Event, write: Write) -> None:
    head = "Emergency Details - First Name,Emergency Details - Mobile No,Medical - Club,Entry - Forename"
    found = guessed(event, write(head, "Mum,07700900123,Asthma,Ada"))
    assert found.mapping.columns == {Field.FIRST_NAME: ("Entry - Forename",)}
    assert len(found.dropped) == 3


def test_a_suggestion_is_a_mapping_file_with_what_is_missing(event: Event, write: Write) -> None:
    path = write(
        'Forename,E-mail address,Distance,"Say ""hi"", keep me informed",ICE contact', "A,a@b.org,5k,Yes,x"
    )
    text = as_toml(guessed(event, path))
    assert '"Forename" = "first name"' in text
    assert '# "…" = "birth date"  # needed: which column is it?' in text
    assert '# heading = "Say \\"hi\\", keep me informed"' in text
    whole = text.replace('# "…" = "birth date"', '"Born" = "birth date"').replace("# [[c", "[[c")
    whole = whole.replace("# heading", "heading").replace("# allows", "allows")
    mapping = load_mapping(write(whole, name="whole.toml"))
    assert mapping.consents[0].headings == ('Say "hi", keep me informed',)


def test_a_guess_can_be_read_back_whatever_stands_in_a_heading() -> None:
    """Found by fuzzing: TOML wants DEL escaped, and JSON does not. A workbook may hold it."""
    sheet = Sheet(Path("list.xlsx"), ("First Name", "Not\x7fes", '"\\\n'), 1, 1, lambda: iter(()))
    assert tomllib.loads(as_toml(guess(sheet, ())))["columns"] == {"First Name": "first name"}
