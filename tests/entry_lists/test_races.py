"""A platform's race names to the event's races, and none guessed."""

import pytest

from campaigns.entry_lists.clean import CellError
from campaigns.entry_lists.entries import EventFacts
from campaigns.entry_lists.races import RaceFacts, kind, match_race


@pytest.mark.parametrize(
    ("cell", "slug"),
    [
        *[
            (name, "half")
            for name in ("Half Marathon", "half-marathon", "HM", "13.1", "13.1 miles", "21.1k", "21K")
        ],
        *[
            (name, "half")
            for name in ("Half Marathon - affiliated", "HALF", "halfmarathon", "Half Marathon 21.1km")
        ],
        *[
            (name, "10k")
            for name in ("10K", "10k", "10 km", "10K Run", "10K - unaffiliated", "10 kilometres")
        ],
        *[(name, "5k") for name in ("5k", "5K Run", "5 KM")],
        *[(name, "kids") for name in ("Kids Race", "Kid's race", "Junior", "Children's mile", "Kids 2K")],
    ],
)
def test_names_of_one_race(facts: EventFacts, cell: str, slug: str) -> None:
    assert match_race(cell, facts.races).slug == slug


@pytest.mark.parametrize(
    "cell", ["Marathon", "15k", "1.5k", "50K Ultra", "Half Marathon or 10K", "", "Smith", "10"]
)
def test_what_no_race_is_called(facts: EventFacts, cell: str) -> None:
    with pytest.raises(CellError) as caught:
        match_race(cell, facts.races)
    assert caught.value.cure == (
        "the event's races are 10k, half, 5k, kids: take the list of this event, or add the race to it"
    )


def test_two_races_over_one_distance_are_not_guessed() -> None:
    races = [
        RaceFacts(1, "10k-wheelchair", "10K wheelchair", False),
        RaceFacts(2, "10k-run", "10K run", False),
    ]
    assert match_race("10K Run", races).id == 2
    with pytest.raises(CellError):
        match_race("10 km", races)


def test_an_unknown_race_is_named_and_a_person_is_not(facts: EventFacts) -> None:
    for cell, shown in {"Ultra 50k": "'Ultra 50k'", "Ada Byron": "this", "ada@example.com": "this"}.items():
        with pytest.raises(CellError, match=f"^{shown} is not a race of this event"):
            match_race(cell, facts.races)


def test_full_marathons_are_not_halves() -> None:
    assert kind("Full Marathon") == kind("26.2 miles") == kind("42.2k") == "marathon"
