"""The entrants' room: finding somebody, their one line of time, and what is done for them from their page."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from people import DUE, a_campaign, a_step, an_event, entrant, entrants, queue, the_step
from pytest_django import DjangoAssertNumQueries
from signed_in import browser_of, make_user

from campaigns import campaign, held, optout
from campaigns.entry_lists.diff import STATUS_REASON
from campaigns.models import Attempt, AuditEntry, Consent, Delivery, Entrant, Event, Guardian
from campaigns.models.words import Role

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 7, 1, 9, tzinfo=UTC)


def editor(event: Event, *roles: Role) -> Client:
    return browser_of(make_user(event, *(roles or (Role.EDITOR,))))


def shown(browser: Client, path: str, **query: str) -> str:
    answer = browser.get(path, query)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def of(person: Entrant, act: str = "") -> str:
    return f"/e/{person.event.slug}/entrants/{person.token}{act}"


def acts(event: Event) -> list[str]:
    return list(AuditEntry.objects.filter(event=event.slug).order_by("id").values_list("act", flat=True))


# The list


def test_one_who_is_found_alone_is_shown_at_once() -> None:
    event = an_event()
    zoe = entrant(event, first_name="Zoë", last_name="Quill")
    entrant(event, first_name="Amy")
    answer = editor(event).get(f"/e/{event.slug}/entrants", {"q": "zoe"})
    assert answer["Location"] == of(zoe)


def test_who_waits_is_counted_at_the_tab_and_beside_the_race() -> None:
    event = an_event()
    entrants(event, 3)
    entrants(event, 2, race="kids", born=None)
    browser = editor(event)
    page = shown(browser, f"/e/{event.slug}/entrants")
    assert "Waiting for you (2)" in page
    assert "2 get nothing, or not everything, until somebody acts: see who" in page
    assert "Kids Race 2 2 0 0" in page
    for other in ("entrants/lists", "entrants/waiting"):
        assert "Waiting for you (2)" in shown(browser, f"/e/{event.slug}/{other}")
    browser.post(of(Entrant.objects.filter(race__slug="kids")[0], "/guardian"), {"name": "Pat"})
    assert "Waiting for you (1)" in shown(browser, f"/e/{event.slug}/entrants")


def test_several_are_listed_and_nobody_is_said_so() -> None:
    event = an_event()
    entrant(event, first_name="Zoë", last_name="Quill")
    entrant(event, first_name="Zoe", last_name="Ash")
    browser = editor(event)
    several = shown(browser, f"/e/{event.slug}/entrants", q="zoe")
    assert "2 entrants fit “zoe”" in several
    assert several.index("Ash, Zoe") < several.index("Quill, Zoë")
    assert "Nobody fits “<b>”" in shown(browser, f"/e/{event.slug}/entrants", q="<b>").replace(
        "&lt;b&gt;", "<b>"
    )


def test_an_event_without_entrants_says_what_to_do() -> None:
    event = an_event()
    assert "Nobody is entered yet" in shown(editor(event), f"/e/{event.slug}/entrants")


@pytest.mark.parametrize("count", [3, 300])
def test_the_list_takes_as_many_queries_for_many_as_for_few(
    count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    event = an_event()
    entrants(event, count)
    browser = editor(event)
    with django_assert_max_num_queries(9):
        browser.get(f"/e/{event.slug}/entrants")
    for words in ("runner", "runner@example.o", "07700 900123"):
        with django_assert_max_num_queries(7):
            browser.get(f"/e/{event.slug}/entrants", {"q": words})
    with django_assert_max_num_queries(7):
        browser.get(f"/e/{event.slug}/entrants/waiting")


# One person


def story(steps: int = 1) -> tuple[Event, Entrant, Any]:
    event = an_event()
    person = entrant(event, first_name="Zoë", last_name="Quill", bib="17")
    loaded = a_campaign(
        event, *(a_step(f"tip-{number}", when=f"{50 - number} days before, 10:00") for number in range(steps))
    )
    return event, person, loaded


def test_what_is_to_come_stands_with_its_moment() -> None:
    event, zoe, _ = story(2)
    with time_machine.travel(NOW, tick=False):
        page = shown(editor(event), of(zoe))
    assert "Next: Tip 0, by email, Sat 31 Jul 2027, 10:00 (in 30 days)" in page
    assert page.index("Now") < page.index("Tip 0 to come") < page.index("Tip 1 to come")


def test_what_is_not_approved_and_what_is_not_for_them_is_said_with_the_reason() -> None:
    event = an_event()
    zoe = entrant(event, first_name="Zoë", consents=())
    a_campaign(event, a_step("tip"), a_step("kids", audience="minors", purpose="service"))
    with time_machine.travel(NOW, tick=False):
        page = shown(editor(event), of(zoe))
    assert "Tip not for them email · Tue 3 Aug 2027, 10:00 · they have not agreed to tips by email" in page
    assert "Kids not for them email · Tue 3 Aug 2027, 10:00 · not meant for them" in page
    assert "No message is to come." in page
    Consent.objects.create(entrant=zoe, channel="email", purpose="tips", granted=True, source="test", at=NOW)
    campaign.move_race(event, date(2027, 9, 20))
    with time_machine.travel(NOW, tick=False):
        assert "Tip not approved yet" in shown(editor(event), of(zoe))


def test_what_was_sent_tells_each_try() -> None:
    event, zoe, loaded = story()
    (row,) = queue(the_step(loaded, "tip-0"), [zoe])
    Delivery.objects.filter(id=row.id).update(
        state="bounced", sent_at=DUE, version=the_step(loaded, "tip-0").version
    )
    for number, outcome, detail in ((1, "transient", "busy"), (2, "accepted", "")):
        Attempt.objects.create(
            delivery=row, number=number, channel="email", outcome=outcome, code="451", detail=detail, at=DUE
        )
    with time_machine.travel(DUE + timedelta(days=1), tick=False):
        page = shown(editor(event), of(zoe))
    assert "Tip 0 came back email · Tue 3 Aug 2027, 10:00 · it did not arrive 2 tries" in page
    assert "the mail server asked us to come again: 451 busy" in page
    assert "the mail server took it" in page
    assert page.index("Tip 0") < page.index("Now")


def test_what_waits_in_the_queue_goes_or_says_why_not() -> None:
    event, zoe, loaded = story()
    first = DUE - timedelta(days=3)
    queue(the_step(loaded, "tip-0"), [zoe], first)
    with time_machine.travel(first, tick=False):
        browser = editor(event)
        assert "Tip 0 in the queue" in shown(browser, of(zoe))
        optout.stop_tips_by_email(zoe)
        page = shown(browser, of(zoe))
    assert "Tip 0 not for them" in page
    assert "Email closed for tips and sponsors&#39; messages: they unsubscribed" in page


def test_a_released_alert_that_waits_is_shown_too() -> None:
    from people import an_alert

    event, zoe, loaded = story()
    queue(an_alert(loaded, name="heat#1-email"), [zoe])
    assert "Alert: Heat in the queue" in shown(editor(event), of(zoe))


@pytest.mark.parametrize("steps", [1, 12])
def test_their_page_takes_as_many_queries_for_many_messages_as_for_one(
    steps: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    event, zoe, loaded = story(steps)
    for number in range(steps):
        queue(the_step(loaded, f"tip-{number}"), [zoe])
    browser = editor(event)
    with django_assert_max_num_queries(18):
        assert browser.get(of(zoe)).status_code == 200


def test_one_of_another_event_is_not_there() -> None:
    event, other = an_event(), an_event()
    stranger = entrant(other)
    assert editor(event).get(f"/e/{event.slug}/entrants/{stranger.token}").status_code == 404


def test_a_viewer_sees_them_and_is_offered_no_act() -> None:
    event, zoe, _ = story()
    page = shown(editor(event, Role.VIEWER), of(zoe))
    assert "Quill" in page
    assert "Erase" not in page
    assert "Hold" not in page


# Acts


def test_hold_and_release_are_done_and_noted() -> None:
    event, zoe, _ = story()
    browser = editor(event)
    assert browser.post(of(zoe, "/hold"), {"reason": ""}).status_code == 422
    page = browser.post(of(zoe, "/hold"), {"reason": "Two entries."}, follow=True).content.decode()
    assert "Two entries." in page
    zoe.refresh_from_db()
    assert zoe.status == "held"
    browser.post(of(zoe, "/release"))
    zoe.refresh_from_db()
    assert (zoe.status, zoe.hold_reason) == ("confirmed", "")
    assert acts(event) == ["entrants.hold", "entrants.release"]


def test_who_has_withdrawn_cannot_be_held_or_brought_back() -> None:
    event = an_event()
    gone = entrant(event, status="withdrawn")
    browser = editor(event)
    assert "nothing to hold" in browser.post(of(gone, "/hold"), {"reason": "x"}).content.decode()
    assert "only the entry list" in browser.post(of(gone, "/release"), follow=True).content.decode()
    assert acts(event) == []


def test_marks_are_made_changed_and_taken_back() -> None:
    event, zoe, _ = story()
    browser = editor(event)
    for chosen, stored in (("dns", "dns"), ("finished", "finished"), ("unknown", "")):
        browser.post(of(zoe, "/mark"), {"race_status": chosen})
        zoe.refresh_from_db()
        assert zoe.race_status == stored
    assert browser.post(of(zoe, "/mark"), {"race_status": "won"}).status_code == 422
    assert acts(event) == ["entrants.mark"] * 3


def test_a_guardian_is_named_with_an_address_of_their_own_or_the_entrys() -> None:
    event = an_event()
    child = entrant(event, race="kids", first_name="Kim", born=date(2019, 1, 1), email="kim@example.org")
    browser = editor(event)
    assert "Under 18: say whose address this is" in shown(browser, of(child))
    wrong = browser.post(of(child, "/guardian"), {"name": "Pat", "email": "no", "mobile": ""})
    assert wrong.status_code == 422
    assert "It is not an email address" in wrong.content.decode()
    lone = browser.post(of(child, "/guardian"), {"name": "Pat", "mobile": "07700 900123"})
    assert "give the guardian&#39;s email too" in lone.content.decode()
    browser.post(
        of(child, "/guardian"), {"name": "Pat", "email": "Pat@example.org", "mobile": "07700 900123"}
    )
    child.refresh_from_db()
    assert (child.email, child.mobile, child.guardian.name) == ("Pat@example.org", "+447700900123", "Pat")
    assert "Under 18: say" not in shown(browser, of(child))
    assert acts(event) == ["entrants.guardian"]


def test_whoever_names_a_guardian_goes_on_to_the_next_who_waits() -> None:
    event = an_event()
    kim, max_ = (
        entrant(event, race="kids", first_name=name, born=date(2019, 1, 1), email=f"{name}@example.org")
        for name in ("Kim", "Max")
    )
    browser = editor(event)
    page = browser.get(of(kim)).content.decode()
    assert '<a href="#whose">Name the guardian</a>' in page
    answer = browser.post(of(kim, "/guardian"), {"name": "Pat"})
    assert answer["Location"] == f"/e/{event.slug}/entrants/waiting"
    assert "Messages for Kim go to Pat now. 1 other waits." in shown(browser, answer["Location"])
    assert browser.post(of(max_, "/guardian"), {"name": "Pat"})["Location"] == of(max_)


def test_all_children_with_an_address_get_a_guardian_by_one_yes() -> None:
    event = an_event()
    kids = [entrant(event, race="kids", born=date(2019, 1, 1), email=f"k{n}@example.org") for n in range(3)]
    lost = entrant(event, race="kids", born=date(2019, 1, 1), email="", mobile="")
    adult = entrant(event, email="grown@example.org")
    browser, path = editor(event), f"/e/{event.slug}/entrants/waiting"
    assert "3 children have an email address in their entries" in shown(browser, path)
    unsure = browser.post(f"{path}/guardians", {"seen": 3})
    assert unsure.status_code == 422
    assert "Tick this only if it is so" in unsure.content.decode()
    assert browser.post(f"{path}/guardians", {"seen": 2, "sure": "on"}).status_code == 302
    assert not Guardian.objects.exists()
    answer = browser.post(f"{path}/guardians", {"seen": 3, "sure": "on"}, follow=True)
    assert "Messages for 3 children go to the email addresses" in answer.content.decode()
    assert set(Guardian.objects.values_list("entrant", flat=True)) == {kid.id for kid in kids}
    assert "All children at once" not in shown(browser, path)
    assert "1 entrant gets nothing" in shown(browser, path)
    assert acts(event) == ["entrants.guardians"]
    assert {lost.id, adult.id}.isdisjoint(Guardian.objects.values_list("entrant", flat=True))


def test_a_childs_page_says_why_there_is_no_number_and_where_the_guardians_goes() -> None:
    event = an_event()
    kim = entrant(event, race="kids", born=date(2019, 1, 1), email="kim@example.org", mobile="")
    browser = editor(event)
    assert "Mobile none (a number in a child’s entry may be the child’s own" in shown(browser, of(kim))
    assert "Phone numbers in that entry are not kept" in shown(browser, f"/e/{event.slug}/entrants/waiting")
    browser.post(of(kim, "/guardian"), {"name": "Pat", "email": "kim@example.org", "mobile": "07700 900123"})
    assert "may be the child’s own" not in shown(browser, of(kim))
    page = browser.get(of(kim)).content.decode()
    for known in ("Pat", "kim@example.org", "+447700900123"):
        assert f'value="{known}"' in page
    assert "may be the child’s own" not in shown(
        browser, of(entrant(event, mobile="", email="a@example.org"))
    )


def press(browser: Client, path: str, act: str) -> Any:
    """The form of that act, sent as it stands on the page."""
    page = browser.get(path).content.decode()
    forms = re.findall(r"<form.*?</form>", page, re.S)
    form = next(one for one in forms if f'name="act" value="{act}"' in one)
    fields = dict(re.findall(r'name="(reason|seen)" value="([^"]*)"', form))
    return browser.post(
        f"{path}/held", {"act": act, **{name: unescape(value) for name, value in fields.items()}}
    )


def test_all_whom_one_reason_holds_are_released_at_one_press() -> None:
    event = an_event()
    reason = "Two entries, <b>ask</b> them."
    entrants(event, 2, status="held", hold_reason=reason)
    entrant(event, status="held", hold_reason="Something else.")
    browser, path = editor(event), f"/e/{event.slug}/entrants/waiting"
    page = shown(browser, path)
    assert "Release all 2 …" in page
    assert "Releases these 2 entrants: what waited for them goes out if it is still in time" in page
    assert "Keep all 2 held" not in page, "they are held by hand already"
    assert "Release all 1" not in page
    looked = held.together(event)[0].seen
    entrant(event, status="held", hold_reason=reason)
    browser.post(f"{path}/held", {"act": "release", "reason": reason, "seen": looked})
    assert "Not the same people are held as when you looked" in shown(browser, path)
    assert event.entrants.filter(status="held").count() == 4
    assert press(browser, path, "release")["Location"] == path
    assert "3 entrants are released" in shown(browser, path)
    assert event.entrants.filter(status="confirmed").count() == 3
    assert acts(event) == ["entrants.release"]


def test_whom_a_list_holds_can_be_kept_held_together() -> None:
    event = an_event()
    entrants(event, 2, status="held", hold_reason=STATUS_REASON)
    browser, path = editor(event), f"/e/{event.slug}/entrants/waiting"
    assert press(browser, path, "keep")["Location"] == path
    assert "2 entrants are kept held" in shown(browser, path)
    assert set(event.entrants.values_list("hold_reason", flat=True)) == {f"Kept held. {STATUS_REASON}"}
    assert acts(event) == ["entrants.hold"]


def test_who_only_looks_releases_nobody() -> None:
    event = an_event()
    entrants(event, 2, status="held", hold_reason=STATUS_REASON)
    browser, path = editor(event, Role.VIEWER), f"/e/{event.slug}/entrants/waiting"
    assert "Release all" not in shown(browser, path)
    assert browser.post(f"{path}/held", {"act": "release", "reason": STATUS_REASON}).status_code == 403


def test_a_guardians_address_can_be_corrected() -> None:
    event = an_event()
    child = entrant(event, race="kids", born=date(2019, 1, 1), email="kim@example.org")
    browser = editor(event)
    browser.post(of(child, "/guardian"), {"name": "Pat", "email": "pta@example.org"})
    page = browser.get(of(child)).content.decode()
    assert "Correct the guardian" in page
    assert 'value="Pat"' in page
    browser.post(of(child, "/guardian"), {"name": "Pat", "email": "pat@example.org"})
    child.refresh_from_db()
    assert (child.email, child.guardian.name) == ("pat@example.org", "Pat")


def test_a_message_to_come_can_be_read_as_they_will_get_it() -> None:
    event, zoe, loaded = story()
    browser = editor(event)
    step = loaded.steps.get(name="tip-0")
    href = f"/e/{event.slug}/messages/{step.template.channel}/{step.template.name}/?whom={zoe.token}"
    assert f'href="{href}#look"' in browser.get(of(zoe)).content.decode()
    assert f"{zoe.first_name}: " in shown(browser, href)


def test_an_adult_gets_no_guardian() -> None:
    event, zoe, _ = story()
    answer = editor(event).post(of(zoe, "/guardian"), {"name": "Pat"})
    assert "18 or over" in answer.content.decode()
    assert not Guardian.objects.exists()


def test_all_of_it_can_be_downloaded_and_is_noted() -> None:
    event, zoe, _ = story()
    answer = editor(event).post(of(zoe, "/export"))
    assert answer["Content-Disposition"].startswith("attachment")
    assert "entrant.json" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert acts(event) == ["entrants.export"]


def test_erasing_asks_once_says_what_goes_and_is_noted() -> None:
    event, zoe, _ = story()
    browser = editor(event)
    asked = shown(browser, of(zoe, "/erase"))
    assert "cannot be taken back" in asked
    assert Entrant.objects.get(id=zoe.id).erased_at is None
    browser.post(of(zoe, "/erase"))
    assert Entrant.objects.get(id=zoe.id).erased_at is not None
    assert browser.get(of(zoe)).status_code == 404
    entry = AuditEntry.objects.get(act="entrants.erase")
    assert "Quill" not in str(entry.detail)
