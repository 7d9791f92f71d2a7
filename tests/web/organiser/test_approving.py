"""The approve page: what is looked at, what it found, and a press that binds just that; start and stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from people import a_step, load, queue
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from reigate import dump, make_entrant, make_event, make_organiser
from signed_in import browser_of, make_user
from web.organiser.plans import look_of, plan_of

from campaigns import campaign, errands, revision
from campaigns.accounts import members
from campaigns.models import (
    AuditEntry,
    Campaign,
    Delivery,
    Entrant,
    Errand,
    Event,
    Guardian,
    SignOff,
    Step,
    Version,
)
from campaigns.models.words import ErrandKind, Role

pytestmark = pytest.mark.django_db
AT = datetime(2027, 7, 30, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Coordinates]:
    cache.clear()
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def event(settings: Settings) -> Event:
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC-test", "token"
    settings.TWILIO_FROM = "+447700900000"
    made = make_event(contact_confirmed="hello@runreigate.example")
    for number in range(3):
        make_entrant(made, email=f"r{number}@example.com", mobile=f"+44770090012{number}")
    plan_of(made)
    return made


@pytest.fixture
def approver(event: Event) -> Client:
    return browser_of(make_user(event, Role.APPROVER, name="Sam Colley"))


def states(event: Event) -> dict[str, str]:
    return dict(Step.objects.filter(campaign__event=event).values_list("name", "state"))


def ask(browser: Client, event: Event, *names: str) -> str:
    """Asks for a look as the page does, has it run, and returns its address."""
    address = browser.post(f"/e/{event.slug}/approve", {"steps": names})["Location"]
    errands.run(Errand.objects.latest("id").id)
    return str(address)


def read(browser: Client, address: str) -> str:
    return unescape(browser.get(address).content.decode())


def press(browser: Client, address: str) -> str:
    return unescape(browser.post(address, follow=True).content.decode())


def test_without_a_plan_it_leads_to_where_one_begins() -> None:
    bare = make_event("bare", make_organiser("other", "Other Races"))
    answer = browser_of(make_user(bare, Role.APPROVER)).get("/e/bare/approve", follow=True)
    assert "There is no plan yet to approve: begin one here." in answer.content.decode()


def test_what_waits_can_be_chosen(approver: Client, event: Event) -> None:
    page = read(approver, f"/e/{event.slug}/approve")
    assert page.count('name="steps"') == page.count('" checked>') == 3
    assert "Tue 3 Aug 2027, 10:00" in page


def test_nothing_chosen_is_told(approver: Client, event: Event) -> None:
    page = approver.post(f"/e/{event.slug}/approve", {"steps": []}).content.decode()
    assert not Errand.objects.exists()
    assert "What waits" in page


def test_a_look_is_asked_for_run_and_shown(approver: Client, event: Event) -> None:
    page = read(approver, ask(approver, event, "tip", "race-morning"))
    for words in ("Nothing stands in the way of 2 steps.", "3 of 3 entrants", "Tue 3 Aug 2027, 10:00",
                  "EXAMPLE REVIEWER", "3 emails and 3 texts (what they cost is",
                  "the first leaves on Tuesday at 10:00",
                  "Approve these 2 steps"):  # fmt: skip
        assert words in page
    assert AuditEntry.objects.get().act == "errand.preflight"


def test_a_look_says_what_those_left_out_have_not_agreed_to_and_where_that_stands(
    approver: Client, event: Event
) -> None:
    everybody = read(approver, ask(approver, event, "tip", "race-morning"))
    assert "What somebody has agreed to" not in everybody
    make_entrant(event, email="quiet@example.com", mobile="+447700900199", yes=())
    page = read(approver, ask(approver, event, "tip", "race-morning"))
    assert "1 have not agreed to tips by email" in page
    assert "1 have not agreed to texts" in page
    assert "What somebody has agreed to stands in the entry list, or is what they have chosen since" in page


def test_a_step_that_reaches_nobody_says_why_and_leads_to_what_changes_it(event: Event) -> None:
    Campaign.objects.all().delete()
    Entrant.objects.update(mobile="", mobile_ok=False)
    text = a_step(
        "morning", channel="sms", template="race-morning", when="start - 120 min", purpose="service"
    )
    load(event, text, a_step("veterans", audience="age 70-99"))
    owner = browser_of(make_user(event, Role.OWNER))
    page = read(owner, ask(owner, event, "morning", "veterans"))
    assert (
        "It reaches nobody: none of these 3 has a mobile number. Add numbers, or let it go by email." in page
    )
    assert f'<a href="/e/{event.slug}/steps/morning/#id_fallback">Let Morning go by email</a>' in page
    assert (
        f'<a href="/e/{event.slug}/steps/morning/#who">Change who gets Morning, or switch it off</a>' in page
    )
    assert (
        f'<a href="/e/{event.slug}/entrants/lists/new">Bring in a list that has what is missing</a>' in page
    )
    assert "It reaches nobody as things stand: nobody is in its audience." in page
    assert page.count("Bring in a list that has what is missing") == 1
    press(owner, ask(owner, event, "morning", "veterans"))
    course = " ".join(read(owner, f"/e/{event.slug}/").split())
    assert "Text to none of 3 entrants (3 have no mobile number) · approved" in course
    step = read(owner, f"/e/{event.slug}/steps/morning/")
    assert "Left out, as the look before its approval counted: 3 have no mobile number." in step
    assert "a list</a> that has what is missing, or switch it off." in step


def test_children_who_wait_are_named_where_an_audience_takes_them_in_later(
    approver: Client, event: Event
) -> None:
    make_entrant(event, email="parent@example.com", birth_date=date(2015, 1, 2))
    Campaign.objects.all().delete()
    load(event, a_step("kids", audience="guardians"), a_step("everyone", when="40 days before, 10:00"))
    page = " ".join(read(approver, ask(approver, event, "kids", "everyone")).split())
    assert "Kids</a>, <a" in page
    assert ">Everyone</a>: 1 child waits for a guardian" in page
    assert "1 child more waits for a guardian, and is in it once one is named" in page
    assert page.count("1 are children without a guardian") == 1


def test_children_without_a_number_are_told_whose_is_needed(event: Event) -> None:
    Campaign.objects.all().delete()
    born = date(2015, 1, 2)
    for number in range(2):
        child = make_entrant(event, email=f"k{number}@example.com", birth_date=born, mobile="")
        Guardian.objects.create(entrant=child, source="said by hand", at=AT)
    text = {"channel": "sms", "template": "race-morning", "purpose": "service"}
    load(
        event,
        a_step("kids", audience="guardians", **text),
        a_step("all", when="40 days before, 10:00", **text),
    )
    owner = browser_of(make_user(event, Role.OWNER))
    page = read(owner, ask(owner, event, "kids", "all"))
    assert "none of these 2 has a mobile number (a number in a child's entry may be the child's own" in page
    assert "2 children have no mobile number: a number in a child's entry may be the child's own" in page
    assert page.count("Find a child to add the guardian's number</a>") == 2
    assert "Bring in a list that has what is missing" not in page


def test_who_has_a_look_and_names_the_guardians_looks_again_at_one_press(event: Event) -> None:
    make_entrant(event, email="parent@example.com", birth_date=date(2015, 1, 2))
    owner = browser_of(make_user(event, Role.OWNER))
    look = ask(owner, event, "tip", "race-morning")
    token = look.rpartition("/")[2]
    there = f"/e/{event.slug}/entrants/waiting?came_from={token}"
    assert f'<a href="{there}">See who waits</a>' in read(owner, look)
    assert f'<a href="{look}">Back to the look before approving</a>' in read(owner, there)
    said = {"seen": "1", "sure": "on", "came_from": token}
    answer = owner.post(f"/e/{event.slug}/entrants/waiting/guardians", said)
    assert answer["Location"] == there
    page = read(owner, there)
    assert "Next: look again at what they get" in page
    steps = re.findall(r'name="steps" value="([^"]*)"', page)
    assert sorted(steps) == ["race-morning", "tip"]
    assert "look again" not in read(browser_of(make_user(event, Role.VIEWER)), there)
    assert "/approve/" in owner.post(f"/e/{event.slug}/approve", {"steps": steps})["Location"]


def test_a_page_of_who_waits_that_nobody_waits_on_leads_onwards(event: Event) -> None:
    owner = browser_of(make_user(event, Role.OWNER))
    page = read(owner, f"/e/{event.slug}/entrants/waiting")
    assert f'href="/e/{event.slug}/approve">Next: look at what they get</a>' in page


def test_what_a_catch_up_is_stands_in_place_of_a_count_of_nobody(approver: Client, event: Event) -> None:
    page = read(approver, ask(approver, event, "catch-up"))
    assert "Whoever enters after a tip has gone out gets this one email" in page
    assert "0 of" not in page
    course = read(approver, f"/e/{event.slug}/")
    assert (
        "Whoever enters after a tip has gone out gets one email with the tips they were too late for"
        in course
    )


def test_a_look_leads_to_each_message_as_a_runner_gets_it_and_back(approver: Client, event: Event) -> None:
    address = ask(approver, event, "tip", "race-morning")
    page = approver.get(address).content.decode()
    read_by_a_runner = re.findall(r'href="([^"]*)">Read the (email|text) as a runner gets it</a>', page)
    assert [kind for _, kind in read_by_a_runner] == ["email", "text"]
    for link, _ in read_by_a_runner:
        message = approver.get(link).content.decode()
        assert f'<a href="{address}">Back to the look before approving</a>' in message
        assert message.index('id="look"') < message.index("<summary>Its source</summary>")


def test_who_changes_the_words_finds_the_way_back_to_the_look(event: Event) -> None:
    owner = browser_of(make_user(event, Role.OWNER))
    address = ask(owner, event, "tip")
    back = f'<a href="{address}">Back to the look before approving</a>'
    link = re.findall(r'href="([^"]*)">Read the email', owner.get(address).content.decode())[0]
    newest = Version.objects.filter(template__name="back-warm-up").latest("number")
    token = address.rpartition("/")[2]
    written = {"source": newest.source, "over": newest.content_hash, "came_from": token}
    edit = link.partition("?")[0] + "edit"
    somebody = make_entrant(event, last_name="Bolton")
    named = {"preview": "yes", "reader": somebody.last_name}
    shown = owner.post(edit, written | named, follow=True).content.decode()
    assert back in shown
    assert "<summary>Change its words</summary>" in shown
    assert back in owner.post(edit, written | {"save": "yes"}, follow=True).content.decode()
    assert back in owner.post(edit.replace("edit", "test"), written, follow=True).content.decode()


def test_every_page_of_a_message_keeps_the_way_back_to_the_look(event: Event) -> None:
    user = make_user(event, Role.OWNER)
    members.give(user, event, Role.REVIEWER)
    both = browser_of(user)
    address = ask(both, event, "tip")
    back = f'<a href="{address}">Back to the look before approving</a>'
    link = re.findall(r'href="([^"]*)">Read the email', both.get(address).content.decode())[0]
    for page in ("Versions", "Sign-off", "Message"):
        link = re.findall(rf'href="([^"]*)"[^>]*>{page}</a>', both.get(link).content.decode())[0]
        assert back in both.get(link).content.decode(), page
    version = Version.objects.filter(template__name="back-warm-up").latest("number")
    signed = {"reviewer": "Dr A", "review_by": "2028-01-01", "read": "on", "version": version.content_hash}
    SignOff.objects.update(revoked_at=AT)
    sign = link.replace("back-warm-up/", "back-warm-up/sign-off")
    assert back in both.post(sign, signed, follow=True).content.decode()
    assert back in both.post(sign.replace("sign-off", "revoke"), follow=True).content.decode()
    assert "Back to the look" not in both.get(sign.partition("?")[0]).content.decode()


@pytest.mark.parametrize("token", ["nothing", "https://elsewhere.example/", "//elsewhere.example"])
def test_a_message_leads_back_to_nothing_but_a_look_of_its_event(
    approver: Client, event: Event, token: str
) -> None:
    other = make_event("elsewhere")
    plan_of(other)
    for called in (token, look_of(other).token):
        page = approver.get(f"/e/{event.slug}/messages/email/back-warm-up/", {"came_from": called})
        assert page.status_code == 200
        assert "Back to the look" not in page.content.decode()
        assert "elsewhere" not in page.content.decode()


def test_one_press_approves_what_was_looked_at_and_nothing_else(approver: Client, event: Event) -> None:
    page = press(approver, ask(approver, event, "tip"))
    assert "1 step is approved. The campaign is not started yet." in page
    assert states(event) == {"tip": "approved", "race-morning": "waiting", "catch-up": "waiting"}
    step = Step.objects.get(name="tip")
    assert (step.approved_by, step.approved_recipients) == ("sam.colley@example.org", 3)
    entry = AuditEntry.objects.get(act="campaign.approve")
    assert (entry.who, entry.detail) == ("sam.colley@example.org", {"steps": 1, "recipients": {"tip": 3}})


def test_a_second_press_says_that_they_are_approved(approver: Client, event: Event) -> None:
    address = ask(approver, event, "tip")
    press(approver, address)
    before = Step.objects.values().get(name="tip")
    assert "Nothing was approved. These steps are approved." in press(approver, address)
    assert Step.objects.values().get(name="tip") == before


def test_what_changed_since_the_look_is_not_approved(approver: Client, event: Event) -> None:
    address = ask(approver, event, "tip")
    load(event, a_step("tip", audience="10k"), catch_up=True)
    page = read(approver, address)
    assert "have changed since: look again." in page
    assert "Approve this step" not in page
    answer = approver.post(address)
    assert answer.status_code == 422
    assert "Nothing was approved. Plan, words or race day have changed since" in unescape(
        answer.content.decode()
    )
    assert states(event)["tip"] == "waiting"


def test_a_moved_race_asks_for_another_look(approver: Client, event: Event) -> None:
    address = ask(approver, event, "tip")
    campaign.move_race(event, event.date + timedelta(days=7))
    assert "Nothing was approved." in press(approver, address)
    assert states(event)["tip"] == "waiting"


def test_a_crowd_that_grew_since_is_told(approver: Client, event: Event) -> None:
    address = ask(approver, event, "tip")
    make_entrant(event, email="more@example.com")
    assert "looked at for 3 people and is for 4 now: look again." in press(approver, address)
    assert states(event)["tip"] == "waiting"


def test_an_old_look_is_not_approved(approver: Client, event: Event, now: time_machine.Coordinates) -> None:
    address = ask(approver, event, "tip")
    now.shift(timedelta(minutes=61))
    assert "more than an hour old: look again" in press(approver, address)
    assert states(event)["tip"] == "waiting"


def test_errors_come_first_and_there_is_no_button(approver: Client, event: Event) -> None:
    SignOff.objects.update(revoked_at=AT, revoked_by="ann@example.org")
    address = ask(approver, event, "tip")
    page = read(approver, address)
    assert "1 thing has to be put right before these steps can be approved." in page
    assert "no medical sign-off" in page
    assert "nobody yet" in page
    assert "Approve this step" not in page
    assert "Nothing was approved." in press(approver, address)
    assert states(event)["tip"] == "waiting"


def test_what_is_wrong_in_many_steps_is_told_once_with_the_way_to_its_cure(
    approver: Client, event: Event
) -> None:
    Event.objects.update(contact_confirmed="")
    make_entrant(event, email="kim@example.com", birth_date=date(2020, 1, 1))
    Step.objects.filter(name="tip").update(audience="all")
    page = read(approver, ask(approver, event, "tip", "race-morning"))
    assert "have a code sent there and type it in. <a" in page
    assert "aidstation event" not in page
    assert f'<a href="/e/{event.slug}/event#contact">' in page
    assert page.count("1 child waits for a guardian") == 1
    assert re.search(rf'<a href="/e/{event.slug}/entrants/waiting\?came_from=[^"]+">See who waits</a>', page)


def test_two_emails_at_once_are_told_with_the_way_to_the_time(approver: Client, event: Event) -> None:
    load(event, a_step("tip"), a_step("shoes", template="shoes"))
    owner, address = browser_of(make_user(event, Role.OWNER)), ask(approver, event, "tip", "shoes")
    page = read(owner, address)
    assert "It leaves in the same minute as “Tip”, " in page
    assert "3 people get two emails at once. Move it to later, or switch it off." in page
    way = f'<a href="/e/{event.slug}/steps/shoes/#id_when_number">Change the time of Shoes</a>'
    assert way in page
    assert 'id="id_when_number"' in read(owner, f"/e/{event.slug}/steps/shoes/")
    assert way not in read(approver, address)


def test_progress_is_told_and_its_end_loads_the_page_anew(approver: Client, event: Event) -> None:
    errand = look_of(event, "running")
    address = f"/e/{event.slug}/approve/{errand.token}"
    assert "1,200 of 5,000 messages made." in read(approver, address)
    answer = approver.get(f"{address}/progress")
    assert "HX-Refresh" not in answer
    Errand.objects.update(ended_at=AT)
    assert approver.get(f"{address}/progress")["HX-Refresh"] == "true"


def test_a_look_whose_process_died_says_so(
    approver: Client, event: Event, now: time_machine.Coordinates
) -> None:
    errand = look_of(event, "running")
    now.shift(timedelta(minutes=5))
    assert "stopped in the middle" in read(approver, f"/e/{event.slug}/approve/{errand.token}")


def test_an_editor_may_look_and_not_approve(event: Event) -> None:
    editor = browser_of(make_user(event, Role.EDITOR))
    address = ask(editor, event, "tip")
    assert "An owner or approver can approve this." in read(editor, address)
    assert editor.post(address).status_code == 403
    assert states(event)["tip"] == "waiting"


def test_a_viewer_sees_and_asks_for_nothing(event: Event) -> None:
    viewer = browser_of(make_user(event, Role.VIEWER))
    assert "What waits" in read(viewer, f"/e/{event.slug}/approve")
    for data in ({"steps": ["tip"]}, {"act": "start"}, {"act": "count"}, {"act": "stop", "sure": "on"}):
        assert viewer.post(f"/e/{event.slug}/approve", data).status_code == 403
    assert not Errand.objects.exists()


def test_a_look_of_another_event_or_kind_is_not_there(approver: Client, event: Event) -> None:
    other = make_event("elsewhere")
    plan_of(other)
    theirs = look_of(other)
    rehearsal = errands.ask(event, ErrandKind.REHEARSAL, "ann@example.org", {})
    for errand in (theirs, rehearsal):
        assert approver.get(f"/e/{event.slug}/approve/{errand.token}").status_code == 404


# Start and stop


def test_start_has_the_messages_and_the_cost_of_the_look(
    approver: Client, event: Event, settings: Settings
) -> None:
    """A family on one address gets one, a text that cannot go goes as an email, and a long text is paid twice."""
    settings.SMS_PRICE = Decimal("0.04")
    Event.objects.update(venue="Priory Park")
    make_entrant(event, email="r0@example.com", mobile="+447700900150")
    make_entrant(event, email="r9@example.com", mobile="")
    Campaign.objects.all().delete()
    family = a_step("family", template="recovery", purpose="service", more='per = "address"')
    eve = a_step(
        "eve", channel="sms", template="race-eve", when="1 day before, 16:00", purpose="service",
        more='fallback = "email"',
    )  # fmt: skip
    load(event, family, eve)
    address = ask(approver, event, "family", "eve")
    assert "5 emails and 4 texts, which cost 0.16" in read(approver, address)
    press(approver, address)
    Step.objects.filter(name="eve").update(approved_segments=8)
    course = " ".join(read(approver, f"/e/{event.slug}/").split())
    assert "Text to 5 people: 4 texts and 1 email · approved" in course
    page = read(approver, f"/e/{event.slug}/approve")
    assert "5 emails and 4 texts (you pay for 8: long ones count as several), which cost 0.32" in page
    assert "at least" not in page


def test_what_changed_since_the_approval_is_said_before_the_start_and_counted_again(
    approver: Client, event: Event
) -> None:
    press(approver, ask(approver, event, "tip", "race-morning"))
    assert "has changed since" not in read(approver, f"/e/{event.slug}/approve")
    make_entrant(event, email="late@example.com", mobile="+447700900160")
    revision.bump(event.id)
    page = read(approver, f"/e/{event.slug}/approve")
    assert "1 entrant more for Tip and Race morning." in page
    assert "coming: 3 emails" in page.replace("still to come", "coming")
    look = approver.post(f"/e/{event.slug}/approve", {"act": "count"})["Location"]
    errands.run(Errand.objects.latest("id").id)
    counted = read(approver, look)
    assert "These steps are approved." in counted
    assert "A count of what is approved" in counted
    assert counted.count("as a runner gets it</a>") == 2
    assert "EXAMPLE REVIEWER" in counted
    page = read(approver, f"/e/{event.slug}/approve")
    assert "4 emails and 4 texts, for the list of entrants has changed since the approval" in page
    assert "Count the messages again" not in page
    make_entrant(event, email="later@example.com", mobile="+447700900161")
    revision.bump(event.id)
    page = read(approver, f"/e/{event.slug}/approve")
    assert "2 entrants more for Tip and Race morning." in page
    assert "Count the messages again" in page


def test_an_approval_that_counted_nobody_says_that_it_counts_entrants(approver: Client, event: Event) -> None:
    campaign.approve(Campaign.objects.get(), "ann@example.org", [])
    assert "Counted by entrants. A look counts messages" in read(approver, f"/e/{event.slug}/approve")


def test_start_repeats_what_goes_and_starts(approver: Client, event: Event) -> None:
    press(approver, ask(approver, event, "tip", "race-morning"))
    page = read(approver, f"/e/{event.slug}/approve")
    assert "2 approved steps still to come: 3 emails and 3 texts" in page
    assert "Together 3 emails and 3 texts, as the look before the approval counted." in page
    assert "Counted by entrants" not in page
    assert "besides these" not in page
    assert "The first leaves on Tuesday at 10:00" in page
    page = approver.post(f"/e/{event.slug}/approve", {"act": "start"}, follow=True).content.decode()
    assert "Started: each approved step goes at its moment." in page
    assert Campaign.objects.get().state == "live"
    assert AuditEntry.objects.latest("id").act == "campaign.start"


def test_a_start_names_what_is_approved_and_in_no_sum(event: Event) -> None:
    """Sixteen were approved and the start spoke of fifteen."""
    load(event, a_step("tip"), a_step("veterans", audience="age 70-99"), catch_up=True)
    owner = browser_of(make_user(event, Role.OWNER))
    press(owner, ask(owner, event, "tip", "veterans", "catch-up"))
    page = read(owner, f"/e/{event.slug}/approve")
    assert "2 approved steps still to come" in page
    assert "Veterans has nobody to go to as things stand." in page
    assert "Catch up is approved besides these: one email for whoever enters late." in page


def test_a_look_says_for_whom_when_and_how_many_a_family(event: Event) -> None:
    Campaign.objects.all().delete()
    text = {"channel": "sms", "template": "race-morning", "when": "start - 120 min", "purpose": "service"}
    everyone = a_step("everyone", template="race-week", purpose="service", more='per = "entrant"')
    load(event, everyone, a_step("morning", audience="adults and 10k", **text))
    owner = browser_of(make_user(event, Role.OWNER))
    page = " ".join(read(owner, ask(owner, event, "everyone", "morning")).split())
    assert "3 of 3 entrants<span>for adults and 10k</span>" in page
    assert "3 emails: each entry gets its own" in page
    assert "2 hours before each runner’s own start" in page
    assert "Tips go to those who agreed to tips." in page
    assert page.count("EXAMPLE REVIEWER") == 1
    assert "All words that need a medical sign-off are signed by EXAMPLE REVIEWER" in page
    assert "signed off (email, version 1)" in page


def test_a_start_names_what_leaves_at_once(
    approver: Client, event: Event, now: time_machine.Coordinates
) -> None:
    press(approver, ask(approver, event, "tip", "race-morning"))
    now.move_to(datetime(2027, 8, 3, 10, tzinfo=UTC))
    approver = browser_of(make_user(event, Role.APPROVER))
    page = read(approver, f"/e/{event.slug}/approve")
    assert "1 step is due already, 3 emails. It leaves as soon as you press." in page
    assert "1 approved step still to come: 3 texts." in page
    assert "Start, and send 3 messages now" in page
    page = unescape(approver.post(f"/e/{event.slug}/approve", {"act": "start"}, follow=True).content.decode())
    assert "Started: 1 step that was due leaves now, and each other at its moment." in page
    assert "<h1>Live</h1>" in page


def test_a_look_after_a_move_counts_nobody_twice(approver: Client, event: Event) -> None:
    step = Step.objects.get(name="tip")
    queue(step, Entrant.objects.all()[:2])
    Delivery.objects.update(state="sent")
    page = read(approver, ask(approver, event, "tip"))
    assert "1 of 3 entrants" in page
    assert "went to 2 before, who do not get it again" in page
    assert "1 email: the first leaves on Tuesday" in page


def test_nothing_starts_before_a_step_is_approved(approver: Client, event: Event) -> None:
    page = approver.post(f"/e/{event.slug}/approve", {"act": "start"}, follow=True).content.decode()
    assert "No step is approved yet: approve one first." in unescape(page)
    assert Campaign.objects.get().state == "draft"


def test_stop_is_offered_once_something_was_started(approver: Client, event: Event) -> None:
    press(approver, ask(approver, event, "tip"))
    address = f"/e/{event.slug}/approve"
    assert "Stop the campaign for good" not in read(approver, address)
    approver.post(address, {"act": "start"})
    assert "Stop the campaign for good" in read(approver, address)


def test_stop_wants_to_be_sure(approver: Client, event: Event) -> None:
    approver.post(f"/e/{event.slug}/approve", {"act": "stop"})
    assert Campaign.objects.get().state == "draft"
    approver.post(f"/e/{event.slug}/approve", {"act": "stop", "sure": "on"})
    assert Campaign.objects.get().state == "stopped"
    assert AuditEntry.objects.get().act == "campaign.stop"


def test_pages_ask_as_little_for_many_steps_as_for_few(
    approver: Client, event: Event, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    address = ask(approver, event, "tip")
    before = dump()
    with django_assert_max_num_queries(18):
        read(approver, f"/e/{event.slug}/approve")
    with django_assert_max_num_queries(24):
        read(approver, address)
    assert {table for table, rows in dump().items() if rows != before[table]} <= {"django_session"}
