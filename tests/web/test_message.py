"""An email in the browser: what it shows, to whom, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from django.test import Client
from people import DUE, a_campaign, a_step, an_event, claim_at, entrants, queue, the_step

from campaigns import ledger, view_link
from campaigns.models import Delivery, Entrant, Step
from campaigns.models.words import Channel

pytestmark = pytest.mark.django_db


def send(step: Step, people: list[Entrant]) -> list[Delivery]:
    """The step's email has gone out to these people, one message an address."""
    rows = queue(step, people)
    claim = claim_at(DUE, step)
    version = Step.objects.get(id=step.id).version_id
    results = [
        ledger.Result(row.delivery, row.claim, row.carrier, "accepted", version=version)
        for group in claim.groups
        for row in group
    ]
    ledger.settle(Channel.EMAIL, results, DUE)
    return rows


def link(row: Delivery) -> str:
    row.refresh_from_db()
    return f"/m/{view_link.code_of(row.token)}"


def a_sent_step(*, per: str = "address") -> Step:
    return the_step(a_campaign(an_event(), a_step(more=f'per = "{per}"')))


def test_a_sent_email_is_shown_as_its_reader_got_it(browser: Client) -> None:
    step = a_sent_step()
    event = step.campaign.event
    [row] = send(step, entrants(event, 1, first_name="Zoë", last_name="Quiggin", mobile="+447700900123"))
    answer = browser.get(link(row))
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "Zoë" in shown
    assert f"/u/{row.entrant.token}" in shown
    for private in ("Quiggin", "7700900123", row.entrant.email):
        assert private not in shown


def test_the_page_runs_no_script_and_is_neither_kept_nor_indexed(browser: Client) -> None:
    step = a_sent_step()
    [row] = send(step, entrants(step.campaign.event, 1))
    headers = browser.get(link(row)).headers
    assert "script" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_family_sees_its_one_email_by_anyones_link(browser: Client) -> None:
    step = a_sent_step()
    event = step.campaign.event
    people = [entrants(event, 1, first_name=name, email="home@example.org")[0] for name in ("Ana", "Ben")]
    rows = send(step, people)
    pages = {browser.get(link(row)).content for row in rows}
    assert len(pages) == 1
    assert "Ana and Ben" in pages.pop().decode()


def test_who_got_the_step_apart_is_not_named(browser: Client) -> None:
    step = a_sent_step(per="entrant")
    event = step.campaign.event
    people = [entrants(event, 1, first_name=name, email="home@example.org")[0] for name in ("Ana", "Ben")]
    first, second = send(step, people)
    assert "Ben" not in browser.get(link(first)).content.decode()
    assert "Ana" not in browser.get(link(second)).content.decode()


def test_an_email_that_has_not_gone_out_is_not_shown(browser: Client) -> None:
    step = a_sent_step()
    [row] = queue(step, entrants(step.campaign.event, 1))
    assert browser.get(link(row)).status_code == 404


@pytest.mark.parametrize("code", ["x", "a" * 22, view_link.code_of(UUID(int=7))])
def test_an_unknown_link_says_so(browser: Client, code: str) -> None:
    answer = browser.get(f"/m/{code}")
    assert answer.status_code == 404
    assert "This link is not known" in answer.content.decode()


def test_a_newer_wording_does_not_change_what_was_sent(browser: Client) -> None:
    step = a_sent_step()
    [row] = send(step, entrants(step.campaign.event, 1))
    before = browser.get(link(row)).content
    step.template.versions.create(
        number=2, source="---\ntopic: T\npurpose: tips\nsubject: S\npreheader: P\n---\n# New\n\nNew.\n",
        content_hash="new", created_at=DUE,
    )  # fmt: skip
    Step.objects.filter(id=step.id).update(version=step.template.versions.get(number=2))
    assert browser.get(link(row)).content == before


def test_looking_back_brings_the_facts_that_the_message_was_rendered_from() -> None:
    step = a_sent_step()
    event = step.campaign.event
    consents = [("email", "tips"), ("email", "sponsor")]
    rows = queue(step, entrants(event, 1, race="10k", first_timer=True, consents=consents))
    [[claimed]] = claim_at(DUE, step).groups
    result = ledger.Result(
        claimed.delivery, claimed.claim, claimed.carrier, "accepted", version=step.version_id
    )
    ledger.settle(Channel.EMAIL, [result], DUE)
    rows[0].refresh_from_db()
    sent = ledger.sent_message(rows[0].token)
    assert sent is not None
    assert [replace(row, claim=claimed.claim, attempts=claimed.attempts) for row in sent.group] == [claimed]
    assert claimed.agreed == ["sponsor", "tips"]
