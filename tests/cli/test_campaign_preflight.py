"""`aidstation campaign preflight` and `approve`: what people and scripts are told, and the exit code."""

import json
import re
from decimal import Decimal

import pytest
import time_machine
from click.testing import CliRunner, Result
from people import DUE, a_step, an_event, entrant, entrants, load

from campaigns.cli import main, ready
from campaigns.models import AuditEntry, Event

EARLIER = DUE.replace(month=7)


@pytest.fixture
def event(db, monkeypatch, settings) -> Event:
    monkeypatch.setattr(ready, "prepare", lambda: None)
    monkeypatch.setenv("COLUMNS", "180")
    settings.EMAIL_URL, settings.PUBLIC_URL = "smtp://127.0.0.1:2525", "https://tips.example.org"
    return an_event(contact_confirmed="hello@example.org")


@time_machine.travel(EARLIER, tick=False)
def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["campaign", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def test_a_sound_plan_is_shown_step_by_step(event):
    entrants(event, 2)
    entrant(event, consents=())
    load(event)
    said = run("preflight", event.slug).output
    assert "Tue 3 Aug 2027, 10:00" in said
    assert "no consent 1" in said
    assert "In all 2 emails." in said
    assert "Note example.org is no public domain: nothing was looked up." in said
    assert said.endswith("Nothing stands in the way of approval.\n")


def test_weights_are_said_as_on_the_pages(event, settings):
    settings.SMS_PRICE = Decimal("0.04")
    entrants(event, 2)
    load(event, a_step(), a_step("text", channel="sms", template="hydration", when="40 days before, 17:00"))
    output = run("preflight", event.slug, code=1).output  # no account for texts
    said = " ".join(output.replace("│", " ").split())
    assert re.search(r"up to \d\d,\d{3} bytes", said)
    assert re.search(r"In all 2 emails and 2 texts.*, which cost 0\.\d\d at 0\.04 each\.", said)
    assert "KB" not in said
    assert "segment" not in said


def test_what_is_wrong_comes_first_and_gives_exit_code_1(event):
    load(event, signed=False)
    said = run("preflight", event.slug, "--offline", code=1).output
    first = next(line for line in said.splitlines() if line.startswith(("Error", "Look", "Note")))
    assert first.startswith("Error tip: email/back-warm-up, version 1 has no medical sign-off")
    assert "1 to put right before approval." in said


def test_scripts_get_figures_and_findings(event):
    without = entrant(event, consents=())
    entrant(event)
    load(event)
    found = json.loads(run("preflight", event.slug, "--json").output)
    [step] = found["steps"]
    assert (step["name"], step["recipients"], step["left_out"]) == ("tip", 1, {"no_consent": 1})
    assert (step["due_at"], step["emails"]) == ("2027-08-03T09:00:00+00:00", 1)
    assert (found["errors"], found["sms_segments"]) == (0, 0)
    assert [finding["code"] for finding in found["findings"]] == ["not_looked_up"]
    assert without.email not in json.dumps(found)


def test_only_the_named_steps_are_looked_at(event):
    load(event, a_step(), a_step("shoes", template="shoes"))
    assert [
        step["name"]
        for step in json.loads(run("preflight", event.slug, "--step", "shoes", "--json").output)["steps"]
    ] == ["shoes"]


def test_a_step_that_is_not_there_is_refused(event):
    load(event)
    assert "There is no step 'shoos'" in run("preflight", event.slug, "--step", "shoos", code=1).output


def test_approve_says_and_notes_how_many_get_it(event):
    entrants(event, 3)
    load(event)
    assert run("approve", event.slug).output == "tip: 3 recipients as things stand.\nApproved 1 step.\n"
    entry = AuditEntry.objects.get(act="campaign.approve")
    assert entry.detail == {"steps": 1, "recipients": {"tip": 3}}


def test_approve_refuses_what_preflight_finds_wrong(event):
    load(event, signed=False)
    assert "Nothing is approved. Step 'tip'" in run("approve", event.slug, code=1).output
    assert not AuditEntry.objects.exists()


def test_approve_tells_scripts_how_many_steps(event):
    load(event)
    found = json.loads(run("approve", event.slug, "--json").output)
    assert found["approved"] == 1
    assert found["steps"] == [{"name": "tip", "recipients": 0}]
