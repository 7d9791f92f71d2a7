"""Bringing in a list by the pages: what is shown, what is asked, and that nothing happens before a yes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from reigate import make_event
from signed_in import browser_of, make_user
from web.organiser.lists import UNKNOWN, a_list

from campaigns.entry_lists import uploads
from campaigns.models import AuditEntry, Entrant, Event, ListUpload
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db

CHOICES = {
    "column-0": "first name", "column-1": "last name", "column-2": "email", "column-3": "birth date",
    "column-4": "race", "column-5": "yes:email tips", "column-6": "status", "dates": "",
}  # fmt: skip
"""For the headings of `UNKNOWN`, of which the one about health is not offered."""


@pytest.fixture
def event() -> Event:
    return make_event()


@pytest.fixture
def browser(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR, name="Robin Ashdown"))


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def send(browser: Client, event: Event, body: str = UNKNOWN, **fields: Any) -> Any:
    file = SimpleUploadedFile("entries.csv", body.encode())
    return browser.post(f"/e/{event.slug}/entrants/lists/new", {"file": file, **fields})


def work() -> None:
    """What the worker does."""
    for upload_id in uploads.waiting():
        uploads.run(upload_id)


def test_a_list_goes_from_the_file_to_the_entrants(browser: Client, event: Event) -> None:
    path = send(browser, event)["Location"]
    waiting = browser.get(path)
    assert "The list is read" in text_of(waiting)
    assert "http-equiv" in waiting.content.decode()
    work()
    assert "This list is not known yet" in text_of(browser.get(path))
    browser.post(path, {"act": "columns", **CHOICES})
    work()
    page = text_of(browser.get(path))
    assert "Nothing is changed yet" in page
    assert "“paid by cheque” means" in page
    assert "is not a date that can be read" in page
    browser.post(path, {"act": "columns", **CHOICES, "status-0": "confirmed"})
    work()
    assert "40 new entrants, 0 changed, 0 withdrawn, 0 held; 1 row left out" in text_of(browser.get(path))
    assert not Entrant.objects.exists()
    browser.post(path, {"act": "confirm", "digest": ListUpload.objects.get().digest})
    assert not Entrant.objects.exists()
    work()
    assert "Brought in by robin.ashdown@example.org" in text_of(browser.get(path))
    assert Entrant.objects.filter(status="confirmed").count() == 40
    history = text_of(browser.get(f"/e/{event.slug}/entrants/lists"))
    assert "41 40 new, 1 rejected" in history


def test_columns_without_a_birth_date_are_refused_with_the_reason(browser: Client, event: Event) -> None:
    path = f"/e/{event.slug}/entrants/lists/{a_list(event, 'unclear')['token']}"
    answer = browser.post(path, {"act": "columns", **CHOICES, "column-3": ""})
    assert answer.status_code == 422
    assert "No column is the birth date yet" in text_of(answer)
    assert "Allergies" not in text_of(answer)


def test_a_yes_to_what_was_compared_anew_brings_in_nothing(browser: Client, event: Event) -> None:
    path = f"/e/{event.slug}/entrants/lists/{a_list(event, 'compared')['token']}"
    answer = browser.post(path, {"act": "confirm", "digest": "older"}, follow=True)
    assert "compared anew since you looked" in text_of(answer)
    work()
    assert not Entrant.objects.exists()


def test_a_large_drop_is_asked_apart(browser: Client, event: Event) -> None:
    a_list(event, "done")
    ListUpload.objects.all().delete()
    rows = UNKNOWN.splitlines()
    path = send(browser, event, "\n".join(rows[:11]), complete="on")["Location"]
    work()
    assert "30 of 40 entrants are missing from the list and would be withdrawn" in text_of(browser.get(path))
    digest = ListUpload.objects.get().digest
    answer = browser.post(path, {"act": "confirm", "digest": digest})
    assert "Say that this is the whole list" in text_of(answer)
    browser.post(path, {"act": "confirm", "digest": digest, "drop": "on"})
    work()
    assert Entrant.objects.filter(status="withdrawn").count() == 30


def test_a_pair_is_decided_by_a_person(browser: Client, event: Event) -> None:
    a_list(event, "done")
    ListUpload.objects.all().delete()
    rows = UNKNOWN.splitlines()[:-1]
    rows[5] = rows[5].replace("Quill", "Feather")
    path = send(browser, event, "\n".join(rows), complete="on")["Location"]
    work()
    page = text_of(browser.get(path))
    assert "Row 6 and Runner4 Quill differ in the name" in page
    browser.post(path, {"act": "pairs", "pair-6": "same"})
    work()
    listed = ListUpload.objects.get()
    assert (listed.same, listed.result["pairs"]) == ([6], [])


def test_a_file_that_is_too_large_or_missing_is_said_so(
    browser: Client, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "required" in text_of(browser.post(f"/e/{event.slug}/entrants/lists/new", {"complete": ""}))
    monkeypatch.setattr(uploads, "LARGEST", 100)
    assert "larger than" in text_of(send(browser, event))
    assert "is empty" in text_of(send(browser, event, ""))
    assert not ListUpload.objects.exists()


def test_no_more_than_the_largest_list_comes_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns.web import uploading

    monkeypatch.setattr(uploading, "LARGEST", 10)
    handler = uploading.BoundedUpload()
    handler.new_file("file", "x.csv", "text/csv", None)
    for start in range(0, 100, 10):
        handler.receive_data_chunk(b"x" * 10, start)
    file = handler.file_complete(100)
    assert (file.size, len(file.read())) == (100, 10)


def test_dropping_takes_the_file_away(browser: Client, event: Event) -> None:
    path = f"/e/{event.slug}/entrants/lists/{a_list(event, 'compared')['token']}"
    assert "Nothing was changed" in text_of(browser.post(path, {"act": "drop"}, follow=True))
    assert ListUpload.objects.get().body is None
    assert AuditEntry.objects.filter(act="entrants.upload.drop").exists()


def test_progress_is_shown_and_ends_with_the_page_loaded_anew(browser: Client, event: Event) -> None:
    token = a_list(event, "waiting")["token"]
    path = f"/e/{event.slug}/entrants/lists/{token}/progress"
    ListUpload.objects.update(done=4000, total=10000)
    answer = browser.get(path)
    assert "4,000 of 10,000 lines" in text_of(answer)
    assert "HX-Refresh" not in answer
    work()
    assert browser.get(path)["HX-Refresh"] == "true"


def test_a_list_of_another_event_is_not_there(browser: Client, event: Event) -> None:
    other = make_event("elsewhere")
    assert (
        browser.get(f"/e/{event.slug}/entrants/lists/{a_list(other, 'compared')['token']}").status_code == 404
    )


def test_the_page_of_a_list_never_reads_its_file(
    browser: Client, event: Event, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    path = f"/e/{event.slug}/entrants/lists/{a_list(event, 'compared')['token']}"
    with django_assert_max_num_queries(7) as asked:
        browser.get(path)
    assert not [query for query in asked.captured_queries if '"body"' in query["sql"]]
