"""What is done to entrants by hand, and what follows from it: seen through ticks, claims and what arrives."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import transaction
from people import (
    DUE,
    ROOT,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    entrant,
    entrants,
    fate,
    moment,
    names,
    queue,
    the_step,
    tick_at,
)

import scheduler
from campaigns import addresses, people, revision
from campaigns.drain import Drain
from campaigns.entry_lists.diff import MINOR_REASON
from campaigns.entry_lists.imports import import_list
from campaigns.models import Consent, Delivery, Entrant, Event, Guardian, Outbox, Race
from campaigns.models.words import Channel, RaceStatus
from campaigns.people import Contact
from postbox import Postbox

LIST = ROOT / "tests" / "data" / "lets_do_this_start_list.csv"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YOUNG = date(2012, 5, 5)
PARENT = Contact("parent@example.org", "+447700900999", mobile_ok=True)


@pytest.fixture
def box(settings) -> Iterator[Postbox]:
    """A mail server that keeps what it is given, named as the provider. It is DUE, and time passes."""
    with Postbox(smtp_port=0, http_port=0) as postbox, time_machine.travel(DUE, tick=True):
        settings.EMAIL_URL = postbox.email_url
        yield postbox


def revision_of(event: Event) -> int:
    return Event.objects.values_list("revision", flat=True).get(id=event.id)


def contact_of(person: Entrant) -> tuple:
    found = Entrant.objects.get(id=person.id)
    return found.email, found.mobile, found.mobile_ok


# Families, from the entry list to the mailbox


@pytest.fixture
def sample(db) -> Event:
    """An event with the sample list's people."""
    event = an_event()
    Race.objects.create(event=event, slug="5k", name="5K", start=time(9, 25))
    import_list(LIST, event, who="ann@example.org")
    return event


def people_of(event: Event) -> Iterator[tuple[dict[str, str], bool]]:
    """The rows of the file, each with whether it is a child's in an adult race, read without the importer."""
    adult_from = str(event.date.replace(year=event.date.year - 18))
    with LIST.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            yield row, row["Date of Birth"] > adult_from and row["raceTitle"] != "Kids Race"


def send_all() -> None:
    """All that is due is opened, and everything that is due by email is sent."""
    while scheduler.tick().more:
        pass
    drain = Drain(Channel.EMAIL)
    while drain.run():
        pass


def test_each_address_of_the_sample_list_gets_one_mail_that_greets_everyone_on_it(sample, box):
    a_campaign(sample)
    expected = defaultdict(set)
    for row, unguarded in people_of(sample):
        if (
            row["I would like to receive race tips by email"] == "Yes"
            and row["Email Address"]
            and not unguarded
        ):
            expected[row["Email Address"].lower()].add(row["First Name"])
    assert sum(len(family) > 1 for family in expected.values()) > 10
    send_all()
    mails = {email.recipient.lower(): email for email in box.emails}
    assert len(box.emails) == len(mails)
    assert mails.keys() == expected.keys()
    for address, family in expected.items():
        text = " ".join(mails[address].message.get_body(("plain",)).get_content().split())
        hello = text.partition("Hello ")[2].partition(", watch")[0]
        assert set(hello.replace(" and ", ", ").split(", ")) == family
    sent = Delivery.objects.filter(state="sent")
    assert sent.filter(carrier=None).count() == len(expected)
    assert sent.count() > len(expected)
    for carried in sent.exclude(carrier=None).select_related("carrier__entrant", "entrant"):
        assert bytes(carried.entrant.email_hash) == bytes(carried.carrier.entrant.email_hash)
        assert (carried.carrier.carrier_id, carried.carrier.state) == (None, "sent")


def test_no_child_of_the_sample_list_is_written_to_at_its_own_address(sample, box):
    a_campaign(sample, a_step(purpose="service"))
    children = [row["Email Address"].lower() for row, unguarded in people_of(sample) if unguarded]
    adults = {row["Email Address"].lower() for row, unguarded in people_of(sample) if not unguarded}
    assert len(set(children) - adults) == len(children) == 7
    send_all()
    assert {email.recipient.lower() for email in box.emails} == adults - {""}
    held = Delivery.objects.filter(state="held", reason="minor")
    assert sorted(row.entrant.email.lower() for row in held.select_related("entrant")) == sorted(children)
    assert people.waiting(sample) == {row.entrant_id: people.NO_GUARDIAN for row in held}


# Whose address a child's is


