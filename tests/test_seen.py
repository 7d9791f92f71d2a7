"""A message as somebody would see it, also where no step of the plan has it."""

from __future__ import annotations

from people import a_campaign, a_step, an_event, entrant, load, the_library

from campaigns import seen
from campaigns.models import Template, Version


def draft(template: Template, source: str) -> Version:
    return Version(template=template, number=9, source=source)


def newest(event, name: str, channel: str = "email") -> Version:
    return Version.objects.get(template__event=event, template__name=name, template__channel=channel)


def test_words_that_are_not_stored_are_seen_as_they_would_be_sent(db):
    event = an_event()
    a_campaign(event, a_step())
    version = newest(event, "back-warm-up")
    found = seen.look(
        draft(version.template, version.source.replace("subject: ", "subject: News of ", 1)), entrant(event)
    )
    assert seen.words(found)["subject"].startswith("News of ")
    assert Version.objects.filter(template=version.template).count() == 1


def test_an_alert_is_seen_with_examples_for_what_its_sender_types(db):
    event = an_event()
    the_library(event)
    for channel in ("email", "sms"):
        found = seen.look(newest(event, "alert-heat", channel), entrant(event, first_name="Ada"))
        assert "29" in seen.words(found)["text"]
        assert seen.sentence(found) == "An example, as Ada would read it."


def test_before_anybody_has_entered_there_is_an_example(db):
    event = an_event()
    load(event, a_step())
    found = seen.look(newest(event, "back-warm-up"), None)
    assert seen.INVENTED_NAME in seen.words(found)["text"]
