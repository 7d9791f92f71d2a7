"""Who of a list also gets the messages of another event: counted by address, and said before and after it comes in."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import time_machine
from people import DUE, RACE_DAY, a_campaign, a_step, an_event, entrants

from campaigns import campaign
from campaigns.entry_lists import staging
from campaigns.entry_lists.elsewhere import elsewhere
from campaigns.entry_lists.imports import Import, import_list
from campaigns.models import Entrant, Event, Organiser

pytestmark = pytest.mark.django_db

HEADINGS = "eventTitle,raceTitle,First Name,Last Name,Email Address,Date of Birth,Phone Number,Wave\n"


@pytest.fixture(autouse=True)
def summer():
    with time_machine.travel(DUE - timedelta(days=30), tick=False):
        yield


@pytest.fixture
def other() -> Event:
    """A live event with three confirmed entrants, of whom two share an address."""
    made = an_event(slug="hill-run", day=date(2027, 9, 5))
    Event.objects.filter(id=made.id).update(name="Hill Run 2027")
    entrants(made, 2, email="ann@example.org")
    entrants(made, 1, email="bob@example.org")
    a_campaign(made, a_step())
    return made


def imported(tmp_path: Path, event: Event, *addresses: str) -> Import:
    file = tmp_path / "list.csv"
    file.write_text(
        HEADINGS
        + "".join(f"Run,10k,Ann{n},Lee,{address},1980-01-02,,\n" for n, address in enumerate(addresses))
    )
    return import_list(file, event, who="robin@example.org", confirm=lambda _: False)


def test_people_of_another_live_event_are_counted_once_an_address(tmp_path, other):
    found = imported(
        tmp_path, an_event(), "Ann@example.org", "ann@example.org", "bob@example.org", "new@example.org"
    )
    [one] = found.elsewhere
    assert (one.event, one.addresses) == ("Hill Run 2027", 2)
    assert one.words.startswith("2 addresses of this list are entered in Hill Run 2027 too")


def paused(event: Event) -> None:
    campaign.pause(event.campaign)


def cancelled(event: Event) -> None:
    campaign.cancel_event(event)


def over(event: Event) -> None:
    Event.objects.filter(id=event.id).update(date=RACE_DAY - timedelta(days=200))


def withdrawn(event: Event) -> None:
    Entrant.objects.filter(event=event).update(status="withdrawn")


def of_somebody_else(event: Event) -> None:
    stranger = Organiser.objects.create(slug="other", name="Other Races")
    Event.objects.filter(id=event.id).update(organiser=stranger)


@pytest.mark.parametrize("change", [paused, cancelled, over, withdrawn, of_somebody_else])
def test_who_gets_nothing_from_there_is_not_counted(tmp_path, other, change):
    change(other)
    assert imported(tmp_path, an_event(), "ann@example.org").elsewhere == ()


def test_the_event_itself_is_no_other(tmp_path, other):
    assert imported(tmp_path, other, "ann@example.org").elsewhere == ()


def test_without_another_live_event_nothing_is_counted(tmp_path, django_assert_num_queries):
    event = an_event()
    with staging.staged_table(), django_assert_num_queries(1):
        assert elsewhere(event) == []
