"""The plan as a whole in the pages: begun, brought as a file, taken away, and what holds for all steps."""

from __future__ import annotations

from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from people import a_plan, a_step
from reigate import dump, make_event
from signed_in import browser_of, make_user
from web.organiser.plans import plan_of

from campaigns import campaign, editing
from campaigns.models import AuditEntry, Campaign, Event, Race
from campaigns.models.words import Role
from campaigns.plan import load_plan

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Event:
    return make_event()


@pytest.fixture
def editor(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR))


def bring(editor: Client, event: Event, text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    answer = editor.post(f"/e/{event.slug}/plan", {"file": SimpleUploadedFile("plan.toml", data)})
    return "loaded" if answer.status_code == 302 else unescape(answer.content.decode())


def test_one_press_loads_the_librarys_plan(editor: Client, event: Event) -> None:
    for slug in ("half", "5k", "kids"):
        Race.objects.create(event=event, slug=slug, name=slug, start="11:00")
    answer = editor.post(f"/e/{event.slug}/plan/library", follow=True)
    assert "steps wait for approval" in answer.content.decode()
    assert set(Campaign.objects.get().steps.values_list("state", flat=True)) == {"waiting"}
    assert AuditEntry.objects.get().act == "campaign.load"


def test_a_library_plan_for_races_that_are_not_there_says_which(editor: Client, event: Event) -> None:
    answer = editor.post(f"/e/{event.slug}/plan/library")
    assert answer.status_code == 422
    said = unescape(answer.content.decode())
    assert "The plan speaks of 5k and half, and" in said
    assert f'href="/e/{event.slug}/event">Add them on the page of the event' in said
    assert not Campaign.objects.exists()


def test_a_second_press_does_not_load_over_a_plan(editor: Client, event: Event) -> None:
    plan_of(event)
    before = dump()
    editor.post(f"/e/{event.slug}/plan/library")
    editor.post(f"/e/{event.slug}/plan/own")
    assert {table for table, rows in dump().items() if rows != before[table]} <= {"django_session"}


def test_an_own_plan_begins_without_steps(editor: Client, event: Event) -> None:
    page = editor.post(f"/e/{event.slug}/plan/own", follow=True).content.decode()
    assert "The plan has no step yet: add the first message that runners get." in page
    assert editor.get(f"/e/{event.slug}/steps/new").status_code == 200


def test_a_file_is_brought_and_the_same_is_taken_away(editor: Client, event: Event) -> None:
    text = a_plan(a_step(), a_step("shoes", template="shoes"), catch_up=True)
    assert bring(editor, event, text) == "loaded"
    answer = editor.get(f"/e/{event.slug}/plan.toml")
    assert answer["Content-Disposition"] == f'attachment; filename="{event.slug}.toml"'
    assert load_plan(answer.content.decode(), file="x") == load_plan(text, file="x")


def test_a_file_changes_a_plan_step_by_step(editor: Client, event: Event) -> None:
    found = plan_of(event)
    campaign.approve(found, "ann@example.org", [])
    taken = editor.get(f"/e/{event.slug}/plan.toml").content.decode()
    assert bring(editor, event, taken.replace("47 days before", "46 days before")) == "loaded"
    states = dict(found.steps.values_list("name", "state"))
    assert states == {"tip": "waiting", "race-morning": "approved", "catch-up": "approved"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "is not valid TOML"),
        ('name = "x"\nsteps = 1', "did you mean 'step'?"),
        (b"\xff\xfe", "is not UTF-8 text"),
        ("#" * 200_001, "larger than 200 KB"),
        (a_plan(a_step(template="nowhere")), "needs the message email/nowhere.md"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_a_sentence(
    editor: Client, event: Event, text: str | bytes, sentence: str
) -> None:
    assert sentence in bring(editor, event, text)
    assert not Campaign.objects.exists()


def test_name_quiet_hours_and_what_late_entrants_get(editor: Client, event: Event) -> None:
    found = plan_of(event)
    given = {"name": "Tips", "quiet_hours": "21:00 - 08:00", "catch_up": ""}
    assert editor.post(f"/e/{event.slug}/plan", given).status_code == 302
    found.refresh_from_db()
    plan = editing.plan_of(found)
    assert (plan.name, str(plan.quiet_hours), plan.catch_up) == ("Tips", "21:00-08:00", None)
    assert len(plan.steps) == 2


def test_quiet_hours_that_cannot_be_read_are_told_at_their_field(editor: Client, event: Event) -> None:
    plan_of(event)
    page = editor.post(f"/e/{event.slug}/plan", {"name": "Tips", "quiet_hours": "at night"}).content.decode()
    assert "are not quiet hours: write" in unescape(page[page.index("id_quiet_hours_error") :])


def test_a_viewer_may_take_the_file_and_bring_none(event: Event) -> None:
    plan_of(event)
    viewer = browser_of(make_user(event, Role.VIEWER))
    assert viewer.get(f"/e/{event.slug}/plan.toml").status_code == 200
    assert viewer.post(f"/e/{event.slug}/plan", {"name": "x"}).status_code == 403
