"""A plan written as a file is read back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from people import ROOT

from campaigns.plan import LATE_ENTRANTS, PERS, PURPOSES, CatchUp, Plan, PlannedAlert, PlannedStep, load_plan
from campaigns.plan_file import written
from campaigns.schedule import parse_duration, parse_quiet_hours, parse_when, written_duration

LIBRARY = (ROOT / "campaigns" / "library" / "run-reigate.toml").read_text("utf-8")

STEP = PlannedStep(
    "tip", "email", "shoes", parse_when("47 days before, 10:00"), "all", "tips", timedelta(hours=24),
    "catch-up", "", "address", enabled=True, quiet_exempt=False,
)  # fmt: skip


def again(plan: Plan) -> Plan:
    return load_plan(written(plan), file="plan.toml")


def test_the_librarys_plan_comes_back_whole() -> None:
    plan = load_plan(LIBRARY, file="run-reigate.toml")
    assert len(plan.steps) > 15
    assert again(plan) == plan


@pytest.mark.parametrize(
    ("purpose", "late", "per", "enabled"), list(product(PURPOSES, LATE_ENTRANTS, PERS, (True, False)))
)
def test_every_choice_of_a_step_comes_back(purpose: str, late: str, per: str, enabled: bool) -> None:
    step = replace(STEP, purpose=purpose, late_entrants=late, per=per, enabled=enabled)  # type: ignore[arg-type]
    plan = Plan("Tips", None, (step,), None, ())
    assert again(plan) == plan


@pytest.mark.parametrize(
    "when",
    ["race day, 17:00", "1 day after, 09:05", "start - 120 min", "start", "Tuesday, race week, 10:00"],
)
def test_every_form_of_a_moment_comes_back(when: str) -> None:
    plan = Plan("Tips", parse_quiet_hours("20:00-09:00"), (replace(STEP, when=parse_when(when)),), None, ())
    assert again(plan) == plan


def test_a_text_with_a_fallback_a_catch_up_and_an_alert_come_back() -> None:
    text = replace(
        STEP, channel="sms", fallback="email", purpose="service", when=parse_when("start - 60 min"),
        quiet_exempt=True,
    )  # fmt: skip
    alert = PlannedAlert("heat", "", "alert-heat", timedelta(minutes=90))
    plan = Plan("Tips", None, (text,), CatchUp("catch-up"), (alert,))
    assert again(plan) == plan


@pytest.mark.parametrize("name", ['Ann\'s "tips"', "back\\slash", "Zoë’s 🏃", "two\nlines", "del\x7f\x00"])
def test_no_name_breaks_out_of_its_quotes(name: str) -> None:
    plan = Plan(name, None, (replace(STEP, audience=f'wave "{name}"'),), None, ())
    assert again(plan) == plan


@pytest.mark.parametrize(
    ("length", "words"),
    [("90 s", "90 s"), ("120 s", "2 min"), ("90 min", "90 min"), ("24 h", "24 h"), ("1 day", "24 h"),
     ("48 h", "2 days")],
)  # fmt: skip
def test_a_length_of_time_is_written_in_the_largest_whole_unit(length: str, words: str) -> None:
    assert written_duration(parse_duration(length)) == words
    assert parse_duration(words) == parse_duration(length)
