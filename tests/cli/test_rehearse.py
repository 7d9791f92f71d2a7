"""`aidstation rehearse`: the keys that scripts rely on, words for people, and what is refused."""

import json

import pytest
import time_machine
from click.testing import CliRunner
from people import YES, a_campaign, a_step, an_event, entrant, entrants, moment

from campaigns.cli import main, ready
from campaigns.models import Delivery, Event

BEFORE = moment("2027-06-01 09:00")
TEXT = a_step("reminder", channel="sms", template="hydration", when="1 day before, 16:00")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("early")]


@pytest.fixture
def early(monkeypatch):
    """The first of June, long before the race."""
    monkeypatch.setattr(ready, "prepare", lambda: None)
    monkeypatch.setenv("COLUMNS", "160")
    with time_machine.travel(BEFORE, tick=False):
        yield


@pytest.fixture
def event() -> Event:
    """An event with two who agreed to everything and one who agreed to nothing."""
    made = an_event()
    entrants(made, 2, consents=YES, bib="")
    entrant(made, consents=(), first_name="Zoë", last_name="Quill", bib="17")
    a_campaign(made, a_step("back-warm-up"), TEXT)
    return made


def run(*words: str):
    return CliRunner().invoke(main, ["rehearse", *words])


def test_json_has_the_keys_that_scripts_rely_on_and_no_names(event):
    result = run(event.slug, "--json")
    found = json.loads(result.stdout)
    assert {"steps", "entrants", "sms_segments", "cost"} <= set(found)
    assert (found["emails"], found["texts"], found["sms_segments"]) == (2, 2, 2)
    tip, reminder = found["steps"]
    assert (tip["name"], tip["due_at"], tip["people"]) == ("back-warm-up", "2027-08-03T09:00:00+00:00", 2)
    assert tip["left_out"] == {"no_consent": 1}
    assert reminder["sms_segments"] == 2
    assert {len(entrant["timeline"]) for entrant in found["entrants"]} == {2}
    assert "Quill" not in result.stdout
    assert "@" not in result.stdout


def test_words_tell_the_whole_and_each_step(event):
    said = " ".join(run(event.slug).stdout.split())
    assert "on Sun 19 Sep 2027: 2 emails and 2 texts would reach 2 of 3 entrants." in said
    assert "Tue 3 Aug 2027, 10:00" in said
    assert "no consent 1" in said
    assert "Some confirmed entrants get nothing at all. (1 people)" not in said
    assert "Some confirmed entrants get nothing at all. (1 person)" in said


def test_one_timeline_is_found_by_name_bib_and_id(event):
    person = event.entrants.get(last_name="Quill")
    said = [
        " ".join(run(event.slug, "--entrant", who).stdout.split())
        for who in ("quill", "17", f"id:{person.id}")
    ]
    assert len(set(said)) == 1
    assert "Zoë Quill" in said[0]
    assert "not sent: no consent" in said[0]


def test_a_moved_race_says_what_moves_and_what_stays(event):
    said = " ".join(run(event.slug, "--move-race", "2027-09-26", "--on", "2027-08-20").stdout.split())
    assert "stays: sent before the move" in said
    assert "Sat 25 Sep 2027, 16:00" in said
    assert "moves from Sat 18 Sep 2027, 16:00" in said
    assert Event.objects.get(id=event.id).date.isoformat() == "2027-09-19"


def test_a_share_of_all_withdraws(event):
    found = json.loads(run(event.slug, "--withdraw", "50%", "--json").stdout)
    assert sum(one["status"] == "withdrawn" for one in found["entrants"]) == 2


def test_a_late_entrant_is_invented_and_shown(event):
    said = run(event.slug, "--late-entrant", "2027-09-01").stdout
    assert "Late Entrant (invented)" in said
    assert event.entrants.count() == 3


def test_a_worker_that_is_down_is_told_by_the_events_clock(event):
    down = ("--worker-down", "2027-08-03T09:30", "2027-08-04T11:00")
    found = json.loads(run(event.slug, *down, "--json").stdout)
    assert found["steps"][0]["left_out"] == {"too_late": 3}


def test_the_page_is_for_its_owners_eyes_alone(event, tmp_path):
    file = tmp_path / "report.html"
    assert "is for the organisers alone" in run(event.slug, "--html", str(file)).stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert "Quill" in file.read_text()


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(event, tmp_path):
    result = run(event.slug, "--html", str(tmp_path / "nowhere" / "report.html"))
    assert result.exit_code == 1
    assert "give another path for the report" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--move-race", "next week"), "is not a date"),
        (("--withdraw", "0%"), "is not a share"),
        (("--withdraw", "999"), "Nobody has 999"),
        (("--entrant", "Nobody"), "Nobody here is called Nobody"),
        (("--on", "2027-08-20"), "--on is the day of"),
        (("--worker-down", "2027-08-04", "2027-08-03"), "ends before it begins"),
        (("--worker-down", "noon", "night"), "is not a moment"),
    ],
)
def test_what_is_not_understood_is_refused_in_a_sentence(event, words, said):
    result = run(event.slug, *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not Delivery.objects.exists()
