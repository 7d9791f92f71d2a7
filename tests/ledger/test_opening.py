"""Opening: everyone a step is for gets one row, whoever opens it, however often, whatever moves meanwhile."""

import threading
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from people import (
    DUE,
    WAITING,
    a_campaign,
    a_step,
    an_event,
    claim_at,
    elsewhere,
    entrant,
    entrants,
    fate,
    load,
    the_step,
    tick_at,
)

from campaigns import campaign, editing, ledger, optout, privacy, revision
from campaigns.cli import demo_story
from campaigns.ledger import gate
from campaigns.ledger.opening import open_chunk
from campaigns.models import Campaign, Delivery, Entrant, Event, Outbox, Step, Wave
from campaigns.models.words import Channel

commits = pytest.mark.django_db(transaction=True)
"""For tests in which several connections see each other's commits."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = "40 days before, 10:00"


def rows(name: str = "tip") -> dict[str, int]:
    """How many deliveries of a step there are, by state and reason."""
    found: dict[str, int] = {}
    for state, reason in Delivery.objects.filter(step__name=name).values_list("state", "reason"):
        found[reason or state] = found.get(reason or state, 0) + 1
    return found


def test_nothing_opens_before_its_moment(db):
    loaded = a_campaign(event := an_event())
    entrants(event, 3)
    tick_at(DUE - timedelta(seconds=1))
    assert not Delivery.objects.exists()
    due = tick_at(DUE)
    assert due.channels == [Channel.EMAIL]
    assert Delivery.objects.filter(step__campaign=loaded, state="due").count() == Outbox.objects.count() == 3


def test_opening_in_chunks_gives_each_entrant_one_row(db):
    loaded = a_campaign(event := an_event())
    entrants(event, 7)
    step = the_step(loaded)
    opened = [open_chunk(step.id, DUE, chunk=3) for _ in range(3)]
    assert [(chunk.rows, chunk.complete) for chunk in opened if chunk] == [(3, False), (3, False), (1, True)]
    again = open_chunk(step.id, DUE, chunk=3)
    assert again
    assert again.rows == 0
    assert Delivery.objects.count() == 7


def test_the_tokens_of_a_chunk_begin_alike_and_differ_and_are_not_known_from_a_message_id(db):
    a_campaign(event := an_event())
    entrants(event, 3)
    tick_at(DUE)
    tokens = [row.token.hex for row in Delivery.objects.all()]
    assert {token[:8] for token in tokens} == {f"{int(DUE.timestamp()):08x}"}
    assert len({token[8:] for token in tokens}) == 3
    for row in Delivery.objects.all():
        assert row.message_id.split("@")[0].split(".")[-1] not in row.token.hex


def test_sending_starts_after_the_first_chunk(db):
    loaded = a_campaign(event := an_event())
    entrants(event, 4)
    step = the_step(loaded)
    open_chunk(step.id, DUE, chunk=2)
    assert ledger.next_step(Channel.EMAIL, DUE) == step.id
    assert len(claim_at(DUE, step).groups) == 2


def test_only_the_audience_and_only_confirmed_entries_are_opened(db):
    event = an_event()
    a_campaign(event, a_step(audience="half or 10k and not club"))
    inside = entrants(event, 1, club="Reigate Priory") + entrants(event, 1, race="10k")
    entrants(event, 1, race="10k", club="Reigate Priory")
    entrants(event, 1, race="kids", guardian=True)
    entrants(event, 1, status="held")
    entrants(event, 1, status="withdrawn")
    tick_at(DUE)
    assert set(Delivery.objects.values_list("entrant", flat=True)) == {person.id for person in inside}


@pytest.mark.parametrize("state", ["draft", "approved", "paused", "stopped", "done"])
def test_a_campaign_that_is_not_live_opens_nothing(db, state):
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    Campaign.objects.filter(id=loaded.id).update(state=state)
    tick_at(DUE)
    assert open_chunk(the_step(loaded).id, DUE) is None
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("state", ["draft", "waiting", "paused", "off"])
def test_a_step_that_is_not_approved_opens_nothing(db, state):
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    Step.objects.update(state=state)
    tick_at(DUE)
    assert open_chunk(the_step(loaded).id, DUE) is None
    assert not Delivery.objects.exists()


def test_incident_hold_and_cancellation_open_nothing(db):
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    campaign.hold(event, on=True)
    tick_at(DUE)
    assert open_chunk(the_step(loaded).id, DUE) is None
    campaign.hold(event, on=False)
    campaign.cancel_event(event)
    tick_at(DUE)
    assert open_chunk(the_step(loaded).id, DUE) is None
    assert not Delivery.objects.exists()


def test_a_step_that_was_missed_altogether_is_shown_as_too_late(db):
    """No worker ran for two days: nobody gets the step, and everyone's row says why."""
    a_campaign(event := an_event())
    entrants(event, 2)
    tick_at(DUE + 2 * DAY)
    assert rows() == {"too_late": 2}
    assert not Outbox.objects.exists()


