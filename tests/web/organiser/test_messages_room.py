"""The room of messages: reading, writing, trying out; what two people do at once; what a viewer cannot do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from people import entrant
from reigate import make_entrant, make_event
from signed_in import browser_of, make_user
from web.organiser.stock import NEWEST, SOURCE, email, give_messages, text

from campaigns import campaign, content
from campaigns.models import AuditEntry, Event, Step, Version
from campaigns.models.words import Role
from campaigns.web import redis_client
from postbox import Postbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Event:
    event = make_event()
    give_messages(event, signed=True)
    return event


@pytest.fixture
def browser(event: Event) -> Client:
    return browser_of(make_user(event, Role.EDITOR, name="Edda Writer"))


def at(event: Event, page: str = "", message: str = "email/back-warm-up") -> str:
    return f"/e/{event.slug}/messages/{message}/{page}"


def changed(old: str = "Three easy moves", new: str = "Four easy moves") -> str:
    assert old in SOURCE
    return SOURCE.replace(old, new)


def written(**fields: str) -> dict[str, str]:
    return {"source": changed(), "over": NEWEST["version"], "pick": "usual", "reader": "", **fields}


# The list


def test_the_list_says_who_uses_a_message_and_who_stands_for_it(event, browser):
    give_messages(event, more=1)
    page = browser.get(f"/e/{event.slug}/messages/").content.decode()
    assert "3 messages; 1 waits for a medical reviewer to sign it off" in page
    assert "EXAMPLE REVIEWER, not a real clinician, until Thu 31 Dec 2099" in page
    assert "no step" in page


def test_without_a_plan_the_list_leads_to_where_one_begins():
    empty = make_event("empty")
    page = browser_of(make_user(empty, Role.EDITOR)).get("/e/empty/messages/").content.decode()
    assert '<a class="button button-first" href="/e/empty/">Begin with a plan</a>' in page
    assert "<code>" not in page


def test_the_list_takes_as_many_queries_for_many_messages(event, browser):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            browser.get(f"/e/{event.slug}/messages/")
        return len(seen)

    queries()
    few = queries()
    give_messages(event, more=200)
    assert queries() == few <= 15


def test_the_place_in_the_plan_that_an_email_counts_is_explained(event, browser):
    make_entrant(event)
    page = browser.get(at(event)).content.decode()
    assert "“1 of 1” under its title is its place in the plan" in page
    assert "the same place" not in page
    step = Step.objects.get(name="back-warm-up")
    step.pk, step.name, step.position = None, "for-parents", step.position + 10
    step.save()
    assert (
        "For parents has the same place: it leaves at the same moment."
        in browser.get(at(event)).content.decode()
    )


def test_the_message_as_a_runner_sees_it_comes_before_its_words(event, browser):
    make_entrant(event)
    page = browser.get(at(event)).content.decode()
    assert page.index("As a runner gets it") < page.index('class="phone"') < page.index('name="source"')
    assert page.index('<a class="way" href="#id_source">Change its words</a>') < page.index('class="phone"')
    assert "<summary>Its source</summary>" not in page
    viewer = browser_of(make_user(event, Role.VIEWER)).get(at(event)).content.decode()
    assert viewer.index('class="phone"') < viewer.index("<summary>Its source</summary>")


# Saving


def test_a_saved_edit_is_a_new_version_and_holds_its_step(event, browser):
    campaign.approve(event.campaign, "ann@example.org", [])
    answer = browser.post(at(event, "edit"), written(), follow=True)
    page = answer.content.decode()
    assert (
        "Saved as version 2. These steps wait for approval again: Back warm up. It needs a sign-off" in page
    )
    assert email(event).versions.latest("number").source == changed()
    assert dict(Step.objects.values_list("name", "state")) == {"back-warm-up": "waiting", "drink": "approved"}
    entry = AuditEntry.objects.get(act="template.save")
    assert (entry.who, entry.detail["waiting"]) == ("edda.writer@example.org", 1)


def test_a_browsers_line_ends_are_no_change(event, browser):
    page = browser.post(at(event, "edit"), written(source=SOURCE.replace("\n", "\r\n")), follow=True)
    assert "Nothing has changed: version 1 says this already." in page.content.decode()
    assert email(event).versions.count() == 1


def test_a_mistake_is_told_with_its_place_and_nothing_is_saved(event, browser):
    page = browser.post(at(event, "edit"), written(source=SOURCE.replace("{{ names }}", "{{ nmaes }}")))
    assert page.status_code == 200
    said = page.content.decode()
    assert "back-warm-up, line 25, column 10" in said
    assert "did you mean &#34;names&#34;?" in said
    assert "{{ nmaes }}" in said
    assert email(event).versions.count() == 1


def test_who_saves_second_sees_what_differs_and_loses_nothing(event, browser):
    other = browser_of(make_user(event, Role.EDITOR))
    other.post(at(event, "edit"), written(source=changed("Three easy moves", "Five easy moves")))
    page = browser.post(at(event, "edit"), written()).content.decode()
    assert "Version 2 was saved while you were writing." in page
    assert "Four easy moves" in page
    assert "<b>Five</b>" in page
    assert email(event).versions.count() == 2
    theirs = email(event).versions.latest("number")
    assert theirs.content_hash in page
    browser.post(at(event, "edit"), written(over=theirs.content_hash))
    assert email(event).versions.latest("number").source == changed()
    assert email(event).versions.count() == 3


def test_a_viewer_reads_and_cannot_write(event):
    viewer = browser_of(make_user(event, Role.VIEWER))
    page = viewer.get(at(event)).content.decode()
    assert "Save as a new version" not in page
    assert "Send me a test" not in page
    assert viewer.post(at(event, "edit"), written()).status_code == 403
    assert email(event).versions.count() == 1


def test_a_message_of_another_event_is_not_there(event, browser):
    assert browser.get(at(event, "", "email/unknown")).status_code == 404
    assert browser.get(at(event, "", "letter/back-warm-up")).status_code == 404


# Looking


def frame_of(page: str) -> str:
    return page.split('<iframe class="phone" src="', 1)[1].split('"', 1)[0].replace("&amp;", "&")


def test_the_email_stands_in_a_frame_that_nothing_leaves(event, browser):
    make_entrant(event, first_name="<script>alert(1)</script>")
    page = browser.get(at(event)).content.decode()
    answer = browser.get(frame_of(page))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.content.decode()
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self';")
    assert "frame-ancestors 'self'" in policy
    assert "script" not in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "unsafe-inline" not in browser.get(at(event))["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("logo", "allowed"),
    [
        ("https://cdn.example.org/logo.png", "img-src 'self' https://cdn.example.org;"),
        ("https://x; script-src *", "img-src 'self';"),
        ("http://x.example/logo.png", "img-src 'self';"),
    ],
)
def test_only_the_events_own_logo_is_fetched(event, browser, logo, allowed):
    Event.objects.update(logo_url=logo)
    policy = browser.get(at(event, "frame"), NEWEST)["Content-Security-Policy"]
    assert allowed in policy
    assert "script-src" not in policy


def test_a_draft_is_seen_before_it_is_saved_and_by_its_writer_alone(event, browser):
    make_entrant(event)
    page = browser.post(at(event, "edit"), written(preview="yes")).content.decode()
    assert "not saved" in page
    assert "Four easy moves" in browser.get(frame_of(page)).content.decode()
    assert email(event).versions.count() == 1
    other = browser_of(make_user(event, Role.EDITOR))
    assert other.get(frame_of(page)).status_code == 404


def test_enter_in_a_box_looks_and_does_not_save(event, browser):
    """HTML presses the first button of a form for it."""
    page = browser.get(at(event)).content.decode()
    first = re.search(r"<button[^>]*>", page.split('id="draft"')[1])
    assert first
    assert 'name="preview"' in first[0]


def test_enter_in_the_box_of_names_leads_to_the_message_as_that_person_gets_it(event, browser):
    """At an address that can be loaded anew: the words to write on stay folded, and no name stands in it."""
    make_entrant(event, first_name="Iain")
    zoe = make_entrant(event, first_name="Zoë", last_name="Bolton")
    answer = browser.post(at(event, "edit"), written(source=SOURCE, reader="Bolton", preview="yes"))
    assert answer.headers["Location"] == f"{at(event)}?whom={zoe.token}&pick=usual"
    page = browser.get(answer.headers["Location"]).content.decode()
    assert "as Zoë would get" in page
    assert page.index("<summary>Change its words</summary>") < page.index("Save as a new version")


def test_a_day_of_one_figure_is_said_as_everywhere_and_a_reason_in_words(event, browser):
    Step.objects.update(when="18 days before, 10:00", audience="first-timers")
    make_entrant(event)
    page = browser.get(at(event)).content.decode()
    assert "on Wed 1 Sep 2027, 10:00 (not in its audience)" in page


def test_enter_says_what_to_do_where_nobody_has_that_name(event, browser):
    make_entrant(event)
    answer = browser.post(at(event, "edit"), written(source=SOURCE, reader="Nobody at all", preview="yes"))
    assert answer.status_code == 200
    assert "This cannot be sent as it stands" in answer.content.decode()


def test_htmx_gets_the_same_piece_alone(event, browser):
    make_entrant(event)
    piece = browser.post(at(event, "edit"), written(), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece
    assert "not saved" in piece
    assert email(event).versions.count() == 1


def test_a_test_goes_as_the_reader_who_was_chosen_last(event, browser):
    make_entrant(event, first_name="Iain")
    chosen = make_entrant(event, first_name="Ömer")
    asked = written(pick="oddest")
    piece = browser.post(at(event, "edit"), asked, headers={"HX-Request": "true"}).content.decode()
    [form] = re.findall(r'<form[^>]*hx-swap-oob="true".*?</form>', piece, re.DOTALL)
    assert f'name="whom" value="{chosen.token}"' in form
    assert "as Ömer would get" in form
    assert 'id="trying"' in form
    assert 'id="trying"' in browser.get(at(event)).content.decode()


def test_without_redis_the_words_are_still_shown(event, browser, monkeypatch):
    from redis import RedisError

    def away() -> Any:
        raise RedisError

    monkeypatch.setattr(redis_client, "client", away)
    page = browser.post(at(event, "edit"), written(preview="yes")).content.decode()
    assert "cannot be drawn just now" in page
    assert "<iframe" not in page


def test_a_name_that_several_have_asks_which(event, browser):
    make_entrant(event, last_name="Ash")
    other = make_entrant(event, last_name="Birch", email="birch@example.org")
    page = browser.get(at(event), {"reader": "Zoë"}).content.decode()
    assert "More than one entrant fits" in page
    assert "Zoë Birch, 10K" in page
    chosen = browser.post(at(event, "edit"), written(whom=other.token)).content.decode()
    assert other.token in frame_of(chosen)
    assert email(event).versions.count() == 1


def test_an_entrant_of_another_event_is_never_shown(event, browser):
    stranger = entrant(make_event("elsewhere"), race="10k", first_name="Stranger")
    for page in (
        browser.get(at(event), {"whom": stranger.token}),
        browser.get(at(event), {"reader": "Stranger"}),
        browser.get(at(event, "frame"), {**NEWEST, "whom": stranger.token}),
    ):
        assert "Hello Stranger" not in page.content.decode()


def test_a_text_is_a_bubble_with_its_cups(event, browser):
    make_entrant(event)
    page = browser.get(at(event, "", "sms/hydration")).content.decode()
    assert page.count("cup-full") == 1
    assert "One text: 158 of 160 characters" in page
    assert "<iframe" not in page


def test_a_page_takes_as_many_queries_however_many_entrants(event, browser):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            browser.get(at(event))
        return len(seen)

    make_entrant(event)
    queries()
    few = queries()
    entrantless = [make_entrant(event, email=f"x{n}@example.org") for n in range(30)]
    assert len(entrantless) == 30
    assert queries() == few <= 22


@pytest.fixture
def compiled(monkeypatch) -> list[str]:
    """The emails that are compiled from now on, by name: each takes as long as all the rest of a page."""
    names: list[str] = []
    compiles = content.compile_email

    def counted(name: str, *args: Any, **kwargs: Any) -> content.CompiledEmail:
        names.append(name)
        return compiles(name, *args, **kwargs)

    monkeypatch.setattr(content, "compile_email", counted)
    return names


def test_a_version_is_compiled_once_for_all_its_pages(event, compiled):
    make_entrant(event)
    reviewer = browser_of(make_user(event, Role.REVIEWER, Role.EDITOR))
    pages = [reviewer.get(at(event, page)).content.decode() for page in ("", "sign-off", "", "sign-off")]
    reviewer.get(frame_of(pages[0]))
    assert compiled == ["back-warm-up"]


def test_words_that_are_being_written_are_compiled_once_a_look(event, browser, compiled):
    make_entrant(event)
    browser.post(at(event, "edit"), written(), headers={"HX-Request": "true"})
    assert compiled == ["back-warm-up"]


def test_a_sign_off_takes_as_many_queries_however_many_entrants(event):
    reviewer = browser_of(make_user(event, Role.REVIEWER))

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            reviewer.get(at(event, "sign-off"))
        return len(seen)

    make_entrant(event)
    queries()
    few = queries()
    for number in range(30):
        make_entrant(event, email=f"x{number}@example.org")
    assert queries() == few <= 22


# Tests to oneself


@pytest.fixture
def box(settings):
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        settings.TWILIO_BASE_URL, settings.TWILIO_FROM = box.twilio_base_url, "RunReigate"
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "1" * 32, "test"
        yield box


def test_a_test_goes_to_whoever_asks_and_to_nobody_else(event, browser, box):
    zoe = make_entrant(event)
    page = browser.post(at(event, "test"), {"whom": zoe.token, "to": "victim@example.org"}, follow=True)
    assert "on its way to edda.writer@example.org, marked as a test" in page.content.decode()
    (mail,) = box.emails
    assert mail.recipient == "edda.writer@example.org"
    assert str(mail.message["Subject"]).startswith("[Test] ")
    entry = AuditEntry.objects.get(act="template.test-send")
    assert (entry.who, entry.detail["accepted"]) == ("edda.writer@example.org", True)


def test_a_text_goes_to_the_number_among_the_staff(event, browser, box):
    make_entrant(event)
    there = at(event, "test", "sms/hydration")
    assert "no mobile number of yours" in browser.post(there, follow=True).content.decode()
    event.staff.create(name="Edda", email="edda.writer@example.org", mobile="+447700900777")
    browser.post(there)
    (sent,) = box.texts
    assert sent.to == "+447700900777"
    assert sent.body.startswith("TEST: ")
    assert text(event).versions.count() == 1


def test_a_provider_that_refuses_is_told_in_its_words(event, browser, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    make_entrant(event)
    page = browser.post(at(event, "test"), follow=True).content.decode()
    assert "The test could not be sent" in page
    assert AuditEntry.objects.get(act="template.test-send").detail["accepted"] is False


# Versions


def test_versions_are_compared_with_words_for_what_went_and_came(event, browser):
    browser.post(at(event, "edit"), written())
    page = browser.get(at(event, "versions")).content.decode()
    assert "From version 1 to version 2" in page
    assert "Removed: " in page
    assert "<b>Three</b>" in page
    assert "Added: " in page
    assert "<b>Four</b>" in page
    assert "edda.writer@example.org" in page
    newest = email(event).versions.latest("number")
    back = browser.get(at(event, "versions"), {"old": newest.content_hash, "new": NEWEST["version"]})
    assert "From version 2 to version 1" in back.content.decode()


# Sign-off


@pytest.fixture
def reviewer(event: Event) -> Client:
    return browser_of(make_user(event, Role.REVIEWER, name="Dr A B"))


def signature(**fields: str) -> dict[str, str]:
    return {
        "reviewer": "Dr A B, GP",
        "registration": "GMC 1234567",
        "review_by": "2099-12-31",
        "read": "on",
        **NEWEST,
        **fields,
    }


def test_a_reviewer_reads_the_claims_with_their_sources_and_signs(event, reviewer):
    page = reviewer.get(at(event, "sign-off")).content.decode()
    assert "Strength work is for other days" in page
    assert 'href="https://www.nice.org.uk/guidance/ng59"' in page
    reviewer.post(at(event, "sign-off"), signature())
    signed = email(event).versions.get().sign_offs.get(revoked_at=None)
    assert (signed.reviewer, signed.registration, signed.entered_by) == (
        "Dr A B, GP",
        "GMC 1234567",
        "dr.a.b@example.org",
    )
    assert AuditEntry.objects.filter(act="template.sign-off", who="dr.a.b@example.org").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"read": ""}, "This field is required"),
        ({"review_by": "2020-01-01"}, "1 Jan 2020 is past"),
        ({"reviewer": "{{ name }}"}, "must be one line"),
        ({"version": "0" * 64}, "was saved while you were reading"),
    ],
)
def test_a_signature_that_cannot_stand_is_refused(event, reviewer, fields, said):
    before = email(event).versions.get().sign_offs.count()
    assert said in reviewer.post(at(event, "sign-off"), signature(**fields)).content.decode()
    assert email(event).versions.get().sign_offs.count() == before


def test_an_edit_voids_the_sign_off_for_the_page_too(event, browser):
    page = browser.post(at(event, "edit"), written(), follow=True).content.decode()
    assert "A medical reviewer has to sign it off before it can be sent." in page


def test_ending_a_sign_off_stops_its_steps(event, reviewer):
    campaign.approve(event.campaign, "ann@example.org", [])
    assert (
        "1 step will stop and wait for approval again: Back warm up"
        in reviewer.get(at(event, "sign-off")).content.decode()
    )
    page = reviewer.post(at(event, "revoke"), follow=True).content.decode()
    assert "The sign-off of version 1 has ended. These steps wait for approval again: Back warm up." in page
    assert Step.objects.get(name="back-warm-up").state == "waiting"
    assert (
        "no sign-off that could be revoked"
        in reviewer.post(at(event, "revoke"), follow=True).content.decode()
    )


def test_an_owner_does_not_sign(event):
    owner = browser_of(make_user(event, Role.OWNER))
    assert owner.post(at(event, "sign-off"), signature()).status_code == 403
    assert owner.post(at(event, "revoke")).status_code == 403
    assert Version.objects.get(template=email(event)).sign_offs.filter(revoked_at=None).count() == 1


# A new message


@pytest.mark.parametrize(("channel", "name"), [("email", "yes"), ("sms", "parking-2027")])
def test_a_new_message_can_be_read_and_sent_to_oneself_at_once(event, browser, channel, name):
    make_entrant(event)
    answer = browser.post(
        f"/e/{event.slug}/messages/new", {"channel": channel, "name": name, "like": ""}, follow=True
    )
    page = answer.content.decode()
    assert "The message is there: write it now." in page
    assert "sent by no step" in page
    assert "cannot be sent as it stands" not in page
    assert AuditEntry.objects.get(act="template.create").who == "edda.writer@example.org"


def test_a_new_message_can_begin_as_a_copy_that_needs_its_own_sign_off(event, browser):
    like = {"channel": "email", "name": "warm-up", "like": "email/back-warm-up"}
    browser.post(f"/e/{event.slug}/messages/new", like)
    version = event.templates.get(name="warm-up").versions.get()
    assert version.source == SOURCE
    assert version.health
    assert not version.sign_offs.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "back-warm-up"}, "There is a message email/back-warm-up already"),
        ({"name": "No Such Name"}, "1 to 60 of a-z"),
        ({"name": 'x" {{ 7*7 }}'}, "1 to 60 of a-z"),
        ({"channel": "sms", "like": "email/back-warm-up"}, "It cannot start from that"),
    ],
)
def test_a_message_that_cannot_be_made_is_told_at_the_field(event, browser, fields, said):
    before = event.templates.count()
    given = {"channel": "email", "name": "new", "like": "", **fields}
    assert said in browser.post(f"/e/{event.slug}/messages/new", given).content.decode()
    assert event.templates.count() == before