def test_a_guardians_address_takes_the_place_of_the_childs(db):
    event = an_event()
    loaded = a_campaign(event)
    child = entrant(event, born=YOUNG, hold_reason=MINOR_REASON)
    tick_at(DUE)
    assert not claim_at(DUE, the_step(loaded)).groups
    before = revision_of(event)
    people.name_guardian(child, "Ann Hobbs", PARENT, source="said by kim@example.org")
    assert revision_of(event) == before + 1
    assert contact_of(child) == ("parent@example.org", "+447700900999", True)
    guardian = Guardian.objects.get(entrant=child)
    assert (guardian.name, guardian.source) == ("Ann Hobbs", "said by kim@example.org")
    child.refresh_from_db()
    assert child.hold_reason == ""
    assert bytes(child.mobile_hash) == addresses.address_hash("+447700900999")
    tick_at(DUE + HOUR)
    [[row]] = claim_at(DUE + HOUR, the_step(loaded)).groups
    assert (row.entrant, row.address) == (child.id, "parent@example.org")


def test_a_child_joins_the_family_of_its_guardian(db):
    event = an_event()
    loaded = a_campaign(event, a_step(late_entrants="send"))
    parent = entrant(event, email="Parent@example.org", email_hash=None)
    Entrant.objects.filter(id=parent.id).update(email_hash=addresses.address_hash("parent@example.org"))
    child = entrant(event, born=YOUNG)
    people.name_guardian(child, "Ann", Contact("PARENT@example.org"), source="asked")
    tick_at(DUE)
    assert names(claim_at(DUE, the_step(loaded))) == [[parent.first_name, child.first_name]]


def test_without_a_number_of_the_guardian_the_childs_own_goes(db):
    child = entrant(an_event(), born=YOUNG)
    people.name_guardian(child, "Ann", Contact("parent@example.org"), source="asked")
    assert contact_of(child) == ("parent@example.org", "", False)
    assert Entrant.objects.get().mobile_hash is None


def test_an_address_that_is_the_guardians_already_stays(db):
    child = entrant(an_event(), born=YOUNG)
    before = contact_of(child)
    people.name_guardian(child, "Ann", None, source="asked")
    assert contact_of(child) == before
    assert Guardian.objects.filter(entrant=child).exists()


def test_a_second_guardian_replaces_the_first(db):
    child = entrant(an_event(), race="kids", guardian=True)
    people.name_guardian(child, "Ben", PARENT, source="asked")
    assert [guardian.name for guardian in Guardian.objects.all()] == ["Ben"]
    assert contact_of(child)[0] == "parent@example.org"


def test_an_adult_has_no_guardian(db):
    event = an_event()
    person = entrant(event, born=date(2009, 9, 19))
    before = Entrant.objects.values().get(), revision_of(event)
    with pytest.raises(people.PersonError, match="18 or over"):
        people.name_guardian(person, "Ann", PARENT, source="asked")
    assert (Entrant.objects.values().get(), revision_of(event)) == before
    assert not Guardian.objects.exists()


def test_where_no_address_is_known_one_has_to_be_given(db):
    child = entrant(an_event(), race="kids", email="", mobile="")
    with pytest.raises(people.PersonError, match="give the guardian's"):
        people.name_guardian(child, "Ann", None, source="asked")
    assert not Guardian.objects.exists()


def test_naming_a_guardian_does_not_end_a_hold(db):
    child = entrant(an_event(), race="kids", status="held", hold_reason="parents asked")
    people.name_guardian(child, "Ann", PARENT, source="asked")
    child.refresh_from_db()
    assert (child.status, child.hold_reason) == ("held", "parents asked")


def test_naming_a_guardian_is_no_consent(db):
    """The guardian's address gets tips only if the entry said yes to them."""
    event = an_event()
    loaded = a_campaign(event)
    child = entrant(event, born=YOUNG, consents=())
    people.name_guardian(child, "Ann", PARENT, source="asked")
    tick_at(DUE)
    assert not claim_at(DUE, the_step(loaded)).groups
    assert fate(child) == ("skipped", "no_consent")
    assert not Consent.objects.exists()


# Holds


def test_who_is_held_gets_nothing_until_released(db):
    event = an_event()
    loaded = a_campaign(event)
    person, other = entrants(event, 2)
    tick_at(DUE)
    assert people.hold(person, "broken leg")
    assert names(claim_at(DUE, the_step(loaded))) == [[other.first_name]]
    assert fate(person) == ("held", "")
    assert people.waiting(event) == {person.id: "broken leg"}
    assert people.release(person)
    tick_at(DUE + HOUR)
    assert names(claim_at(DUE + HOUR, the_step(loaded))) == [[person.first_name]]
    assert people.waiting(event) == {}


def test_who_is_held_before_a_step_opens_gets_it_after_the_release(db):
    event = an_event()
    loaded = a_campaign(event)
    person = entrant(event)
    people.hold(person, "")
    tick_at(DUE)
    assert not Delivery.objects.exists()
    people.release(person)
    tick_at(DUE + HOUR)
    assert names(claim_at(DUE + HOUR, the_step(loaded))) == [[person.first_name]]


