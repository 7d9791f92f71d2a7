"""What programs read: the campaign's standing and the ledger, page by page, without a name or an address."""

from __future__ import annotations

import pytest
from people import DUE, a_campaign, a_step, an_event, entrants, queue, the_step

from campaigns import clock, tallies
from campaigns.api import reading
from campaigns.models import Delivery


@pytest.fixture
def ledger(event):
    """Seven deliveries in two steps."""
    loaded = a_campaign(event, a_step(), a_step("shoes", template="shoes", when="40 days before, 10:00"))
    people = entrants(event, 5, registration_id="R-1")
    queue(the_step(loaded), people)
    queue(the_step(loaded, "shoes"), people[:2])
    return loaded


def test_the_status_tells_steps_moments_and_counts(event, ask, ledger):
    tallies.count(the_step(ledger), clock.now())
    found = ask("get", "status").json()
    assert (found["event"], found["campaign"], found["entrants"]) == (event.slug, "live", 5)
    step = found["steps"][0]
    assert (step["name"], step["state"], step["counts"]) == ("tip", "approved", {"due": 5})
    assert step["due_at"] == DUE.isoformat().replace("+00:00", "Z")


def test_the_status_of_an_event_without_a_plan(ask):
    found = ask("get", "status").json()
    assert (found["campaign"], found["steps"]) == ("none", [])


def test_the_ledger_is_read_page_by_page_and_every_row_once(ask, ledger):
    rows, after, pages = [], "", 0
    while True:
        found = ask("get", "deliveries", data={"limit": 3, **({"after": after} if after else {})}).json()
        rows += found["deliveries"]
        after, pages = found["next"], pages + 1
        if not after:
            break
    assert pages == 3
    assert [row["step"] for row in rows] == ["tip"] * 5 + ["shoes"] * 2
    assert len({row["message_id"] + row["step"] for row in rows}) == 7
    assert {row["external_id"] for row in rows} == {"R-1"}


def test_the_ledger_is_narrowed_by_step_and_state(ask, ledger):
    assert len(ask("get", "deliveries", data={"step": "shoes"}).json()["deliveries"]) == 2
    assert len(ask("get", "deliveries", data={"state": "due"}).json()["deliveries"]) == 7
    assert ask("get", "deliveries", data={"state": "sent"}).json() == {"deliveries": [], "next": ""}
    assert ask("get", "deliveries", data={"step": "none"}).json()["deliveries"] == []


def test_a_rare_state_is_found_a_piece_of_the_ledger_at_a_time(ask, ledger, monkeypatch):
    monkeypatch.setattr(reading, "LOOKED_AT", 2)
    sent = Delivery.objects.order_by("step_id", "entrant_id")[3:6]
    Delivery.objects.filter(id__in=[row.id for row in sent]).update(state="sent")
    rows, sizes, after = [], [], ""
    while True:
        query = {"state": "sent", "limit": 1, **({"after": after} if after else {})}
        found = ask("get", "deliveries", data=query).json()
        rows += [row["state"] for row in found["deliveries"]]
        sizes.append(len(found["deliveries"]))
        after = found["next"]
        if not after:
            break
    assert rows == ["sent"] * 3
    assert sizes[0] == 0


def test_no_line_names_anybody(ask, ledger):
    said = ask("get", "deliveries").content.decode()
    assert "Runner" not in said
    assert "runner" not in said
    assert "+4477" not in said


def test_a_cursor_of_another_event_is_none(event, ask, ledger):
    elsewhere = an_event()
    loaded = a_campaign(elsewhere, a_step())
    (foreign,) = queue(the_step(loaded), entrants(elsewhere, 1))
    foreign.refresh_from_db()
    answer = ask("get", "deliveries", data={"after": foreign.token})
    assert answer.status_code == 422
    assert "begin without it" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 5000}, {"state": "gone"}, {"after": "1"}, {"step": "A B"}]
)
def test_a_question_that_does_not_fit_is_refused(ask, query):
    answer = ask("get", "deliveries", data=query)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["field"] in query


def test_pages_take_as_many_queries_however_long_the_ledger(event, ask, ledger):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            ask("get", path)
        return len(seen)

    ask("get", "status")
    few = {path: queries(path) for path in ("status", "deliveries")}
    queue(the_step(ledger, "shoes"), entrants(event, 100))
    assert {path: queries(path) for path in few} == few
    assert max(few.values()) <= 20
