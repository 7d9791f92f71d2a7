"""The rehearsal's report: one file that needs nothing beside itself and gives no address away."""

import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest
import time_machine
from people import a_campaign, a_step, an_event, entrant, entrants, load, moment

from campaigns import rehearsal
from campaigns.rehearsal import WhatIf
from campaigns.web import rehearsal_page

pytestmark = pytest.mark.django_db
BEFORE = moment("2027-06-01 09:00")


@pytest.fixture
def event():
    made = an_event()
    entrants(made, 2)
    entrant(made, first_name="<b>{{ 7*7 }}</b>", last_name="Öz", bib="17", email="secret@example.org")
    a_campaign(made, a_step("back-warm-up"), a_step("shoes", when="1 day before, 10:00", template="shoes"))
    return made


def page(event, **what_if) -> str:
    with time_machine.travel(BEFORE, tick=False):
        return rehearsal_page.page(rehearsal.rehearse(event, WhatIf(**what_if)))


class Outline(HTMLParser):
    """Attributes that fetch or point somewhere, and the visible words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src", "action", "srcset")]

    def handle_data(self, data):
        self.words.append(data)


def test_nothing_is_fetched_from_anywhere(event):
    text = page(event)
    assert all(link.startswith("#") for link in Outline(text).links)
    assert re.findall(r'url\((?!"data:)', text) == []
    assert "<script" not in text
    assert "@import" not in text


def test_what_the_texts_cost_is_said_in_plain_words(event, settings):
    settings.SMS_PRICE = Decimal("0.04")
    load(event, a_step("text", channel="sms", template="hydration", when="40 days before, 17:00"))
    words = " ".join(" ".join(Outline(page(event)).words).split())
    assert re.search(r"3 texts( \(you pay for \d+: long ones count as several\))?, which cost", words)
    assert "you pay for" in words
    assert "paid as" not in words
    assert "segment" not in words


def test_every_link_in_the_page_has_its_place(event):
    text = page(event)
    places = set(re.findall(r'id="([^"]+)"', text))
    assert {link.removeprefix("#") for link in Outline(text).links} <= places


def test_no_address_or_number_stands_in_it_and_a_name_is_only_a_name(event):
    text = page(event)
    assert "secret@example.org" not in text
    assert "+447" not in text
    assert "&lt;b&gt;{{ 7*7 }}&lt;/b&gt; Öz" in text


def test_people_stand_by_the_plain_first_letter_of_their_last_name(event):
    words = " ".join("".join(Outline(page(event)).words).split())
    assert re.search(r"\bO 1 entrant\b", words)
    assert "bib 17: 2 of 2" in words


def test_a_moved_race_is_told_in_words_and_in_the_picture(event):
    text = page(event, move_to=event.date.replace(day=26))
    assert "What if:</strong> The race moves from Sun 19 Sep 2027 to Sun 26 Sep 2027" in text
    assert "moves from Tue 3 Aug 2027, 10:00" in text
    assert 'class="ghost"' in text


def test_a_list_too_long_for_a_browser_names_the_way_to_one_timeline(event, monkeypatch):
    monkeypatch.setattr(rehearsal_page, "MOST_TIMELINES", 2)
    text = page(event)
    assert "Öz" not in text
    assert f"aidstation rehearse {event.slug} --entrant NAME" in text