def test_a_release_past_the_latest_time_sends_nothing(db):
    event = an_event()
    a_campaign(event)
    person = entrant(event)
    tick_at(DUE)
    people.hold(person, "")
    claim_at(DUE, the_step(event.campaign))
    people.release(person)
    tick_at(DUE + DAY)
    assert fate(person) == ("skipped", "too_late")


def test_a_hold_can_be_repeated_and_keeps_its_reason(db):
    event = an_event()
    person = entrant(event)
    assert people.hold(person, "broken leg")
    before = revision_of(event)
    assert not people.hold(person, "")
    assert not people.hold(person, "broken leg")
    assert revision_of(event) == before
    assert people.hold(person, "moved away")
    assert Entrant.objects.get().hold_reason == "moved away"


def test_releasing_who_is_not_held_changes_nothing(db):
    event = an_event()
    person = entrant(event, born=YOUNG, hold_reason=MINOR_REASON)
    before = Entrant.objects.values().get(), revision_of(event)
    assert not people.release(person)
    assert (Entrant.objects.values().get(), revision_of(event)) == before


def test_a_released_child_without_a_guardian_still_waits_for_one(db):
    event = an_event()
    child = entrant(event, born=YOUNG)
    people.hold(child, "asked us")
    people.release(child)
    child.refresh_from_db()
    assert (child.status, child.hold_reason) == ("confirmed", MINOR_REASON)
    assert people.waiting(event) == {child.id: people.NO_GUARDIAN}


@pytest.mark.parametrize("act", [lambda person: people.hold(person, ""), people.release])
def test_who_has_withdrawn_is_neither_held_nor_brought_back(db, act):
    person = entrant(an_event(), status="withdrawn")
    with pytest.raises(people.PersonError, match="has withdrawn"):
        act(person)
    person.refresh_from_db()
    assert person.status == "withdrawn"


# A bib that comes late


BIB_MESSAGE = """---
topic: Your number
purpose: service
subject: Your number is {{ bib }}
preheader: Wear it on your chest.
---
# Your number

Hello {{ names }}, you run with {{ bib }}.
"""


def test_a_message_that_needs_a_bib_waits_for_it(db, box, tmp_path: Path):
    event = an_event()
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "number.md").write_text(BIB_MESSAGE, "utf-8")
    a_campaign(event, a_step(template="number", purpose="service", more='per = "entrant"'), folder=tmp_path)
    early, late = entrant(event, bib="7"), entrant(event)
    drain = Drain(Channel.EMAIL)
    scheduler.tick()
    drain.run()
    assert [email.recipient for email in box.emails] == [early.email]
    assert fate(late) == ("held", "missing_value")
    assert people.waiting(event) == {late.id: people.NO_VALUE}
    scheduler.tick()
    assert fate(late) == ("held", "missing_value")
    with transaction.atomic():
        Entrant.objects.filter(id=late.id).update(bib="476")
        revision.bump(event.id)
    scheduler.tick()
    drain.run()
    assert [email.subject for email in box.emails] == ["Your number is 7", "Your number is 476"]
    assert fate(late) == ("sent", "")
    assert people.waiting(event) == {}


# Marks


def test_a_mark_is_set_by_bib_whatever_its_case(db):
    event = an_event()
    first, second, third = (entrant(event, bib=bib) for bib in ("12", "A7", "99"))
    before = revision_of(event)
    marked = people.mark(event, ["12", "a7", "12"], RaceStatus.DNF)
    assert (marked.changed, marked.as_before, marked.unknown, marked.shared) == (2, 0, [], [])
    assert list(Entrant.objects.order_by("id").values_list("race_status", flat=True)) == ["dnf", "dnf", ""]
    assert revision_of(event) == before + 1
    assert {first.bib, second.bib, third.bib} == {"12", "A7", "99"}


def test_a_later_mark_replaces_an_earlier_one_and_the_same_mark_changes_nothing(db):
    event = an_event()
    entrant(event, bib="12")
    people.mark(event, ["12"], RaceStatus.STARTED)
    assert people.mark(event, ["12"], RaceStatus.FINISHED).changed == 1
    before = revision_of(event)
    again = people.mark(event, ["12"], RaceStatus.FINISHED)
    assert (again.changed, again.as_before) == (0, 1)
    assert revision_of(event) == before
    assert Entrant.objects.get().race_status == "finished"


def test_unknown_and_shared_bibs_are_told_and_mark_nobody(db):
    event, other = an_event(), an_event()
    known = entrant(event, bib="1")
    entrants(event, 2, bib="2")
    entrant(other, bib="3")
    entrant(event, bib="4", status="withdrawn")
    marked = people.mark(event, ["1", "2", "3", "4", "A5"], RaceStatus.DNS)
    assert (marked.changed, marked.unknown, marked.shared) == (1, ["3", "4", "A5"], ["2"])
    assert list(Entrant.objects.filter(race_status="dns")) == [known]


