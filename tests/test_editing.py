"""The plan in the database, edited step by step, stays the plan of the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from people import ROOT, a_campaign, a_step, an_event, entrant, load, queue, the_step
from reigate import dump

from campaigns import campaign, editing, ledger, plan_file, rendering
from campaigns.campaign import CampaignError
from campaigns.models import Campaign, Event, Version
from campaigns.plan import load_plan
from campaigns.schedule import parse_when

TWO = (a_step(), a_step("shoes", template="shoes", when="40 days before, 10:00"))


def sources(event: Event) -> editing.StoredSources:
    return editing.StoredSources(ROOT / "templates", event)


def change(loaded: Campaign, name: str = "tip", **fields: object) -> None:
    step = replace(editing.planned(the_step(loaded, name)), **fields)  # type: ignore[arg-type]
    editing.change_step(loaded, step, sources(loaded.event), rendering.check_source)


def states(loaded: Campaign) -> dict[str, str]:
    return dict(loaded.steps.values_list("name", "state"))


def test_the_library_loaded_and_written_is_the_same_plan_again(db: None) -> None:
    event = an_event()
    event.races.create(slug="5k", name="5K", start="11:00")
    text = (ROOT / "campaigns" / "library" / "run-reigate.toml").read_text("utf-8")
    plan = load_plan(text, file="run-reigate.toml")
    loaded = campaign.load(event, plan, campaign.Sources(ROOT / "templates"), rendering.check_source)
    assert editing.plan_of(loaded) == plan


def test_what_pages_changed_the_exported_file_loads_without_changing_anything(db: None) -> None:
    event = an_event()
    loaded = a_campaign(event, *TWO, catch_up=True, quiet_hours="20:00-09:00")
    change(loaded, when=parse_when("race day, 07:00"), audience="half or 10k", latest=timedelta(hours=2))
    editing.switch_step(loaded, "shoes", sources(event), rendering.check_source, on=False)
    campaign.approve(loaded, "ann@example.org", [])
    before = dump()
    loaded.refresh_from_db()
    plan = load_plan(plan_file.written(editing.plan_of(loaded)), file="plan.toml")
    campaign.load(event, plan, sources(event), rendering.check_source)
    after = dump()
    assert {table for table in before if before[table] != after[table]} == {"events", "stop_signal"}


def test_an_edit_holds_that_step_alone(db: None) -> None:
    loaded = a_campaign(an_event(), *TWO)
    change(loaded, latest=timedelta(hours=2))
    assert states(loaded) == {"tip": "waiting", "shoes": "approved"}


def test_saving_a_step_as_it_is_keeps_its_approval(db: None) -> None:
    loaded = a_campaign(an_event(), *TWO)
    change(loaded)
    assert states(loaded) == {"tip": "approved", "shoes": "approved"}


def test_an_edit_tells_drains_and_dates_rows_anew(db: None) -> None:
    loaded = a_campaign(an_event(), *TWO)
    before, version = ledger.stop_epoch(), Event.objects.get().plan_version
    change(loaded, when=parse_when("46 days before, 10:00"))
    assert ledger.stop_epoch() > before
    assert Event.objects.get().plan_version == version + 1


def test_a_new_step_stands_last_and_waits(db: None) -> None:
    loaded = a_campaign(an_event(), *TWO, catch_up=True)
    step = replace(editing.planned(the_step(loaded)), name="third")
    editing.add_step(loaded, step, sources(loaded.event), rendering.check_source)
    assert [one.name for one in editing.plan_of(loaded).steps] == ["tip", "shoes", "third"]
    assert the_step(loaded, "third").state == "waiting"


@pytest.mark.parametrize("name", ["tip", "catch-up"])
def test_a_name_that_is_taken_is_refused(db: None, name: str) -> None:
    loaded = a_campaign(an_event(), *TWO, catch_up=True)
    step = replace(editing.planned(the_step(loaded)), name=name)
    with pytest.raises(CampaignError, match=f"There is a step '{name}' already"):
        editing.add_step(loaded, step, sources(loaded.event), rendering.check_source)


def test_a_refused_edit_changes_nothing(db: None) -> None:
    loaded = a_campaign(an_event(), *TWO)
    before = dump()
    with pytest.raises(CampaignError, match="did you mean 'half'"):
        change(loaded, audience="hafl")
    assert dump() == before


def test_a_step_switched_on_again_waits(db: None) -> None:
    loaded = a_campaign(an_event(), *TWO)
    for on in (False, True):
        editing.switch_step(loaded, "tip", sources(loaded.event), rendering.check_source, on=on)
        assert the_step(loaded).state == ("waiting" if on else "off")


def test_a_step_that_was_never_opened_is_deleted(db: None) -> None:
    loaded = a_campaign(an_event(), *TWO)
    editing.delete_step(loaded, "tip")
    assert states(loaded) == {"shoes": "approved"}


def test_a_step_with_messages_in_the_ledger_stays(db: None) -> None:
    event = an_event()
    loaded = a_campaign(event, *TWO)
    queue(the_step(loaded), [entrant(event)])
    with pytest.raises(CampaignError, match="switch it off instead"):
        editing.delete_step(loaded, "tip")
    assert states(loaded)["tip"] == "approved"


def test_words_edited_in_the_database_are_read_from_there(db: None) -> None:
    event = an_event()
    loaded = load(event, *TWO)
    template = the_step(loaded).template
    newest = template.versions.get()
    Version.objects.create(
        template=template, number=2, content_hash="x", health=True, created_at=newest.created_at,
        source=newest.source.replace("topic: ", "topic: New ", 1),
    )  # fmt: skip
    assert "topic: New" in sources(event).read("email", "back-warm-up", "")
    assert "topic: New" not in sources(event).read("email", "hydration", "")
