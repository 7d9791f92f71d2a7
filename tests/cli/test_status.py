"""`aidstation status` and `deliveries`: the keys that scripts rely on, and words for people."""

import json

import time_machine
from click.testing import CliRunner
from people import LEASE, a_campaign, a_step, an_event, entrants, moment

import scheduler
from campaigns import ledger
from campaigns.cli import main, ready
from campaigns.models import SignOff
from campaigns.models.words import Channel

DUE = moment("2027-08-03 09:00")


def run(monkeypatch, *words: str):
    monkeypatch.setattr(ready, "prepare", lambda: None)
    monkeypatch.setenv("COLUMNS", "160")
    return CliRunner().invoke(main, list(words))


def opened():
    """A step that two people agreed to and one did not, opened and claimed."""
    loaded = a_campaign(event := an_event(), a_step(), a_step("later", when="1 day before, 10:00"))
    entrants(event, 2)
    entrants(event, 1, consents=())
    with time_machine.travel(DUE, tick=False):
        scheduler.tick()
        step_id = ledger.next_step(Channel.EMAIL, DUE)
        assert step_id
        ledger.claim(Channel.EMAIL, step_id, DUE, limit=10, lease=LEASE, holder="me")
    return event, loaded


@time_machine.travel(DUE, tick=False)
def test_status_counts_each_step_by_state_and_reason(db, monkeypatch):
    event, _ = opened()
    found = json.loads(run(monkeypatch, "status", event.slug, "--json").output)
    tip, later = found["steps"]
    assert tip["counts"] == {"claimed": 2, "skipped": 1}
    assert tip["reasons"] == {"no_consent": 1}
    assert tip["due_at"] == "2027-08-03T09:00:00+00:00"
    assert later["counts"] == {}
    assert later["ahead"] is True
    assert found["doubts"] == 0


@time_machine.travel(DUE, tick=False)
def test_status_says_how_things_stand_in_one_sentence(db, monkeypatch):
    event, _ = opened()
    said = run(monkeypatch, "status", event.slug).output
    assert "on Sun 19 Sep 2027: 3 entrants, campaign live. Next: later on Sat 18 Sep 2027, 10:00." in said
    assert "no consent 1" in " ".join(said.split())


@time_machine.travel(DUE, tick=False)
def test_deliveries_have_the_keys_that_scripts_rely_on_and_no_names(db, monkeypatch):
    event, _ = opened()
    lines = run(monkeypatch, "deliveries", event.slug, "--json").output.splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3
    keys = {"step", "entrant", "channel", "state", "reason", "attempts", "message_id", "due_at", "sent_at"}
    assert keys <= set(rows[0])
    for entrant in event.entrants.all():
        assert entrant.first_name not in "".join(lines)
        assert entrant.email not in "".join(lines)


@time_machine.travel(DUE, tick=False)
def test_deliveries_are_chosen_by_step_and_state(db, monkeypatch):
    event, _ = opened()
    skipped = run(
        monkeypatch, "deliveries", event.slug, "--state", "skipped", "--step", "tip", "--csv"
    ).output
    assert [line.split(",")[4] for line in skipped.splitlines()] == ["reason", "no_consent"]
    assert run(monkeypatch, "deliveries", event.slug, "--step", "later", "--json").output == ""


def test_an_unknown_state_is_refused_with_those_there_are(db, monkeypatch):
    refused = run(monkeypatch, "deliveries", "reigate", "--state", "gone")
    assert refused.exit_code == 1
    assert "There is no state 'gone'" in refused.output


@time_machine.travel(DUE, tick=False)
def test_status_says_what_is_held_back_for_want_of_a_sign_off(db, monkeypatch):
    event, _ = opened()
    assert json.loads(run(monkeypatch, "status", event.slug, "--json").output)["unsigned"] == {}
    SignOff.objects.all().delete()
    said = run(monkeypatch, "status", event.slug).output
    assert "Step 'tip' is held back: email/back-warm-up, version 1 has no medical sign-off." in said
