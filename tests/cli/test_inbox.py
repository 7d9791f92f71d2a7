"""`aidstation inbox`: what runners wrote, urgent first."""

import json

import pytest
from click.testing import CliRunner
from people import an_event, entrants

from campaigns.cli import main
from campaigns.receipts.inbound import Arrived, take

pytestmark = pytest.mark.django_db


def inbox(*words: str) -> str:
    done = CliRunner().invoke(main, ["inbox", *words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def event():
    event = an_event(slug="reigate")
    entrants(event, 1, mobile="+447700900123", first_name="Zoë")
    for number, body in enumerate(["Where is parking?", "Chest pain", "STOP", "Lovely race"]):
        take(Arrived(f"SM{number}", "+447700900123", body))
    take(Arrived("SM9", "+447700900999", "Who are you?"))
    return event


def test_urgent_texts_stand_first_and_keywords_are_left_out(event):
    lines = inbox("reigate").splitlines()
    assert "Chest pain" in lines[0]
    assert lines[0].startswith("URGENT")
    assert "Zoë" in lines[0]
    assert len(lines) == 4
    assert "STOP" not in "".join(lines)


def test_all_shows_keywords_too(event):
    assert {row["kind"] for row in json.loads(inbox("reigate", "--all", "--json"))} == {"text", "stop"}


def test_texts_of_another_event_are_not_shown(event):
    other = an_event(slug="other")
    entrants(other, 1, mobile="+447700900555")
    take(Arrived("SM20", "+447700900555", "For the other"))
    assert "For the other" not in inbox("reigate")
    assert "For the other" in inbox("other")


def test_an_empty_inbox_says_so():
    an_event(slug="quiet")
    assert "Nobody has written" in inbox("quiet")
