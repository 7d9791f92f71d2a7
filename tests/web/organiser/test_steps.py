"""One step on its page: what is saved, what is refused and where, and whom it is for while it is being written."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from people import a_step, load, queue
from pytest_django import DjangoAssertNumQueries
from reigate import dump, make_entrant, make_event
from signed_in import browser_of, make_user
from web.organiser.plans import plan_of

from campaigns import campaign, editing
from campaigns.models import AuditEntry, Event, Step, Wave
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db

NEW = {
    "name": "shoes-again",
    "message": "email/shoes",
    "when_kind": "before",
    "when_number": "40",
    "when_time": "10:00",
    "when_weekday": "Tuesday",
    "audience": "adults and 10k",
    "purpose": "tips",
    "latest": "24 h",
    "late_entrants": "catch-up",
    "per": "address",
    "press": "save",
}


@pytest.fixture
def event() -> Event:
    made = make_event()
    plan_of(made)
    return made


@pytest.fixture
def editor(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR, name="Eddie Torr"))


def add(editor: Client, event: Event, **fields: str) -> str:
    answer = editor.post(f"/e/{event.slug}/steps/new", NEW | fields)
    return "saved" if answer.status_code == 302 else unescape(answer.content.decode())


def of(event: Event, name: str = "tip") -> Step:
    return Step.objects.get(campaign__event=event, name=name)


def form_of(editor: Client, event: Event, name: str = "tip") -> dict[str, str]:
    """What a browser would send back from the page of a step, untouched."""
    page = editor.get(f"/e/{event.slug}/steps/{name}/").content.decode()
    found = {}
    for select, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', page, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[select] = chosen[1] if chosen else ""
    for tag in re.findall(r"<input [^>]*>", page):
        words = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if words.get("type") not in ("checkbox", "radio", "hidden") or "checked" in tag.split():
            found[words["name"]] = unescape(words.get("value", ""))
    audience = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.S)
    assert audience
    found["audience"] = unescape(audience[1]).strip()
    return {**found, "press": "save"}


def test_a_new_step_waits_and_is_audited(editor: Client, event: Event) -> None:
    assert add(editor, event) == "saved"
    step = of(event, "shoes-again")
    assert (step.when, step.audience, step.state) == ("40 days before, 10:00", "adults and 10k", "waiting")
    assert step.template.name == "shoes"
    entry = AuditEntry.objects.get(act="step.add")
    assert (entry.who, entry.event, entry.detail) == ("eddie.torr@example.org", event.slug, {"step": step.id})


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"when_kind": "day", "when_time": "07:00"}, "race day, 07:00"),
        ({"when_kind": "after", "when_number": "1"}, "1 day after, 10:00"),
        ({"when_kind": "start-before", "when_number": "120"}, "start - 120 min"),
        ({"when_kind": "start-after", "when_number": "30", "when_time": ""}, "start + 30 min"),
        ({"when_kind": "weeks", "when_number": "7"}, "Tuesday, 7 weeks before, 10:00"),
        ({"when_kind": "weeks", "when_number": "0", "when_weekday": "Friday"}, "Friday, race week, 10:00"),
    ],
)
def test_each_way_to_say_when(editor: Client, event: Event, fields: dict[str, str], when: str) -> None:
    assert add(editor, event, **fields) == "saved"
    assert of(event, "shoes-again").when == when


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "Shoes Again", "is not a name: use 1 to 60 of a-z, 0-9 and the hyphen."),
        ("name", "catch-up", "This name belongs to the message under [catch_up]"),
        ("when_number", "", "is not a time to send"),
        ("when_time", "", "is not a time to send"),
        (
            "audience",
            "adults and hafl",
            "Line 1, column 12: 'hafl' is not an audience word or a race of this event",
        ),
        ("latest", "soon", "'soon' is not a length of time"),
        ("fallback", "on", "Only a step with channel 'sms' can fall back to email."),
        ("quiet_exempt", "on", "purpose 'service' on race day can be exempt."),
    ],
)
def test_a_mistake_is_told_at_its_field_in_the_plans_own_words(
    editor: Client, event: Event, field: str, value: str, sentence: str
) -> None:
    before = dump()
    page = add(editor, event, **{field: value})
    assert sentence in page
    shown = "when_number" if field == "when_time" else field
    problem = page[page.index(f'id="id_{shown}_error"') :]
    assert sentence in problem[: problem.index("</p>")]
    assert {table for table, rows in dump().items() if rows != before[table]} <= {"django_session"}


def test_several_mistakes_are_told_at_once(editor: Client, event: Event) -> None:
    page = add(editor, event, name="No", latest="soon", audience="hafl")
    assert "3 things are not right yet" in page


def test_a_name_that_is_taken_is_told_above_the_form(editor: Client, event: Event) -> None:
    assert "There is a step 'tip' already: give this one another name." in add(editor, event, name="tip")


def test_a_step_saved_as_its_page_shows_it_stays_approved(editor: Client, event: Event) -> None:
    campaign.approve(plan_of(event), "ann@example.org", [])
    for name in ("tip", "race-morning"):
        before = editing.planned(of(event, name))
        answer = editor.post(f"/e/{event.slug}/steps/{name}/", form_of(editor, event, name))
        assert answer.status_code == 302
        assert editing.planned(of(event, name)) == before
        assert of(event, name).state == "approved"


def test_an_edit_holds_that_step_alone_and_says_so(editor: Client, event: Event) -> None:
    campaign.approve(plan_of(event), "ann@example.org", [])
    answer = editor.post(
        f"/e/{event.slug}/steps/tip/", form_of(editor, event) | {"audience": "adults"}, follow=True
    )
    assert "This step asks for approval again; the others keep theirs." in answer.content.decode()
    assert of(event).state == "waiting"
    assert of(event, "race-morning").state == "approved"
    assert of(event).approved_hash != of(event).content_hash


def test_a_step_keeps_its_channel(editor: Client, event: Event) -> None:
    page = editor.post(
        f"/e/{event.slug}/steps/tip/", form_of(editor, event) | {"message": "sms/race-eve"}
    ).content.decode()
    assert "not one of the available choices" in page
    assert of(event).channel == "email"


def test_off_and_on_again(editor: Client, event: Event) -> None:
    campaign.approve(plan_of(event), "ann@example.org", [])
    for press, state in (("off", "off"), ("on", "waiting")):
        editor.post(f"/e/{event.slug}/steps/tip/switch", {"press": press})
        assert of(event).state == state
    assert list(AuditEntry.objects.values_list("act", flat=True)) == ["step.off", "step.on"]


def test_a_draft_is_deleted_and_a_step_with_messages_is_not(editor: Client, event: Event) -> None:
    queue(of(event, "race-morning"), [make_entrant(event)])
    for name in ("tip", "race-morning"):
        answer = editor.post(f"/e/{event.slug}/steps/{name}/delete", follow=True)
    assert "switch it off instead" in answer.content.decode()
    assert set(Step.objects.values_list("name", flat=True)) == {"race-morning", "catch-up"}


@pytest.mark.parametrize("act", ["switch", "delete"])
def test_who_may_only_look_changes_nothing(event: Event, act: str) -> None:
    for role in (Role.VIEWER, Role.APPROVER, Role.REVIEWER):
        browser = browser_of(make_user(event, role))
        assert browser.post(f"/e/{event.slug}/steps/tip/{act}").status_code == 403
        answer = browser.post(f"/e/{event.slug}/steps/tip/", NEW)
        assert "<form id" not in answer.content.decode()
    assert of(event).state == "waiting"


def test_a_step_of_another_event_is_not_there(editor: Client, event: Event) -> None:
    other = make_event("elsewhere")
    load(other, a_step("theirs", audience="10k"))
    assert editor.get(f"/e/{event.slug}/steps/theirs/").status_code == 404
    assert editor.post(f"/e/{event.slug}/steps/theirs/delete").status_code == 404
    assert editor.post(f"/e/{event.slug}/steps/catch-up/delete").status_code == 404


# Whom it is for, while it is being written


def look(editor: Client, event: Event, **fields: str) -> str:
    return unescape(editor.post(f"/e/{event.slug}/audience", NEW | fields).content.decode())


def test_the_count_and_ten_samples_without_an_address(editor: Client, event: Event) -> None:
    for number in range(12):
        make_entrant(event, email=f"secret{number}@example.com", mobile="", first_name=f"Zoë{number}")
    make_entrant(event, email="gone@example.com", status="withdrawn")
    seen = look(editor, event, audience="10k")
    assert "<strong>12</strong> entrants are in this audience" in seen
    assert seen.count("<li>Zoë") == 10
    assert "example.com" not in seen
    assert "Tue" in look(editor, event, when_number="47")


def test_a_clicked_word_is_joined_as_it_was_meant(editor: Client, event: Event) -> None:
    Wave.objects.create(race=event.races.get(), name="Pen 2", start="10:05")
    for text, joint, word, meant in (
        ("", "and", "adults", "adults"),
        ("", "and not", "club", "not club"),
        ("all", "and", "10k", "10k"),
        ("all", "and not", "10k", "not 10k"),
        ("adults", "and", "10k", "adults and 10k"),
        ("10k or club", "and", "adults", "(10k or club) and adults"),
        ("adults", "and not", "first-timers", "adults and not first-timers"),
        ("adults", "or", "wave 'Pen 2'", "adults or wave 'Pen 2'"),
        ("adults and", "and", "10k", "adults and and 10k"),
        ("adults", "and", "clear", ""),
    ):
        seen = look(editor, event, audience=text, joint=joint, add=word)
        shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", seen, re.S)
        assert shown
        assert shown[1].strip() == meant


def test_without_script_a_click_shows_the_page_again_and_saves_nothing(editor: Client, event: Event) -> None:
    make_entrant(event)
    before = dump()
    for fields in ({"add": "club", "joint": "and not"}, {"press": "look"}):
        page = unescape(
            editor.post(f"/e/{event.slug}/steps/new", NEW | {"name": ""} | fields).content.decode()
        )
        assert 'class="wrong"' not in page
        assert "<strong>1</strong> entrant is in this audience" in page
    assert {table for table, rows in dump().items() if rows != before[table]} <= {"django_session"}


def test_an_audience_that_cannot_be_read_is_told_while_typing(editor: Client, event: Event) -> None:
    assert "No audience yet." in look(editor, event, audience="adults and hafl")
    assert "did you mean" in look(editor, event, audience="adults and 10", joint="and", add="club")


def test_a_look_asks_as_little_for_many_entrants_as_for_few(
    editor: Client, event: Event, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        make_entrant(event, email=f"r{number}@example.com")
        Wave.objects.create(race=event.races.get(), name=f"W{number}", start="10:05")
    with django_assert_max_num_queries(14):
        look(editor, event)
    editor.get(f"/e/{event.slug}/steps/tip/")
    with django_assert_max_num_queries(16) as asked:
        editor.get(f"/e/{event.slug}/steps/tip/")
    assert not [one for one in asked.captured_queries if "count(*)" in one["sql"].lower()]


def test_a_text_without_an_email_of_its_name_leads_to_where_that_is_written(
    editor: Client, event: Event
) -> None:
    text = {"name": "kids", "message": "sms/race-morning-kids", "purpose": "service", "fallback": "on"}
    page = add(editor, event, **text)
    assert "There is no email “Race morning kids” yet that they could get. Write it first" in page
    assert "race-morning-kids.md" not in page
    [way] = re.findall(r'<a class="way" href="([^"]*)">Write the email “Race morning kids”</a>', page)
    new = editor.get(way).content.decode()
    assert 'value="race-morning-kids"' in new
    assert '<option value="email" selected>' in new
    editor.post(way, {"channel": "email", "name": "race-morning-kids"})
    assert add(editor, event, **text) == "saved"
