"""Edits of a message in the pages: a new version, only the steps that use it held, and nobody's words lost."""

from __future__ import annotations

import pytest
from people import a_campaign, a_step, an_event, load, sign_everything, the_library, the_step

from campaigns import campaign, content, wording
from campaigns.models import Event, Step, Template, Version

TWO = (
    a_step(),
    a_step("shoes", template="shoes", when="40 days before, 10:00"),
    a_step(
        "text", channel="sms", template="hydration", when="30 days before, 10:00", more='fallback = "email"'
    ),
)


@pytest.fixture
def event(db) -> Event:
    return an_event()


def message(event: Event, name: str, channel: str = "email") -> Template:
    return Template.objects.get(event=event, name=name, channel=channel)


def newest(template: Template) -> Version:
    return template.versions.latest("number")


def edited(source: str) -> str:
    return source.replace("topic: ", "topic: More about ", 1)


def states(event: Event) -> dict[str, str]:
    return dict(Step.objects.filter(campaign__event=event).values_list("name", "state"))


def test_an_edit_is_a_new_version_and_holds_its_steps_alone(event):
    a_campaign(event, *TWO)
    before = newest(message(event, "shoes"))
    saved = wording.save(before.template, edited(before.source), over=before.content_hash)
    assert (saved.is_new, saved.version.number, saved.waiting) == (True, 2, ["shoes"])
    assert states(event) == {"tip": "approved", "shoes": "waiting", "text": "approved"}
    assert not saved.version.sign_offs.exists()


def test_an_edit_of_a_fallback_holds_the_text_that_falls_back_on_it(event):
    a_campaign(event, *TWO)
    before = newest(message(event, "hydration"))
    saved = wording.save(before.template, edited(before.source), over=before.content_hash)
    assert saved.waiting == ["text"]


def test_loading_the_same_words_from_files_afterwards_asks_nothing_again(event):
    """The hash of a step is the same whether a page or a plan file has written the words."""
    loaded = a_campaign(event, *TWO)
    before = newest(message(event, "shoes"))
    wording.save(before.template, edited(before.source), over=before.content_hash)
    wording.save(before.template, before.source, over=newest(before.template).content_hash)
    sign_everything(loaded)
    campaign.approve(loaded, "ann@example.org", [])
    load(event, *TWO)
    assert set(states(event).values()) == {"approved"}


def test_every_step_of_the_library_keeps_its_hash_through_a_save_that_changes_nothing(event):
    the_library(event)
    before = dict(Step.objects.values_list("name", "content_hash"))
    for template in event.templates.all():
        version = newest(template)
        saved = wording.save(template, version.source.replace("\n", "\r\n"), over=version.content_hash)
        assert not saved.is_new
    assert dict(Step.objects.values_list("name", "content_hash")) == before


def test_who_comes_second_is_told_and_nothing_is_overwritten(event):
    a_campaign(event, *TWO)
    before = newest(message(event, "shoes"))
    first = wording.save(before.template, edited(before.source), over=before.content_hash)
    with pytest.raises(wording.Overtaken) as told:
        wording.save(before.template, before.source + "\nMine.\n", over=before.content_hash)
    assert told.value.newest == first.version
    assert newest(before.template) == first.version


def test_two_who_write_the_same_are_not_in_each_others_way(event):
    a_campaign(event, *TWO)
    before = newest(message(event, "shoes"))
    first = wording.save(before.template, edited(before.source), over=before.content_hash)
    again = wording.save(before.template, edited(before.source), over=before.content_hash)
    assert (again.version, again.is_new) == (first.version, False)


def test_words_that_cannot_be_sent_change_nothing(event):
    a_campaign(event, *TWO)
    before = newest(message(event, "shoes"))
    with pytest.raises(content.ContentError, match=r"line \d+, column \d+.*first_name"):
        wording.save(before.template, before.source + "\n{{ frist_name }}\n", over=before.content_hash)
    assert newest(before.template) == before
    assert set(states(event).values()) == {"approved"}


def test_a_step_that_is_off_stays_off(event):
    a_campaign(event, *TWO)
    Step.objects.filter(name="shoes").update(state="off")
    before = newest(message(event, "shoes"))
    saved = wording.save(before.template, edited(before.source), over=before.content_hash)
    assert saved.waiting == []
    assert the_step(event.campaign, "shoes").state == "off"