def test_who_has_taken_over_an_entry_is_the_one_with_its_bib(db):
    event = an_event()
    entrant(event, bib="12", status="withdrawn")
    runner = entrant(event, bib="12")
    assert people.find(event, "12") == runner
    assert people.mark(event, ["12"], RaceStatus.DNS).shared == []


AFTER, ON_THE_DAY = "2 days after, 10:00", "start + 180 min"


@pytest.mark.parametrize(
    ("status", "when", "gets_it"),
    [
        (RaceStatus.DNS, AFTER, False),
        (RaceStatus.DNS, ON_THE_DAY, False),
        (RaceStatus.DNS, "1 day before, 10:00", True),
        (RaceStatus.DNF, AFTER, True),
        (RaceStatus.FINISHED, AFTER, True),
        (RaceStatus.STARTED, ON_THE_DAY, True),
    ],
)
def test_who_did_not_start_gets_no_step_from_race_day_on(db, status, when, gets_it):
    event = an_event()
    loaded = a_campaign(event, a_step(when=when, purpose="service"))
    person = entrant(event, bib="12")
    people.mark(event, ["12"], status)
    at = {AFTER: "2027-09-21 09:00", ON_THE_DAY: "2027-09-19 11:15"}.get(when, "2027-09-18 09:00")
    tick_at(moment(at))
    assert names(claim_at(moment(at), the_step(loaded))) == ([[person.first_name]] if gets_it else [])


def test_an_alert_on_race_day_reaches_who_did_not_start_as_well(db):
    """They may be at the venue, and a bib may have been mistyped: what is about safety is not held back."""
    event = an_event()
    alert = an_alert(a_campaign(event))
    person = entrant(event, bib="12")
    people.mark(event, ["12"], RaceStatus.DNS)
    queue(alert, [person], moment("2027-09-19 10:00"))
    assert names(claim_at(moment("2027-09-19 10:00"), alert)) == [[person.first_name]]


def test_who_is_marked_while_the_step_is_under_way_is_skipped_at_the_last_moment(db):
    event = an_event()
    loaded = a_campaign(event, a_step(when=AFTER, purpose="service"))
    person = entrant(event, bib="12")
    at = moment("2027-09-21 09:00")
    tick_at(at)
    people.mark(event, ["12"], RaceStatus.DNS)
    assert not claim_at(at, the_step(loaded)).groups
    assert fate(person) == ("skipped", "not_in_audience")
    assert not Outbox.objects.exists()


def test_after_the_race_nothing_goes_to_who_is_held(db):
    event = an_event()
    loaded = a_campaign(event, a_step(when=AFTER, purpose="service"))
    person = entrant(event)
    people.hold(person, "bereaved family")
    at = moment("2027-09-21 09:00")
    tick_at(at)
    assert not claim_at(at, the_step(loaded)).groups
    assert not Delivery.objects.exists()


# Who waits for a person


def test_waiting_names_those_who_can_still_be_helped_and_nobody_else(db):
    event = an_event()
    loaded = a_campaign(event)
    lacking = entrant(event)
    child = entrant(event, race="kids")
    entrant(event, race="kids", guardian=True)
    entrant(event, race="kids", status="withdrawn", hold_reason=MINOR_REASON)
    entrant(an_event(), race="kids")
    tick_at(DUE)
    claim_at(DUE, the_step(loaded))
    Delivery.objects.filter(entrant=lacking).update(
        state="held", reason="missing_value", held_revision=event.revision
    )
    with time_machine.travel(DUE, tick=False):
        assert people.waiting(event) == {child.id: people.NO_GUARDIAN, lacking.id: people.NO_VALUE}
    with time_machine.travel(DUE + DAY, tick=False):
        assert people.waiting(event) == {child.id: people.NO_GUARDIAN}


@pytest.mark.parametrize("word", ["", "13", "id:", "id:x", "id:0", "id:99999999999999999999", "17"])
def test_what_names_nobody_is_refused(db, word):
    event = an_event()
    entrant(event, bib="12", id=17)
    entrant(an_event(), bib="13")
    with pytest.raises(people.PersonError, match="Nobody has"):
        people.find(event, word)


def test_an_entrant_is_found_by_bib_or_id(db):
    event = an_event()
    person = entrant(event, bib="A12")
    assert people.find(event, " a12") == people.find(event, f"ID:{person.id}") == person
    entrant(event, bib="a12")
    with pytest.raises(people.PersonError, match="by id"):
        people.find(event, "A12")
