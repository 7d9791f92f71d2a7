"""A list that is for another meeting is noticed; one for this event in other words is not remarked on."""

from collections import Counter

import pytest

from campaigns.entry_lists import meeting
from campaigns.entry_lists.entries import EventFacts


@pytest.mark.parametrize(
    ("said", "another"),
    [
        ("Run Reigate 2027", False),
        ("run reigate", False),
        ("Run Reigate 2026", True),
        ("Run Reigate Half Marathon & 10K, 2027", False),
        ("Reigate Hill Run", True),
        ("Dorking Ten", True),
        ("Half Marathon", False),
        ("10k", False),
        ("", False),
    ],
)
def test_which_names_are_another_meetings(facts: EventFacts, said: str, another: bool) -> None:
    found = meeting.another(Counter({said: 30, "odd": 2}), "Run Reigate 2027", 2027, facts.races)
    assert found == (said if another else "")


def test_a_column_of_many_names_says_nothing_of_a_meeting(facts: EventFacts) -> None:
    for named in (
        Counter(),
        Counter({f"Team {n}": 1 for n in range(60)}),
        Counter({"Dorking": 1, "Ewell": 1}),
    ):
        assert meeting.another(named, "Run Reigate 2027", 2027, facts.races) == ""


def test_the_column_is_one_that_is_read_as_nothing_else() -> None:
    runsignup = ("Registration ID", "Race", "Event", "First Name")
    assert meeting.column(runsignup, [0, 2, 3]) == 1
    assert meeting.column(runsignup, [0, 1, 2, 3]) is None
    assert meeting.column(("eventTitle", "raceTitle"), [1]) == 0
