"""Looking through many entrants: pages by name that neither skip nor repeat anyone, and a box that finds one."""

from __future__ import annotations

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from people import a_campaign, an_event, entrant, entrants, queue, the_step

from campaigns import addresses, clock, start_list
from campaigns.models import Delivery, Entrant, Event
from campaigns.privacy import retention

pytestmark = pytest.mark.django_db


def names(lines: list[start_list.Line]) -> list[str]:
    return [f"{line.first_name} {line.last_name}".strip() for line in lines]


def found(event: Event, text: str) -> list[str]:
    return names(start_list.search(event, text).lines)


def walk(event: Event) -> list[str]:
    """All names, page after page."""
    seen, after = [], ""
    while True:
        page = start_list.page(event, after=after)
        seen += names(page.lines)
        after = page.after
        if not after:
            return seen


def test_pages_show_everyone_once_in_the_order_of_their_names() -> None:
    event = an_event()
    entrants(event, 120, first_name="Same", last_name="Name")
    for name in ("Åsa", "adam", "Zoë", "Élodie"):
        entrant(event, first_name="A", last_name=name)
    seen = walk(event)
    assert len(seen) == 124
    assert [name for name in seen if name != "Same Name"] == ["A adam", "A Åsa", "A Élodie", "A Zoë"]


def test_one_goes_back_the_way_one_came() -> None:
    event = an_event()
    entrants(event, 110, last_name="Quill")
    first = start_list.page(event)
    second = start_list.page(event, after=first.after)
    third = start_list.page(event, after=second.after)
    assert (first.before, third.after) == ("", "")
    assert start_list.page(event, before=third.before) == second
    assert start_list.page(event, before=second.before).lines == first.lines


def test_the_page_after_somebody_who_was_erased_meanwhile_begins_anew() -> None:
    event = an_event()
    entrants(event, 3)
    assert len(start_list.page(event, after="gone").lines) == 3


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("zoe", ["Zoë Quill-Feather"]),
        ("ZOË", ["Zoë Quill-Feather"]),
        ("feather", ["Zoë Quill-Feather"]),
        ("quill zoe", ["Zoë Quill-Feather"]),
        ("lukasz", ["Łukasz O'Neill"]),
        ("neill", ["Łukasz O'Neill"]),
        ("o'neill", ["Łukasz O'Neill"]),
        ("a17", ["Zoë Quill-Feather"]),
        ("zq.runs", ["Zoë Quill-Feather"]),
        ("zq.runs@exa", ["Zoë Quill-Feather"]),
        ("zq.runs@other", []),
        ("example", []),
        ("ill", []),
        ("!!", []),
        ("'; DROP TABLE entrants; --", []),
        ("zoe:* | lukasz", []),
    ],
)
def test_a_few_letters_find_somebody(text: str, who: list[str]) -> None:
    event = an_event()
    entrant(event, first_name="Zoë", last_name="Quill-Feather", bib="A17", email="zq.runs@example.org")
    entrant(event, first_name="Łukasz", last_name="O'Neill", bib="18", email="l@example.org")
    assert found(event, text) == who


def test_an_equal_bib_comes_first() -> None:
    event = an_event()
    for bib in ("171", "17", "1717"):
        entrant(event, first_name="Amy", last_name=f"A{bib}", bib=bib)
    assert found(event, "17")[0] == "Amy A17"


@pytest.mark.parametrize("number", ["07700 900123", "+44 7700 900123", "0044 (0)7700-900123", "447700900123"])
def test_a_whole_number_finds_whoever_has_that_phone(number: str) -> None:
    event, other = an_event(), an_event()
    for first, mobile in (("Zoë", "+447700900123"), ("Kim", "+447700900123"), ("Amy", "+447700900124")):
        entrant(event, first_name=first, last_name="", mobile=mobile)
    entrant(other, mobile="+447700900123")
    assert found(event, number) == ["Kim", "Zoë"]


def test_digits_that_are_nobody_s_phone_are_looked_for_as_a_bib() -> None:
    event = an_event()
    entrant(event, first_name="Zoë", last_name="", bib="2027001234")
    assert found(event, "2027001234") == ["Zoë"]


