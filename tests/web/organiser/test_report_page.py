"""The report: its figures are those of the ledger, and what is taken along runs in no spreadsheet."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any, cast

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from people import DUE
from pytest_django.asserts import assertNumQueries
from reigate import make_event
from signed_in import browser_of, make_user
from web.organiser.sends import sending

from campaigns import clock, report, results, tallies
from campaigns.models import Entrant, Event, Step, Suppression, Tally
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db

PAGE = "/e/run-reigate-2027/report/"


@pytest.fixture
def event() -> Event:
    return make_event()


def viewer(event: Event) -> Client:
    return browser_of(make_user(event, Role.VIEWER))


def text_of(browser: Client) -> str:
    answer = browser.get(PAGE)
    assert answer.status_code == 200
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def rows_of(browser: Client, name: str) -> list[dict[str, str]]:
    answer = cast(StreamingHttpResponse, browser.get(f"{PAGE}{name}.csv"))
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    lines = b"".join(cast(Any, answer.streaming_content)).decode()
    return list(csv.DictReader(io.StringIO(lines)))


def stop(entrant: Entrant, reason: str = "unsubscribed", **words: Any) -> None:
    Suppression.objects.create(
        organiser=entrant.event.organiser, channel="email", address_hash=entrant.email_hash,
        reason=reason, **{"scope": "tips_and_sponsor", "at": DUE + timedelta(hours=2), **words},
    )  # fmt: skip


def test_before_anything_is_sent_it_says_what_will_be_here(event: Event) -> None:
    assert "Nothing has been sent yet." in text_of(viewer(event))


def test_its_figures_are_those_of_the_status(event: Event) -> None:
    sending(event, people=57)
    [found] = results.results(event, clock.now())
    [said] = [step for step in report.status(event)["steps"] if step["counts"]]
    assert found.counts == said["counts"]
    assert found.line.reasons == said["reasons"]
    assert found.total == 57
    shown = text_of(viewer(event))
    reached = said["counts"]["sent"] + said["counts"]["delivered"]
    assert f"Sent {reached} messages in 1 step." in shown
    assert f"{said['counts']['bounced']} could not be delivered." in shown


def test_a_family_that_shared_a_message_is_one_message_and_each_an_entrant(event: Event) -> None:
    sending(event, people=57)
    [found] = results.results(event, clock.now())
    reached = found.of("sent", "delivered")
    assert "shares a message" not in text_of(viewer(event))
    Tally.objects.update(carried={"email": {"sent": 2, "delivered": 3}})
    said = text_of(viewer(event))
    assert (
        f"Sent {reached - 5} messages in 1 step. Counted step by step they reached {reached} entrants" in said
    )
    assert f"email · {reached - 5} messages" in said


def test_a_step_that_was_opened_for_nobody_is_not_among_those_sent(event: Event) -> None:
    campaign = sending(event, people=30)
    tallies.count(campaign.steps.get(name="later"), DUE)
    assert "messages in 1 step." in text_of(viewer(event))


def test_what_time_has_removed_is_still_counted(event: Event) -> None:
    sending(event, people=10)
    before = results.results(event, clock.now())[0].of("delivered")
    Step.objects.filter(name="tip").update(totals={"delivered": 1000})
    assert results.results(event, clock.now())[0].of("delivered") == before + 1000


def test_who_stopped_stands_under_the_last_thing_they_got(event: Event) -> None:
    sending(event, people=10)
    got = Entrant.objects.filter(deliveries__sent_at__isnull=False).order_by("id")
    stop(got[0])
    stop(got[0], "complaint", scope="all_but_alerts")
    stop(got[1])
    stop(got[2], at=DUE - timedelta(hours=1))
    stop(got[3], "hard_bounce")
    assert results.results(event, clock.now())[0].stopped == 2
    assert "Nobody has stopped." not in text_of(viewer(event))


def test_the_bars_are_drawn_to_the_figures(event: Event) -> None:
    sending(event, people=10)
    page = viewer(event).get(PAGE).content.decode()
    [drawn] = re.findall(r'<svg class="bar-of".*?</svg>', page)
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="10"', drawn)]
    assert sum(widths) == pytest.approx(100, abs=3)
    assert "style=" not in page


def test_the_steps_go_into_a_spreadsheet(event: Event) -> None:
    sending(event, people=10)
    [row] = rows_of(viewer(event), "steps")
    assert (row["step"], row["entrants"]) == ("tip", "10")
    assert int(row["delivered"]) == results.results(event, clock.now())[0].of("delivered")


def test_every_delivery_goes_into_a_spreadsheet_without_names(event: Event) -> None:
    sending(event, people=10)
    rows = rows_of(viewer(event), "deliveries")
    assert len(rows) == 10
    assert {row["step"] for row in rows} == {"tip"}
    assert "@example.org" not in str([row | {"message_id": ""} for row in rows])


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_nothing_in_it_is_taken_for_a_formula(event: Event, sign: str) -> None:
    sending(event, people=3)
    Step.objects.filter(name="tip").update(name=f"{sign}cmd|' /C calc'!A0")
    for name in ("steps", "deliveries"):
        assert rows_of(viewer(event), name)[0]["step"].startswith(f"'{sign}")


def test_numbers_stay_numbers() -> None:
    assert results.plain_cell(-1) == -1
    assert results.plain_cell("a=b") == "a=b"


def test_it_asks_the_database_as_often_for_many_steps(event: Event) -> None:
    campaign = sending(event, people=10)
    browser = viewer(event)
    browser.get(PAGE)
    with assertNumQueries(10):
        browser.get(PAGE)
    Step.objects.filter(campaign=campaign).update(opened_revision=1)
    for step in campaign.steps.all():
        tallies.count(step, clock.now())
    with assertNumQueries(10):
        browser.get(PAGE)
