"""`aidstation campaign export`: the plan and its messages as the files they came from."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from people import ROOT, a_campaign, a_step, an_event

from campaigns.cli import main, ready
from campaigns.models import Event
from campaigns.plan import load_plan

SHOES = a_step("shoes", template="shoes", when="40 days before, 10:00")


@pytest.fixture
def event(db, monkeypatch) -> Event:
    monkeypatch.setattr(ready, "prepare", lambda: None)
    return an_event()


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["campaign", "export", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def test_the_plan_is_printed_as_its_file(event):
    a_campaign(event, a_step(), SHOES, catch_up=True)
    plan = load_plan(run(event.slug).output, file="plan.toml")
    assert [step.name for step in plan.steps] == ["tip", "shoes"]


def test_what_was_written_into_a_folder_is_loaded_again_from_there(event, tmp_path: Path):
    loaded = a_campaign(event, a_step(), SHOES, catch_up=True)
    said = run(event.slug, "--output", tmp_path / "plan.toml", "--messages", tmp_path).output
    assert f"Wrote {tmp_path / 'email' / 'shoes.md'}." in said
    for name in ("back-warm-up", "shoes", "catch-up"):
        written = (tmp_path / "email" / f"{name}.md").read_bytes()
        assert written == (ROOT / "templates" / "email" / f"{name}.md").read_bytes()
    words = ["load", str(tmp_path / "plan.toml"), "--event", event.slug, "--templates", str(tmp_path)]
    result = CliRunner().invoke(main, ["campaign", *words])
    assert result.exit_code == 0, result.output
    assert set(loaded.steps.values_list("state", flat=True)) == {"approved"}


def test_scripts_get_the_plan_as_one_value(event):
    a_campaign(event)
    found = json.loads(run(event.slug, "--json").output)
    assert load_plan(found["plan"], file="plan.toml").steps[0].name == "tip"


def test_an_event_without_a_plan_and_a_place_that_cannot_be_written_are_refused(event, tmp_path: Path):
    assert "has no plan yet" in run(event.slug, code=1).output
    a_campaign(event)
    (tmp_path / "file").write_text("x", "utf-8")
    assert "cannot be written" in run(event.slug, "--output", tmp_path / "file" / "plan.toml", code=1).output
