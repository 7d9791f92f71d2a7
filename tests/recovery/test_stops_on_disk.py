"""Opt-outs on disk: a restored database hears again of those it does not know."""

from datetime import timedelta

import pytest
from reigate import make_entrant, make_event

from campaigns import clock, optout
from campaigns.models import Suppression
from campaigns.recovery import stops_on_disk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def file(settings, tmp_path):
    settings.STOPS_FILE = tmp_path / "stops" / "stops.jsonl"
    return settings.STOPS_FILE


def forgotten() -> None:
    """As a database of before."""
    Suppression.objects.all()._raw_delete("default")


def test_a_stop_since_the_backup_is_closed_again(file):
    entrant = make_entrant(make_event())
    since = clock.now() - timedelta(seconds=5)
    optout.stop_tips_by_email(entrant)
    assert entrant.email not in file.read_text()
    forgotten()
    assert stops_on_disk.replay(since) == 1
    assert stops_on_disk.replay(since) == 0
    assert not optout.standing(entrant, "email").tips


def test_one_that_was_taken_back_stays_open(file):
    entrant = make_entrant(make_event())
    since = clock.now() - timedelta(seconds=5)
    optout.stop_tips_by_email(entrant)
    optout.undo(entrant, optout.TIPS_BY_EMAIL, wording="Send me tips again")
    assert stops_on_disk.replay(since) == 0


def test_one_of_before_the_backup_is_the_backups_own_matter(file):
    entrant = make_entrant(make_event())
    optout.stop_tips_by_email(entrant)
    forgotten()
    assert stops_on_disk.replay(clock.now() + timedelta(seconds=5)) == 0


def test_a_torn_last_line_is_not_read(file):
    optout.stop_tips_by_email(make_entrant(make_event()))
    with file.open("ab") as out:
        out.write(b'{"at":"2027')
    forgotten()
    assert stops_on_disk.replay(clock.now() - timedelta(minutes=1)) == 1


def test_a_disk_that_cannot_be_written_refuses_nobody(settings, tmp_path):
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    settings.STOPS_FILE = blocked / "stops.jsonl"
    entrant = make_entrant(make_event())
    assert optout.stop_tips_by_email(entrant)
    assert not optout.standing(entrant, "email").tips
