"""Whose eyes a message is looked at with."""

from __future__ import annotations

import time_machine
from people import DUE, a_campaign, a_step, an_event, entrant, the_step

from campaigns.models.words import Channel
from campaigns.readers import Pick, picked


def test_the_longest_and_the_oddest_name_are_found(db):
    event = an_event()
    entrant(event, first_name="Ann")
    longest = entrant(event, first_name="Wilhelmina-Alexandrina")
    oddest = entrant(event, first_name="Þórunn Ægis")
    for pick, who in ((Pick.LONGEST, longest), (Pick.ODDEST, oddest)):
        assert picked(event, pick, None, Channel.EMAIL) == who


def test_who_would_get_the_message_comes_before_who_would_not(db):
    event = an_event()
    step = the_step(a_campaign(event, a_step()))
    entrant(event, first_name="Bartholomew", consents=())
    agreed = entrant(event, first_name="Ann")
    with time_machine.travel(DUE.replace(year=2027, month=7)):
        assert picked(event, Pick.LONGEST, step, Channel.EMAIL) == agreed


def test_an_event_without_entrants_has_no_reader(db):
    assert picked(an_event(), Pick.USUAL, None, Channel.EMAIL) is None
