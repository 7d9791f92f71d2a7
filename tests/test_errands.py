"""Errands: what a page asked for is run once, tells how far it is, and leaves its result in Postgres."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, timedelta

import pytest
import time_machine
from people import DUE, a_campaign, a_step, an_event, entrant, entrants, load, the_step
from reigate import dump

import worker
from campaigns import approval, campaign, errands, privacy
from campaigns.campaign import CampaignError
from campaigns.models import Errand, Event
from campaigns.models.words import ErrandKind
from campaigns.preflight import kept, look

EARLIER = DUE - timedelta(days=30)


@pytest.fixture
def event(db: None) -> Event:
    made = an_event(contact_confirmed="hello@example.org")
    entrants(made, 3)
    return made


def asked(event: Event, kind: ErrandKind = ErrandKind.PREFLIGHT, **about: object) -> Errand:
    return errands.ask(event, kind, "ann@example.org", {"steps": [], **about})


@time_machine.travel(EARLIER, tick=False)
def done(errand: Errand) -> Errand:
    errands.run(errand.id)
    errand.refresh_from_db()
    return errand


def test_a_preflight_leaves_its_report_and_what_it_looked_at(event: Event) -> None:
    loaded = load(event)
    errand = done(asked(event, steps=["tip"]))
    report = kept.restored(errand.result["report"])
    assert [(step.name, step.people, step.first) for step in report.steps] == [("tip", 3, DUE)]
    seen = approval.Seen.restored(errand.result["seen"])
    assert seen == approval.note(loaded, ["tip"])
    assert (errand.done, errand.total, errand.problem) == (3, 3, "")
    assert errand.ended_at is not None


def test_a_report_comes_back_from_its_column_as_it_was(event: Event) -> None:
    entrant(event, consents=())
    load(event, a_step(), a_step("text", channel="sms", template="race-eve", when="1 day before, 16:00"))
    with time_machine.travel(EARLIER, tick=False):
        report = look(event, most=10)
    assert kept.restored(kept.plain(report)) == report


def test_a_preflight_changes_nothing_but_its_errand(event: Event) -> None:
    load(event)
    errand = asked(event, steps=["tip"])
    before = dump()
    done(errand)
    after = dump()
    assert {table for table in before if before[table] != after[table]} == {"errands"}


def test_an_errand_runs_once(event: Event) -> None:
    load(event)
    errand = done(asked(event))
    ended = errand.ended_at
    with time_machine.travel(EARLIER + timedelta(hours=1), tick=False):
        errands.run(errand.id)
    errand.refresh_from_db()
    assert errand.ended_at == ended


def test_a_rehearsal_leaves_a_page_and_its_figures(event: Event) -> None:
    a_campaign(event)
    errand = done(asked(event, ErrandKind.REHEARSAL))
    page = errands.report_of(errand)
    assert page is not None
    assert b"How Run Reigate 2027 would go" in page
    assert (errand.result["emails"], errand.result["people"]) == (3, 3)


def test_a_rehearsal_leaves_no_line_in_the_log_of_what_was_sent(
    event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    a_campaign(event)
    done(asked(event, ErrandKind.REHEARSAL))
    assert [line for line in caplog.records if line.name.startswith("campaigns.ledger")] == []
    logging.getLogger("campaigns.ledger").info("heard again")
    assert "heard again" in caplog.text


def test_a_rehearsal_of_a_move_says_what_it_tried(event: Event) -> None:
    a_campaign(event)
    errand = done(asked(event, ErrandKind.REHEARSAL, move_to="2027-10-03"))
    assert "3 Oct 2027" in " ".join(errand.result["tried"])
    event.refresh_from_db()
    assert event.date.isoformat() == "2027-09-19"


def test_what_cannot_be_run_says_why(event: Event) -> None:
    for kind, words in (
        (ErrandKind.PREFLIGHT, "no plan any more"),
        (ErrandKind.REHEARSAL, "has no plan yet"),
    ):
        errand = done(asked(event, kind))
        assert words in errand.problem
        assert errand.ended_at is not None


def test_a_bug_is_told_without_its_words(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    load(event)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret@example.org")

    monkeypatch.setattr(errands, "look", broken)
    errand = done(asked(event, steps=["tip"]))
    assert errand.problem.startswith("Something went wrong here")
    assert "secret" not in errand.problem


def test_one_that_redis_lost_is_found_by_the_tick(event: Event) -> None:
    errand = asked(event)
    assert errands.waiting(errand.asked_at + timedelta(seconds=1)) == []
    assert errands.waiting(errand.asked_at + timedelta(seconds=3)) == [errand.id]
    done(errand)
    assert errands.waiting(errand.asked_at + timedelta(seconds=3)) == []


def test_one_whose_process_died_counts_as_lost(event: Event) -> None:
    errand = asked(event)
    Errand.objects.update(seen_at=EARLIER)
    errand.refresh_from_db()
    assert not errands.is_lost(errand, EARLIER + timedelta(minutes=2))
    assert errands.is_lost(errand, EARLIER + timedelta(minutes=4))


def test_names_in_a_report_go_after_a_day_and_with_whoever_is_erased(event: Event) -> None:
    a_campaign(event)
    for act in (lambda: privacy.erase(event.entrants.first()), lambda: _a_day_later(event)):
        errand = done(asked(event, ErrandKind.REHEARSAL))
        assert errand.report is not None
        act()
        errand.refresh_from_db()
        assert errand.report is None
        assert errand.result["people"] == 3


def _a_day_later(event: Event) -> None:
    Errand.objects.update(asked_at=EARLIER - timedelta(days=2))
    with time_machine.travel(EARLIER, tick=False):
        asked(event)


def test_old_errands_go_when_a_new_one_is_asked_for(event: Event) -> None:
    old = asked(event)
    Errand.objects.update(asked_at=old.asked_at - timedelta(days=31))
    asked(event)
    assert not Errand.objects.filter(id=old.id).exists()


def test_errands_have_a_queue_of_their_own() -> None:
    assert "errands" in worker.QUEUES
    assert worker.run_errand.name == "errand"


# Approving what an errand looked at


def test_what_was_seen_is_approved_and_nothing_else(event: Event) -> None:
    loaded = load(event, a_step(), a_step("shoes", template="shoes", when="40 days before, 10:00"))
    errand = done(asked(event, steps=["tip"]))
    seen, report = approval.Seen.restored(errand.result["seen"]), kept.restored(errand.result["report"])
    with time_machine.travel(EARLIER, tick=False):
        approval.approve_seen(loaded, "ann@example.org", seen, report)
    assert (the_step(loaded).state, the_step(loaded, "shoes").state) == ("approved", "waiting")
    assert the_step(loaded).approved_recipients == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda event: load(event, a_step(audience="adults")), "Step 'tip' changed while it was looked at"),
        (lambda event: campaign.move_race(event, date(2027, 9, 26)), "The race or its plan changed"),
        (
            lambda event: load(event, a_step(), a_step("more", template="shoes")),
            "The race or its plan changed",
        ),
        (lambda event: entrants(event, 1), "looked at for 3 people and is for 4 now"),
        (lambda event: _new_words(event), "Step 'tip' changed while it was looked at"),
    ],
)
def test_what_is_not_as_it_was_seen_is_not_approved(
    event: Event, change: Callable[[Event], object], words: str
) -> None:
    loaded = load(event)
    errand = done(asked(event, steps=["tip"]))
    seen, report = approval.Seen.restored(errand.result["seen"]), kept.restored(errand.result["report"])
    change(event)
    before = dump()
    with time_machine.travel(EARLIER, tick=False), pytest.raises(CampaignError, match=words):
        approval.approve_seen(loaded, "ann@example.org", seen, report)
    assert dump() == before


def _new_words(event: Event) -> None:
    template = event.templates.get(name="back-warm-up")
    source = template.versions.get().source.replace("topic: ", "topic: New ", 1)
    campaign.version_saying(template, source, health=True)


def test_a_few_more_people_are_no_reason_to_look_again(db: None) -> None:
    event = an_event()
    entrants(event, 10)
    loaded = load(event)
    errand = done(asked(event, steps=["tip"]))
    seen, report = approval.Seen.restored(errand.result["seen"]), kept.restored(errand.result["report"])
    entrants(event, 2)
    with time_machine.travel(EARLIER, tick=False):
        approval.approve_seen(loaded, "ann@example.org", seen, report)
    assert the_step(loaded).state == "approved"
