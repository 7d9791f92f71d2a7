"""A campaign from its plan file to its end: what is loaded, what approval binds, who may do what when."""

import shutil
from datetime import date
from pathlib import Path

import pytest
import time_machine
from people import (
    DUE,
    ROOT,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    entrant,
    load,
    names,
    queue,
    the_step,
    tick_at,
)
from reigate import dump

from campaigns import campaign, ledger
from campaigns.campaign import CampaignError
from campaigns.models import Campaign, Delivery, Event, Step, Template, Version
from campaigns.models.words import Channel

TWO = (a_step(), a_step("shoes", template="shoes", when="40 days before, 10:00"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The messages of the repository, to be edited."""
    for channel in ("email", "sms"):
        shutil.copytree(ROOT / "templates" / channel, tmp_path / channel)
    return tmp_path


def edit(folder: Path, name: str, channel: str = "email") -> None:
    file = folder / channel / f"{name}.{'md' if channel == 'email' else 'txt'}"
    file.write_text(file.read_text("utf-8").replace("topic: ", "topic: More about ", 1), "utf-8")


def approved(loaded: Campaign) -> dict[str, str]:
    return dict(loaded.steps.values_list("name", "state"))


# Loading


def test_a_new_plan_is_a_draft_whose_steps_wait(db):
    loaded = load(an_event(), *TWO, catch_up=True)
    assert loaded.state == "draft"
    assert approved(loaded) == {"tip": "waiting", "shoes": "waiting", "catch-up": "waiting"}
    assert list(loaded.steps.values_list("position", flat=True)) == [1, 2, 3]
    assert Version.objects.count() == 3


def test_a_step_that_is_not_enabled_is_off(db):
    loaded = load(an_event(), a_step(more="enabled = false"))
    assert the_step(loaded).state == "off"
    assert campaign.approve(loaded, "ann@example.org", []) == 0


def test_the_same_plan_again_changes_nothing_but_counters(db):
    event = an_event()
    loaded = a_campaign(event, *TWO, catch_up=True, quiet_hours="20:00-09:00")
    queue(the_step(loaded), [entrant(event)])
    before, event_before = dump(), Event.objects.values().get()
    load(event, *TWO, catch_up=True, quiet_hours="20:00-09:00")
    after = dump()
    changed = {table for table in before if before[table] != after[table]}
    assert changed == {"events", "stop_signal"}
    event_after = Event.objects.values().get()
    assert {name for name in event_after if event_after[name] != event_before[name]} == {
        "plan_version",
        "revision",
    }


def test_every_load_tells_the_drains_and_dates_the_rows_anew(db):
    event = an_event()
    load(event)
    before, version = ledger.stop_epoch(), Event.objects.get().plan_version
    load(event)
    assert ledger.stop_epoch() > before
    assert Event.objects.get().plan_version == version + 1


def test_a_plan_goes_to_its_own_event_only(db):
    here, there = an_event(), an_event()
    first = a_campaign(here)
    before = Campaign.objects.values().get(), Step.objects.values().get()
    load(there, *TWO)
    assert (Campaign.objects.values().get(id=first.id), Step.objects.values().get(campaign=first)) == before


def test_a_step_no_longer_in_the_plan_is_off_and_waits_again_when_it_comes_back(db):
    event = an_event()
    loaded = a_campaign(event, *TWO)
    person = entrant(event)
    queue(the_step(loaded, "shoes"), [person])
    load(event, TWO[0])
    assert approved(loaded) == {"tip": "approved", "shoes": "off"}
    tick_at(DUE)
    assert not claim_at(DUE, the_step(loaded, "shoes")).groups
    assert Delivery.objects.get(step__name="shoes").state == "due"
    load(event, *TWO)
    assert approved(loaded)["shoes"] == "waiting"


def test_alerts_are_not_switched_off_by_a_plan(db):
    event = an_event()
    alert = an_alert(a_campaign(event))
    load(event)
    assert Step.objects.get(id=alert.id).state == "sending"


# What cannot be loaded


def test_a_message_that_is_missing_names_its_step_and_nothing_changes(db, folder):
    event = an_event()
    a_campaign(event, folder=folder)
    before = dump()
    with pytest.raises(CampaignError, match=r"Step 'new' needs the message email/nowhere\.md"):
        load(event, a_step(audience="club"), a_step("new", template="nowhere"), folder=folder)
    assert dump() == before


def test_a_fallback_needs_a_message_of_its_own(db):
    with pytest.raises(CampaignError, match="Step 'morning' needs the message email/race-morning"):
        load(
            an_event(),
            a_step("morning", channel="sms", template="race-morning", more='fallback = "email"'),
        )


def test_a_message_with_an_error_names_its_step(db, folder):
    (folder / "email" / "shoes.md").write_text("---\ntopic: Shoes\n---\n{{ shoe_size }}\n")
    with pytest.raises(CampaignError, match="Step 'shoes': "):
        load(an_event(), *TWO, folder=folder)
    assert not Step.objects.exists()


def test_an_audience_that_makes_no_sense_names_its_step_and_the_nearest_word(db):
    with pytest.raises(
        CampaignError, match=r"Step 'tip', audience: Line 1, column 1: .*did you mean 'adults'"
    ):
        load(an_event(), a_step(audience="adlts"))
    assert not Campaign.objects.exists()


def test_a_step_does_not_change_its_channel(db):
    event = an_event()
    a_campaign(event, a_step(template="hydration"))
    before = dump()
    with pytest.raises(CampaignError, match=r"'tip' goes by email .* give the step by sms another name"):
        load(event, a_step(channel="sms", template="hydration"))
    assert dump() == before


# Approval


def test_approval_binds_the_words_the_date_and_who_said_so(db):
    event = an_event()
    with time_machine.travel(DUE, tick=False):
        loaded = a_campaign(event, live=False)
    step = the_step(loaded)
    assert (step.state, step.approved_by, step.approved_at) == ("approved", "ann@example.org", DUE)
    assert (step.approved_hash, step.approved_date) == (step.content_hash, date(2027, 9, 19))
    assert step.version == Version.objects.get()
    assert loaded.state == "approved"


def test_only_the_named_steps_are_approved(db):
    loaded = load(an_event(), *TWO)
    assert campaign.approve(loaded, "ann@example.org", ["shoes"]) == 1
    assert approved(loaded) == {"tip": "waiting", "shoes": "approved"}
    assert campaign.approve(loaded, "ann@example.org", []) == 1
    assert campaign.approve(loaded, "ann@example.org", []) == 0


def test_an_unknown_step_is_named_with_those_that_there_are(db):
    loaded = load(an_event(), *TWO)
    with pytest.raises(CampaignError, match=r"no step 'shoos' .* it has shoes, tip"):
        campaign.approve(loaded, "ann@example.org", ["tip", "shoos"])
    assert approved(loaded) == {"tip": "waiting", "shoes": "waiting"}


def test_an_edit_of_one_message_asks_for_approval_of_that_step_alone(db, folder):
    event = an_event()
    loaded = a_campaign(event, *TWO, folder=folder)
    people = [entrant(event)]
    for name in ("tip", "shoes"):
        queue(the_step(loaded, name), people)
    first = the_step(loaded).version
    edit(folder, "back-warm-up")
    load(event, *TWO, folder=folder)
    tick_at(DUE)
    assert approved(loaded) == {"tip": "waiting", "shoes": "approved"}
    assert the_step(loaded).version == first, "the words that were approved stay the step's words"
    assert not claim_at(DUE, the_step(loaded)).groups
    assert loaded.state == "live"
    assert campaign.approve(loaded, "bob@example.org", []) == 1
    step = the_step(loaded)
    assert step.version.number == 2
    assert step.approved_by == "bob@example.org"
    tick_at(DUE)
    assert len(claim_at(DUE, step).groups) == 1


def test_one_message_in_two_steps_asks_for_both(db, folder):
    event = an_event()
    both = (a_step(), a_step("again", when="10 days before, 10:00"))
    loaded = a_campaign(event, *both, folder=folder)
    edit(folder, "back-warm-up")
    load(event, *both, folder=folder)
    assert approved(loaded) == {"tip": "waiting", "again": "waiting"}
    assert Version.objects.count() == 2


def test_an_edit_of_the_fallback_asks_for_approval(db, folder):
    event = an_event()
    step = a_step(channel="sms", template="hydration", more='fallback = "email"')
    loaded = a_campaign(event, step, folder=folder)
    edit(folder, "hydration")
    load(event, step, folder=folder)
    assert the_step(loaded).state == "waiting"
    campaign.approve(loaded, "ann@example.org", [])
    assert the_step(loaded).fallback_version.number == 2


@pytest.mark.parametrize(
    "words",
    [
        {"when": "46 days before, 10:00"},
        {"audience": "half"},
        {"purpose": "sponsor"},
        {"latest": "12 h"},
        {"late_entrants": "send"},
        {"template": "shoes"},
        {"more": 'per = "entrant"'},
    ],
)
def test_every_change_that_matters_asks_for_approval(db, words):
    event = an_event()
    loaded = a_campaign(event)
    load(event, a_step(**words))
    assert the_step(loaded).state == "waiting"


def test_another_order_or_another_step_does_not_ask_for_approval(db):
    event = an_event()
    loaded = a_campaign(event, *TWO)
    load(event, a_step("new", template="shoes"), *reversed(TWO))
    assert approved(loaded) == {"new": "waiting", "shoes": "approved", "tip": "approved"}


def test_a_step_approved_again_goes_on_with_what_is_left_of_it(db, folder):
    event = an_event()
    loaded = a_campaign(event, folder=folder)
    sent, left = entrant(event), entrant(event)
    tick_at(DUE)
    claim = claim_at(DUE, the_step(loaded), limit=1)
    ledger.settle(Channel.EMAIL, [ledger.Result(*claim.fences[0], claim.fences[0][0], "accepted")], DUE)
    edit(folder, "back-warm-up")
    load(event, folder=folder)
    campaign.approve(loaded, "ann@example.org", [])
    assert the_step(loaded).state == "sending"
    tick_at(DUE)
    assert names(claim_at(DUE, the_step(loaded))) == [[left.first_name]]
    assert Delivery.objects.get(entrant=sent).state == "sent"


def test_words_that_come_back_are_a_new_version(db, folder):
    """Versions only go on: which words were the last is never a question."""
    event = an_event()
    file = folder / "email" / "back-warm-up.md"
    original = file.read_text("utf-8")
    load(event, folder=folder)
    edit(folder, "back-warm-up")
    load(event, folder=folder)
    file.write_text(original, "utf-8")
    load(event, folder=folder)
    versions = list(Template.objects.get().versions.order_by("number"))
    assert [version.number for version in versions] == [1, 2, 3]
    assert versions[0].content_hash == versions[2].content_hash


def test_a_step_that_its_provider_stopped_asks_for_approval_once_its_words_are_changed(db, folder):
    event = an_event()
    loaded = a_campaign(event, folder=folder)
    ledger.pause_step(the_step(loaded).id, "The provider refuses this message: too big")
    load(event, folder=folder)
    assert the_step(loaded).state == "paused", "nothing has changed: it stays stopped"
    edit(folder, "back-warm-up")
    load(event, folder=folder)
    assert the_step(loaded).state == "waiting"
    assert campaign.approve(loaded, "ann@example.org", []) == 1
    step = the_step(loaded)
    assert (step.state, step.state_reason) == ("approved", "")


# The campaign's states

LIFE = {
    "start": {"approved": "live", "live": "live"},
    "pause": {"live": "paused", "paused": "paused"},
    "resume": {"paused": "live", "live": "live"},
    "stop": dict.fromkeys(("draft", "approved", "live", "paused", "stopped"), "stopped"),
}


@pytest.mark.parametrize("state", ["draft", "approved", "live", "paused", "stopped", "done"])
@pytest.mark.parametrize("act", LIFE)
def test_each_act_is_possible_from_its_own_states_only(db, act, state):
    loaded = a_campaign(an_event())
    Campaign.objects.update(state=state)
    before = ledger.stop_epoch()
    becomes = LIFE[act].get(state)
    if becomes is None:
        with pytest.raises(CampaignError, match=f"The campaign is {state}: "):
            getattr(campaign, act)(loaded)
    else:
        getattr(campaign, act)(loaded)
    loaded.refresh_from_db()
    assert loaded.state == (becomes or state)
    assert (ledger.stop_epoch() > before) == (becomes not in (None, state))


def test_a_step_that_its_provider_stopped_goes_on_when_it_is_approved_by_name(db):
    loaded = a_campaign(an_event())
    ledger.pause_step(the_step(loaded).id, "The provider refuses this message.")
    assert campaign.approve(loaded, "ann@example.org", []) == 0
    assert the_step(loaded).state == "paused"
    assert campaign.approve(loaded, "ann@example.org", ["tip"]) == 1
    assert (the_step(loaded).state, the_step(loaded).state_reason) == ("approved", "")


def test_a_campaign_without_an_approved_step_does_not_start(db):
    loaded = load(an_event())
    with pytest.raises(CampaignError, match="No step is approved yet"):
        campaign.start(loaded)


def test_the_incident_hold_goes_on_and_off_again(db):
    event = an_event()
    campaign.hold(event, on=True)
    assert Event.objects.get().incident_hold
    campaign.hold(event, on=False)
    assert not Event.objects.get().incident_hold


def test_a_race_cancelled_twice_keeps_the_first_moment(db):
    event = an_event()
    with time_machine.travel(DUE, tick=False):
        campaign.cancel_event(event)
    campaign.cancel_event(event)
    assert Event.objects.get().cancelled_at == DUE


def test_the_state_that_a_person_saw_does_not_decide(db):
    """Somebody stopped the campaign since this page was drawn: a resume finds it stopped."""
    loaded = a_campaign(an_event())
    campaign.pause(loaded)
    seen = Campaign.objects.get()
    campaign.stop(loaded)
    with pytest.raises(CampaignError, match="The campaign is stopped"):
        campaign.resume(seen)
