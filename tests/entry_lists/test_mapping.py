"""Headings to fields: known sources, missing and repeated columns."""

import pytest

from campaigns.entry_lists.mapping import Field, recognise
from campaigns.entry_lists.sheet import ListError
from campaigns.entry_lists.sources import SOURCES

HEADINGS = (
    "raceTitle",
    "First Name",
    "Last Name",
    "Email Address",
    "Date of Birth",
    "Medical Conditions",
    "Wave",
)


def test_a_lets_do_this_list_is_recognised_whatever_case_and_spaces() -> None:
    layout = recognise(tuple(f" {heading.upper()} " for heading in HEADINGS), SOURCES)
    assert layout.mapping.source == "lets-do-this"
    assert layout.places[Field.EMAIL] == (3,)
    assert not layout.has(Field.BIB)


def test_only_mapped_columns_are_read() -> None:
    layout = recognise((*HEADINGS, "Emergency Phone", ""), SOURCES)
    assert layout.not_read == ["Medical Conditions", "Emergency Phone"]
    assert layout.read == [0, 1, 2, 3, 4, 6]


def test_the_consent_columns_are_bound_with_their_wording() -> None:
    wording = "I would like race reminders by  text message"
    (consent,) = recognise((*HEADINGS, wording), SOURCES).consents
    assert (consent.place, consent.wording) == (7, wording)
    assert consent.grants == (("sms", "service"), ("sms", "tips"))


def test_of_two_equal_headings_the_first_is_read_and_the_second_named() -> None:
    layout = recognise((*HEADINGS, "Email Address", "Notes", "Notes"), SOURCES)
    assert layout.places[Field.EMAIL] == (3,)
    assert layout.doubled == ["Email Address"]


def test_unknown_headings_are_refused_with_what_was_found_and_what_is_needed() -> None:
    with pytest.raises(ListError) as caught:
        recognise(("Name", "Team"), SOURCES)
    assert "'Name', 'Team'" in str(caught.value)
    assert "'raceTitle', 'First Name', 'Email Address', 'Date of Birth'" in str(caught.value)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ListError, match="has no column 'Date of Birth'"):
        recognise(tuple(heading for heading in HEADINGS if heading != "Date of Birth"), SOURCES)


@pytest.mark.parametrize("row", [("Ada", "ada@example.com"), ("Ada", "1980-12-10"), ("Ada", "07700 900123")])
def test_an_entrant_in_place_of_headings_is_not_printed(row: tuple[str, ...]) -> None:
    with pytest.raises(ListError, match="the row of headings to be missing") as caught:
        recognise(row, SOURCES)
    assert not any(cell in str(caught.value) for cell in row)