def test_start_relative_steps_wait_for_each_wave(db):
    event = an_event()
    late_wave = Wave.objects.create(race=event.races.get(slug="half"), name="B", start="10:15")
    loaded = a_campaign(event, a_step(when="start - 60 min", purpose="service"))
    first, second = entrant(event), entrant(event, wave=late_wave)
    at = DUE.replace(month=9, day=19, hour=7, minute=15)  # 08:15 in London, an hour before the half
    tick_at(at)
    assert names_due(loaded, at) == [first.id]
    assert names_due(loaded, at + HOUR) == [second.id]


def names_due(loaded: Campaign, at) -> list[int]:
    groups = claim_at(at, the_step(loaded)).groups
    return [row.entrant for group in groups for row in group]


# Two at once


@commits
def test_two_openers_at_once_give_each_entrant_one_row():
    loaded = a_campaign(event := an_event())
    entrants(event, 60)
    step = the_step(loaded)
    start = threading.Barrier(2)

    def open_all() -> None:
        start.wait(5)
        while (chunk := open_chunk(step.id, DUE, chunk=7)) is None or not chunk.complete:
            pass

    for opener in [elsewhere(open_all), elsewhere(open_all)]:
        opener.result(20)
    assert Delivery.objects.count() == Outbox.objects.count() == 60


@commits
def test_a_second_opener_skips_a_busy_step():
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    step = the_step(loaded)
    with transaction.atomic():
        gate.lock(gate.OPENING, step.id)
        assert elsewhere(lambda: open_chunk(step.id, DUE)).result(5) is None
    assert not Delivery.objects.exists()


@commits
@pytest.mark.parametrize("late", ["catch-up", "send", "skip"])
def test_an_import_that_runs_across_the_moment_is_not_lost(late):
    """Begun before the opening, committed after it: by a time of day these entrants were never late."""
    event = an_event()
    a_campaign(event, a_step(late_entrants=late), a_step("next", when=SECOND), catch_up=True)
    entrants(event, 2)
    begun, opened = threading.Event(), threading.Event()

    def import_one() -> Entrant:
        with transaction.atomic():
            person = Entrant.objects.create(
                event=event,
                race=event.races.get(slug="half"),
                source="t",
                identity=b"x",
                first_name="Zoe",
                email="zoe@example.org",
                email_hash=b"zoe",
                birth_date=date(1985, 5, 5),
            )
            begun.set()
            assert opened.wait(10)
            revision.bump(event.id)
            return person

    importing = elsewhere(import_one)
    assert begun.wait(10)
    tick_at(DUE)
    opened.set()
    person = importing.result(10)
    assert rows() == {"due": 2}
    for _ in range(3):
        tick_at(DUE + HOUR)
    assert rows()["due"] == (3 if late == "send" else 2)
    assert rows("catch-up") == ({"due": 1} if late == "catch-up" else {})
    if late != "send":
        reason = {"catch-up": "covered", "skip": "too_late"}[late]
        assert Delivery.objects.get(step__name="tip", entrant=person).reason == reason
    tick_at(DUE + 7 * DAY)
    assert Delivery.objects.get(step__name="next", entrant=person).state == "due"


@commits
def test_the_race_moves_between_the_reading_of_the_plan_and_the_insert():
    """The opening has read the plan and then waits for a row; the move commits; nothing is opened."""
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    step = the_step(loaded)
    has_read, moved = threading.Event(), threading.Event()

    def pause_before_the_insert(execute, sql, params, many, context):
        if "INSERT INTO deliveries" in sql:
            has_read.set()
            assert moved.wait(10)
        return execute(sql, params, many, context)

    def open_slowly():
        with connection.execute_wrapper(pause_before_the_insert):
            return open_chunk(step.id, DUE)

    opening = elsewhere(open_slowly)
    assert has_read.wait(10)
    # The move may have to wait for the step that is being opened, and the opening then goes first.
    moving = elsewhere(lambda: campaign.move_race(event, event.date + 30 * DAY))
    wait_until_done_or_blocked(moving)
    moved.set()
    moving.result(10)
    opening.result(10)
    for _ in range(3):
        tick_at(DUE)
    assert ledger.next_step(Channel.EMAIL, DUE) is None
    assert not claim_at(DUE, step).groups
    campaign.approve(loaded, "ann@example.org", [])
    tick_at(DUE + DAY)
    assert not claim_at(DUE + DAY, step).groups
    tick_at(DUE + 30 * DAY)
    assert len(claim_at(DUE + 30 * DAY, step).groups) == 1


