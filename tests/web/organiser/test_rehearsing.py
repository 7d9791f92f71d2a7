"""A rehearsal asked for in a page: run by a worker, read and downloaded, kept from others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from django.test import Client
from reigate import make_entrant, make_event
from signed_in import browser_of, make_user
from web.organiser.plans import look_of, plan_of, rehearsal_of

from campaigns import errands
from campaigns.models import AuditEntry, Errand, Event
from campaigns.models.words import Role
from campaigns.web.organiser.rehearsing import REPORT_POLICY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel("2027-06-01T09:00:00Z", tick=False):
        yield


@pytest.fixture
def event() -> Event:
    made = make_event()
    make_entrant(made)
    plan_of(made)
    return made


@pytest.fixture
def editor(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR))


def test_it_is_asked_for_run_read_and_downloaded(event: Event, editor: Client) -> None:
    given = {"asks": "True", "move_to": "2027-10-03"}
    address = editor.post(f"/e/{event.slug}/rehearse", given)["Location"]
    errands.run(Errand.objects.get().id)
    page = editor.get(address).content.decode()
    assert "1 entrant of 1 would get something." in page
    assert "3 Oct 2027" in page
    report = editor.get(f"{address}/report")
    assert b"How Run Reigate 2027 would go" in report.content
    assert report["Content-Security-Policy"] == REPORT_POLICY
    assert "Content-Disposition" not in report
    taken = editor.get(f"{address}/report", {"download": "1"})
    assert taken["Content-Disposition"] == f'attachment; filename="{event.slug}-rehearsal.html"'
    assert AuditEntry.objects.get().act == "errand.rehearsal"
    event.refresh_from_db()
    assert event.date.isoformat() == "2027-09-19"


def test_a_report_that_is_gone_says_so(event: Event, editor: Client) -> None:
    errand = rehearsal_of(event)
    Errand.objects.update(report=None)
    assert "is gone" in editor.get(f"/e/{event.slug}/rehearse/{errand.token}").content.decode()
    assert editor.get(f"/e/{event.slug}/rehearse/{errand.token}/report").status_code == 404


def test_a_report_of_another_event_or_a_preflight_is_not_there(event: Event, editor: Client) -> None:
    other = make_event("elsewhere")
    plan_of(other)
    for errand in (rehearsal_of(other), look_of(event, "running")):
        assert editor.get(f"/e/{event.slug}/rehearse/{errand.token}/report").status_code == 404


def test_a_viewer_reads_and_asks_for_none(event: Event) -> None:
    viewer = browser_of(make_user(event, Role.VIEWER))
    assert viewer.post(f"/e/{event.slug}/rehearse", {"asks": "True"}).status_code == 403
    assert not Errand.objects.exists()


def test_a_day_that_is_past_is_told(event: Event, editor: Client) -> None:
    page = editor.post(
        f"/e/{event.slug}/rehearse", {"asks": "True", "move_to": "2020-01-01"}
    ).content.decode()
    assert "is past: choose today or a later day." in page
    assert not Errand.objects.exists()
