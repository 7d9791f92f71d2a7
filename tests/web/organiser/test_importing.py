"""Bringing in a list by the pages: what is shown, what is asked, and that nothing happens before a yes."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from people import a_campaign, a_step, entrants
from pytest_django import DjangoAssertNumQueries
from reigate import make_event
from signed_in import browser_of, make_user
from web.organiser.lists import UNKNOWN, a_list

from campaigns.entry_lists import uploads
from campaigns.models import AuditEntry, Campaign, Consent, Entrant, Event, ListUpload, Step
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
    assert "Reading the list…" in text_of(waiting)
    assert "being read" in text_of(browser.get(f"/e/{event.slug}/entrants/lists"))
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
    assert "40 people are brought in; 1 row is left out. All together or nothing." in text_of(
        browser.get(path)
    )
    assert not Entrant.objects.exists()
    browser.post(path, {"act": "confirm", "digest": ListUpload.objects.get().digest})
    assert not Entrant.objects.exists()
    assert "Bringing in the list…" in text_of(browser.get(path))
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


def test_lists_of_an_earlier_event_of_that_name_are_not_shown(browser: Client, event: Event) -> None:
    a_list(event, "done")
    page = f"/e/{event.slug}/entrants/lists"
    assert "No list has been brought in yet" not in text_of(browser.get(page))
    Event.objects.update(created_at=timezone.now())
    assert "No list has been brought in yet" in text_of(browser.get(page))


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


KNOWN = "eventTitle,raceTitle,First Name,Last Name,Email Address,Date of Birth,Phone Number,Wave\n"
"""The headings of a platform that is known, so that nothing is asked about columns."""


def rows(count: int, race: str = "10k", born: str = "1980-01-02", wave: str = "") -> str:
    return KNOWN + "".join(
        f"Run,{race},Ann{number},Lee,a{number}@example.org,{born},+447700900123,{wave}\n"
        for number in range(count)
    )


def test_a_list_of_another_race_is_told_once_with_what_to_do(browser: Client, event: Event) -> None:
    path = send(browser, event, rows(40, "15 mile"))["Location"]
    work()
    page = text_of(browser.get(path))
    assert (
        "Nothing of this list can be brought in: all 40 rows are left out. Is it the list of another race?"
        in page
    )
    assert "1 problem in the list" in page
    assert "Row 2 and 39 more" in page
    assert page.count("is not a race of this event") == 1
    assert "take the list of this event, or add the race to it. Races and waves of the event" in page
    assert "Choose another file" in page
    assert "nothing to bring in" in text_of(browser.get(f"/e/{event.slug}/entrants/lists"))


def test_a_platforms_list_with_a_renamed_column_is_mapped_by_hand(browser: Client, event: Event) -> None:
    agrees = "I would like to receive race tips by email"
    head, *people = (
        rows(3).replace("Date of Birth", "Born on").replace("Wave\n", f"Wave,{agrees}\n").splitlines()
    )
    path = send(browser, event, "\n".join([head, *(f"{line},Yes" for line in people)]))["Location"]
    work()
    page = unescape(text_of(browser.get(path)))
    assert "has no column 'Date of Birth': say which column it is" in page
    known = ListUpload.objects.get().columns
    choices = {}
    for number, heading in enumerate(known["headings"]):
        allowed = "+".join(known["allowed"].get(heading, []))
        choices[f"column-{number}"] = f"yes:{allowed}" if allowed else known["read"].get(heading, "")
    born = known["headings"].index("Born on")
    assert choices[f"column-{born}"] == ""
    choices[f"column-{born}"] = "birth date"
    browser.post(path, {"act": "columns", "dates": "", **choices})
    work()
    browser.post(path, {"act": "confirm", "digest": ListUpload.objects.get().digest})
    work()
    assert set(Entrant.objects.values_list("source", "birth_date__year")) == {("lets-do-this", 1980)}
    assert Consent.objects.filter(channel="email", purpose="tips", granted=True).count() == 3


def test_a_list_for_another_event_is_asked_about_once(browser: Client, event: Event) -> None:
    other = rows(3).replace("\nRun,", "\nDorking Ten 2026,")
    path = send(browser, event, other)["Location"]
    work()
    page = text_of(browser.get(path))
    assert "This list says it is for “Dorking Ten 2026”" in page
    assert f"If you mean it for {event.name}, all is well: say so below." in page
    assert f"Yes, this list is for {event.name}" in page
    digest = ListUpload.objects.get().digest
    refused = browser.post(path, {"act": "confirm", "digest": digest})
    assert f"Say that this list is for {event.name}, or choose another file." in text_of(refused)
    work()
    assert not Entrant.objects.exists()
    browser.post(path, {"act": "confirm", "digest": digest, "meant": "on"})
    work()
    assert Entrant.objects.count() == 3
    again = send(browser, event, other.replace("Ann0", "Bea"))["Location"]
    work()
    assert "This list says it is for" not in text_of(browser.get(again))


def test_an_unknown_wave_is_cured_on_the_page_of_the_event(browser: Client, event: Event) -> None:
    path = send(browser, event, rows(3, wave="Pen 9"))["Location"]
    work()
    answer = browser.get(path)
    assert "add the wave to the event, then bring the list in again" in text_of(answer)
    assert f'href="/e/{event.slug}/event#starts"' in answer.content.decode()
    assert "aidstation" not in text_of(answer).lower().replace("aid station", "")


def test_who_waits_for_a_person_is_explained_and_linked(browser: Client, event: Event) -> None:
    path = send(browser, event, rows(2, born="2015-01-02"))["Location"]
    work()
    page = text_of(browser.get(path))
    assert "2 children get nothing until somebody says that a parent or guardian reads the address" in page
    assert "2 people are brought in: 0 can get messages, 2 children wait for your yes." in page
    browser.post(path, {"act": "confirm", "digest": ListUpload.objects.get().digest})
    work()
    done = browser.get(path)
    assert f'href="/e/{event.slug}/entrants/waiting"' in done.content.decode()
    assert "Next: what they are to get" in text_of(done)


def test_only_that_is_said_of_who_waits_which_is_true_of_these_rows(browser: Client, event: Event) -> None:
    body = UNKNOWN.replace("1980-12-01", "2015-12-01")
    path = send(browser, event, body)["Location"]
    work()
    browser.post(path, {"act": "columns", **CHOICES})
    work()
    page = text_of(browser.get(path))
    assert (
        "40 entrants get nothing, or not everything, until somebody acts: with a status that nobody knows. Once"
        in page
    )
    browser.post(path, {"act": "columns", **CHOICES, "status-0": "confirmed"})
    work()
    page = text_of(browser.get(path))
    assert "2 children get nothing until somebody says that a parent or guardian reads the address" in page
    assert "2 children wait for your yes" in page


ONWARD = {
    None: ("Next: what they are to get", "/e/run-reigate-2027/"),
    "draft": ("Next: look at what they get", "/e/run-reigate-2027/approve"),
    "approved": ("Next: start it", "/e/run-reigate-2027/approve"),
    "live": ("Next: see how it goes", "/e/run-reigate-2027/live/"),
    "paused": ("Next: let it go on", "/e/run-reigate-2027/live/"),
    "stopped": ("See the entrants", "/e/run-reigate-2027/entrants"),
}


@pytest.mark.parametrize("state", ONWARD)
def test_a_list_that_is_known_already_says_so_and_leads_onwards(
    browser: Client, event: Event, state: str | None
) -> None:
    path = send(browser, event, rows(37))["Location"]
    work()
    browser.post(path, {"act": "confirm", "digest": ListUpload.objects.get().digest})
    work()
    if state:
        a_campaign(event, a_step(), live=False)
        Campaign.objects.update(state=state)
    again = send(browser, event, rows(37))["Location"]
    work()
    words, address = ONWARD[state]
    for page in (browser.get(path), browser.get(again)):
        assert f'<a class="button button-first" href="{address}">{words}</a>' in page.content.decode()
    assert "All 37 rows of this list are known already: nothing has changed" in text_of(page)
    assert "Choose another file" in text_of(page)


def test_whoever_gets_the_messages_of_another_event_too_is_counted_before_and_after(
    browser: Client, event: Event
) -> None:
    other = make_event("hill-run", event.organiser, date=event.date)
    entrants(other, 1, race=other.races.get().slug, email="a1@example.org")
    a_campaign(other, a_step())
    path = send(browser, event, rows(3))["Location"]
    work()
    assert "1 address of this list is entered in Run Reigate 2027 too" in text_of(browser.get(path))
    browser.post(path, {"act": "confirm", "digest": ListUpload.objects.get().digest})
    work()
    assert "1 address of this list is entered in Run Reigate 2027 too" in text_of(browser.get(path))


def test_who_waits_already_is_linked_where_a_list_changes_nothing(browser: Client, event: Event) -> None:
    for _ in range(2):
        path = send(browser, event, rows(2, born="2015-01-02"))["Location"]
        work()
        browser.post(
            path, {"act": "confirm", "digest": ListUpload.objects.get(token=path.rpartition("/")[2]).digest}
        )
        work()
    page = browser.get(path).content.decode()
    assert f'href="/e/{event.slug}/entrants/waiting"' in page
    assert "Once the list is in" not in page


def test_with_steps_that_wait_a_known_list_leads_to_their_approval(browser: Client, event: Event) -> None:
    a_list(event, "done")
    a_campaign(event, a_step(), a_step("shoes", template="shoes"))
    Step.objects.filter(name="shoes").update(state="waiting")
    token = ListUpload.objects.get().token
    page = browser.get(f"/e/{event.slug}/entrants/lists/{token}")
    assert "Next: approve the step that waits" in text_of(page)


def test_a_list_of_which_no_row_can_be_read_leads_to_another_file_first(
    browser: Client, event: Event
) -> None:
    path = send(browser, event, rows(3, "15 mile"))["Location"]
    work()
    page = browser.get(path).content.decode()
    assert page.count("button-first") == 1
    assert "Next: " not in page


def test_whether_everybody_is_on_it_is_asked_once_somebody_is_entered(browser: Client, event: Event) -> None:
    new = f"/e/{event.slug}/entrants/lists/new"
    assert "Everybody is on this list" not in text_of(browser.get(new))
    a_list(event, "done")
    assert "Everybody is on this list" in text_of(browser.get(new))


def test_a_list_that_was_read_by_an_earlier_version_is_still_shown(browser: Client, event: Event) -> None:
    token = a_list(event, "compared")["token"]
    upload = ListUpload.objects.get()
    upload.result["problems"] = [[4, "Wave", "'A' is not a wave of half", "create it"]]
    upload.save()
    page = text_of(browser.get(f"/e/{event.slug}/entrants/lists/{token}"))
    assert "Row 4 Wave 'A'" in page.replace("&#39;", "'")