@commits
def test_a_start_that_changes_between_the_reading_and_the_insert_opens_nothing_by_the_old_one():
    event = an_event()
    loaded = a_campaign(event, a_step(when="start - 60 min", purpose="service"))
    entrants(event, 1)
    step = the_step(loaded)
    at = DUE.replace(month=9, day=19, hour=7, minute=15)

    def change_before_the_insert(execute, sql, params, many, context):
        if "INSERT INTO deliveries" in sql:
            elsewhere(start_an_hour_later).result(10)
        return execute(sql, params, many, context)

    def start_an_hour_later():
        with transaction.atomic():
            event.races.update(start="10:15")
            Event.objects.update(plan_version=F("plan_version") + 1)
            revision.bump(event.id)

    with connection.execute_wrapper(change_before_the_insert):
        assert open_chunk(step.id, at) is None
    assert not Delivery.objects.exists()
    tick_at(at)
    assert not Delivery.objects.exists()
    tick_at(at + HOUR)
    assert rows() == {"due": 1}


def wait_until_done_or_blocked(running) -> None:
    """Until the other connection has finished, or waits for a lock of the database."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if running.done() or cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("The other connection neither ended nor waited.")


def while_it_opens(step: Step, act) -> None:
    """Opens a step, and lets `act` begin on another connection after the insert and before the step is saved."""
    inserted, go_on = threading.Event(), threading.Event()

    def pause_after_the_insert(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if "INSERT INTO deliveries" in sql:
            inserted.set()
            assert go_on.wait(10)
        return result

    def open_slowly():
        with connection.execute_wrapper(pause_after_the_insert):
            return open_chunk(step.id, DUE)

    opening = elsewhere(open_slowly)
    assert inserted.wait(10)
    acting = elsewhere(act)
    wait_until_done_or_blocked(acting)
    go_on.set()
    opening.result(10)
    acting.result(10)


@commits
def test_a_race_moved_during_an_opening_still_asks_for_approval():
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    step = the_step(loaded)
    while_it_opens(step, lambda: campaign.move_race(event, event.date + 30 * DAY))
    step = the_step(loaded)
    assert (step.state, step.first_opened_revision) == ("waiting", None)
    assert campaign.approve(loaded, "ann@example.org", []) == 1


@commits
def test_a_step_paused_during_its_opening_stays_paused():
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    step = the_step(loaded)
    while_it_opens(step, lambda: ledger.pause_step(step.id, "The provider refuses this message."))
    assert the_step(loaded).state == "paused"
    assert ledger.next_step(Channel.EMAIL, DUE) is None


@commits
def test_a_step_deleted_during_its_opening_stays_for_its_messages():
    loaded = a_campaign(event := an_event())
    entrants(event, 1)
    step = the_step(loaded)

    def delete() -> None:
        with pytest.raises(campaign.CampaignError, match="switch it off instead"):
            editing.delete_step(loaded, "tip")

    while_it_opens(step, delete)
    assert Delivery.objects.get().step == the_step(loaded)


@commits
def test_who_is_removed_during_an_opening_leaves_no_message_behind():
    """No foreign key looks for a delivery's entrant: whoever deletes entrants waits for the opening."""
    loaded = a_campaign(event := an_event())
    entrants(event, 2)

    def remove() -> None:
        while privacy.retain(DUE + 3 * 365 * DAY).more:
            pass

    while_it_opens(the_step(loaded), remove)
    assert not Entrant.objects.exists()
    assert not Delivery.objects.exists()
    assert the_step(loaded).totals == {"due": 2}


@commits
def test_a_demo_told_anew_during_an_opening_leaves_no_message_behind():
    loaded = a_campaign(event := an_event())
    entrants(event, 2)
    while_it_opens(the_step(loaded), lambda: demo_story.forget(event.organiser))
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


@commits
def test_a_step_paused_while_a_plan_is_loaded_stays_paused():
    """The load has read the step; the provider refuses its message; then the load writes the step."""
    loaded = a_campaign(event := an_event())
    step = the_step(loaded)
    has_read, go_on = threading.Event(), threading.Event()

    def pause_before_the_write(execute, sql, params, many, context):
        if sql.startswith('UPDATE "steps"') and not has_read.is_set():
            has_read.set()
            assert go_on.wait(10)
        return execute(sql, params, many, context)

    def load_slowly():
        with connection.execute_wrapper(pause_before_the_write):
            load(event)

    loading = elsewhere(load_slowly)
    assert has_read.wait(10)
    pausing = elsewhere(lambda: ledger.pause_step(step.id, "The provider refuses this message."))
    wait_until_done_or_blocked(pausing)
    go_on.set()
    loading.result(10)
    pausing.result(10)
    assert the_step(loaded).state == "paused"


# Late entrants