def test_a_whole_address_finds_those_who_have_it_and_no_longer_one() -> None:
    event = an_event()
    for first, address in (("Zoë", "Zo@example.org"), ("Amy", "zo@example.org.uk")):
        entrant(event, first_name=first, last_name="", email=address)
    Entrant.objects.filter(first_name="Zoë").update(email_hash=addresses.address_hash("zo@example.org"))
    assert found(event, "ZO@example.org") == ["Zoë"]
    assert found(event, "zo@example.o") == ["Amy", "Zoë"]


def test_nobody_is_found_who_is_of_another_event_or_erased() -> None:
    event, other = an_event(), an_event()
    entrant(other, first_name="Zoë")
    gone = entrant(event, first_name="Zoë")
    Entrant.objects.filter(id=gone.id).update(erased_at="2026-11-01T12:00Z")
    assert start_list.search(event, "zoe").count == 0
    assert walk(event) == []
    assert sum(race.confirmed for race in start_list.counts(event)) == 0


def test_more_than_a_thousand_are_not_counted() -> None:
    event = an_event()
    entrants(event, 1005, first_name="Amy")
    found = start_list.search(event, "amy")
    assert (found.count, len(found.lines)) == (start_list.MOST_FOUND + 1, start_list.PAGE)


def test_each_race_is_counted_by_status() -> None:
    event = an_event()
    entrants(event, 3, race="half")
    entrant(event, race="half", status="held", hold_reason="x")
    entrant(event, race="10k", status="withdrawn")
    assert [(one.race, one.confirmed, one.held, one.withdrawn) for one in start_list.counts(event)] == [
        ("10K", 0, 0, 1),
        ("Half Marathon", 3, 1, 0),
        ("Kids Race", 0, 0, 0),
    ]


def test_races_are_counted_again_when_somebody_comes_in_or_time_removes_them() -> None:
    event = an_event()
    entrants(event, 3, race="half")
    with time_machine.travel("2027-09-01T09:00Z", tick=False):
        event.refresh_from_db()
        assert sum(race.confirmed for race in start_list.counts(event)) == 3
        with CaptureQueriesContext(connection) as asked:
            assert sum(race.confirmed for race in start_list.counts(event)) == 3
        assert not [one for one in asked if "FROM entrants" in one["sql"]]
        entrant(event, race="half")
        event.refresh_from_db()
        assert sum(race.confirmed for race in start_list.counts(event)) == 4
    with time_machine.travel("2028-09-01T09:00Z", tick=False):
        assert sum(race.confirmed for race in start_list.counts(event)) == 4
        retention.retain(clock.now())
        assert sum(race.confirmed for race in start_list.counts(event)) == 0
        event.refresh_from_db()
        assert sum(race.confirmed for race in start_list.counts(event)) == 0


def test_who_waits_is_shown_with_what_for() -> None:
    event = an_event()
    loaded = a_campaign(event)
    entrant(event, first_name="Bea", status="held", hold_reason="Two entries.")
    no_bib = entrant(event, first_name="Cy")
    entrant(event, first_name="Dan")
    (row,) = queue(the_step(loaded), [no_bib])
    Delivery.objects.filter(id=row.id).update(state="held", reason="missing_value", held_revision=1)
    waiting = start_list.waiting(event)
    assert [(line.first_name, line.waits_for) for line in waiting.lines] == [
        ("Bea", "Two entries."),
        ("Cy", "A message needs a value that is not known, such as the bib number."),
    ]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20).filter(lambda text: "\0" not in text))
def test_the_database_folds_as_we_do(text: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT folded(%s)", [text])
        folded = cursor.fetchone()[0]
    if text.isascii() or all("À" <= letter <= "ſ" for letter in text if not letter.isascii()):
        assert start_list.words_of(text) == start_list.words_of(folded)


def test_pages_and_searches_go_by_their_indexes() -> None:
    """Of many entrants neither a page nor a search may read all."""
    from django.db import connection

    event = an_event()
    entrants(event, 2000, consents=())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE entrants")
        for statement in (
            f"SELECT e.id FROM entrants e WHERE e.event_id = {event.id} AND e.erased_at IS NULL "
            f"ORDER BY {start_list.NAME_KEY}, e.id LIMIT 51",
            f"SELECT id FROM entrants WHERE event_id = {event.id} AND erased_at IS NULL "
            "AND person_words(first_name, last_name, bib, email) @@ '''runner17'':*'::tsquery LIMIT 51",
        ):
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
            assert "Sort" not in plan, plan
