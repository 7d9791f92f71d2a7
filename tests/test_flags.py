"""Flags tell the organiser whose address or phone nothing reaches; they keep nobody from a message."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, queue

from campaigns import flags, ledger, optout
from campaigns.cli import main
from campaigns.ledger.settling import Result
from campaigns.models import Delivery, Entrant, Step, Suppression
from campaigns.models.words import Channel, Scope, SuppressionReason
from campaigns.receipts import interpreting
from campaigns.receipts.storing import store
from campaigns.receipts.twilio_status import read_report

pytestmark = pytest.mark.django_db

TEXTS = 4


@pytest.fixture
def runner() -> Entrant:
    event = an_event(slug="reigate")
    steps = [
        a_step(f"text-{n}", channel="sms", template="hydration", when=f"{47 - n} days before, 10:00")
        for n in range(TEXTS)
    ]
    a_campaign(event, *steps)
    return entrant(event)


def texted(person: Entrant, number: int, *codes: str) -> None:
    """One text, whose tries end with these codes; '' is delivered."""
    step = Step.objects.get(name=f"text-{number}")
    at = DUE + timedelta(days=number)
    queue(step, [person], at)
    row = Delivery.objects.get(step=step)
    for attempt, code in enumerate(codes, start=1):
        later = at + timedelta(hours=attempt)
        [[claimed]] = claim_at(later, step, Channel.SMS).groups
        result = Result(row.id, claimed.claim, row.id, "accepted", provider_ref=f"SM{row.id}{attempt}",
                        version=step.version_id)  # fmt: skip
        ledger.settle(Channel.SMS, [result], later)
        word = "undelivered" if code else "delivered"
        report = read_report(
            sid=f"SM{row.id}{attempt}", status=word, code=code, attempt=claimed.claim, spread=1, raw={}
        )
        store(row.id, report)
        interpreting.interpret(later)


def test_a_phone_that_was_off_for_three_texts_in_a_row_is_flagged_and_not_closed(runner: Entrant) -> None:
    for number in range(3):
        assert flags.flagged(runner.event) == {}
        texted(runner, number, "30003", "30003")
    assert flags.flagged(runner.event) == {runner.id: ["mobile: the phone was off for the last 3 texts"]}
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("between", [("",), ("30003", ""), ("30008", "30008")])
def test_a_text_that_came_in_between_is_no_row(runner: Entrant, between: tuple[str, ...]) -> None:
    for number, codes in enumerate([("30003", "30003"), between, ("30003", "30003"), ("30003", "30003")]):
        texted(runner, number, *codes)
    assert flags.flagged(runner.event) == {}


def test_addresses_that_providers_refuse_are_flagged_and_those_that_people_closed_are_not(
    runner: Entrant,
) -> None:
    organiser = runner.event.organiser
    optout.suppress(organiser, Channel.EMAIL, runner.email, Scope.ALL, SuppressionReason.HARD_BOUNCE)
    optout.suppress(organiser, Channel.SMS, runner.mobile, Scope.ALL, SuppressionReason.BAD_NUMBER)
    other = entrant(runner.event)
    optout.stop_all_texts(other)
    assert flags.flagged(runner.event) == {
        runner.id: ["email: nothing arrives at this address", "mobile: no text reaches this number"]
    }


def test_the_commands_show_who_is_flagged_and_why(runner: Entrant) -> None:
    entrant(runner.event)
    optout.suppress(
        runner.event.organiser, Channel.EMAIL, runner.email, Scope.ALL, SuppressionReason.HARD_BOUNCE
    )
    words = ["entrants", "show", "--event", "reigate", "--flagged", "--json"]
    [shown] = [json.loads(line) for line in CliRunner().invoke(main, words).output.splitlines()]
    assert (shown["id"], shown["flags"]) == (runner.id, ["email: nothing arrives at this address"])
    told = CliRunner().invoke(main, ["status", "reigate"]).output
    assert "nothing reaches: 1" in told