def test_a_late_entrant_gets_one_catch_up_and_then_the_plan(db):
    event = an_event()
    steps = [a_step(), a_step("second", when="46 days before, 10:00"), a_step("third", when=SECOND)]
    loaded = a_campaign(event, *steps, catch_up=True)
    entrants(event, 2)
    tick_at(DUE)
    tick_at(DUE + DAY)
    late = entrant(event)
    for hours in range(5):
        tick_at(DUE + DAY + (1 + hours) * HOUR)
    reasons = dict(Delivery.objects.filter(entrant=late).values_list("step__name", "reason"))
    # The first step's latest time has passed: it is not opened again, and the catch-up stands for it.
    assert reasons == {"second": "covered", "catch-up": ""}
    tick_at(DUE + 7 * DAY)
    assert Delivery.objects.get(entrant=late, step__name="third").state == "due"
    assert Delivery.objects.filter(step__name="catch-up").count() == 1
    assert claim_at(DUE + DAY + 6 * HOUR, the_step(loaded, "catch-up")).groups


def test_who_entered_in_time_gets_no_catch_up(db):
    event = an_event()
    a_campaign(event, catch_up=True)
    entrants(event, 2)
    for hours in range(3):
        tick_at(DUE + hours * HOUR)
    assert rows("catch-up") == {}


def test_who_enters_before_the_first_step_is_not_late(db):
    event = an_event()
    a_campaign(event, catch_up=True)
    tick_at(DUE - DAY)
    person = entrant(event)
    tick_at(DUE)
    tick_at(DUE + HOUR)
    assert fate(person) == ("due", "")


def test_a_catch_up_is_not_for_children(db):
    event = an_event()
    a_campaign(event, catch_up=True)
    entrants(event, 1)
    tick_at(DUE)
    entrants(event, 1, race="kids", guardian=True)
    tick_at(DUE + HOUR)
    assert rows("catch-up") == {}


@pytest.mark.parametrize(("days", "caught_up"), [(5, True), (4, False)])
def test_no_catch_up_within_five_days_of_the_race(db, days, caught_up):
    event = an_event()
    at = DUE + (47 - days) * DAY
    a_campaign(event, a_step(when=f"{days} days before, 10:00"), catch_up=True)
    entrants(event, 1)
    tick_at(at)
    person = entrant(event)
    for minutes in range(3):
        tick_at(at + timedelta(minutes=1 + minutes))
    found = dict(Delivery.objects.filter(entrant=person).values_list("step__name", "reason"))
    assert found == ({"tip": "covered", "catch-up": ""} if caught_up else {"tip": "too_late"})


def test_without_a_catch_up_a_late_entrant_is_shown_as_too_late(db):
    event = an_event()
    a_campaign(event)
    entrants(event, 1)
    tick_at(DUE)
    entrant(event)
    tick_at(DUE + HOUR)
    assert rows() == {"due": 1, "too_late": 1}


def test_a_step_is_opened_again_only_while_its_latest_time_has_not_passed(db):
    event = an_event()
    a_campaign(event, a_step(late_entrants="send"))
    tick_at(DUE)
    in_time = entrant(event)
    tick_at(DUE + 23 * HOUR)
    assert fate(in_time) == ("due", "")
    too_late = entrant(event)
    tick_at(DUE + 24 * HOUR)
    assert not Delivery.objects.filter(entrant=too_late).exists()


def test_an_entry_confirmed_later_gets_the_step_while_it_is_worth_sending(db):
    event = an_event()
    a_campaign(event, catch_up=True)
    person = entrant(event, status="held")
    tick_at(DUE)
    assert not Delivery.objects.exists()
    with transaction.atomic():
        Entrant.objects.update(status="confirmed")
        revision.bump(event.id)
    tick_at(DUE + HOUR)
    assert fate(person) == ("due", "")


def test_an_unsubscribe_between_opening_and_claim_is_honoured(db):
    loaded = a_campaign(event := an_event())
    person, other = entrants(event, 2)
    tick_at(DUE)
    optout.stop_tips_by_email(person)
    assert names_due(loaded, DUE) == [other.id]
    assert fate(person) == ("skipped", "no_consent")


def test_the_revision_of_the_first_opening_decides_not_that_of_a_later_one(db):
    event = an_event()
    loaded = a_campaign(event, catch_up=True)
    entrants(event, 1)
    tick_at(DUE)
    first = the_step(loaded).first_opened_revision
    for minutes in (1, 2):
        entrant(event)
        tick_at(DUE + timedelta(minutes=minutes))
    step = the_step(loaded)
    assert step.first_opened_revision == first
    assert step.opened_revision == Event.objects.get().revision
    assert rows() == {"due": 1, "covered": 2}
    assert rows("catch-up") == {"due": 2}
